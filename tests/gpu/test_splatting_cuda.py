"""The CUDA back-ends at real sizes, against pure torch on the same device in float64: values, gradients, no waiting."""

from dataclasses import replace

import pytest
import torch

from posegaussian.splatting import GSPLAT, INRIA, rasterize
from posegaussian.splatting.backends import choose, import_backend, is_installed
from posegaussian.types import Camera, Gaussians, stack

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]
needs_gsplat = pytest.mark.skipif(not is_installed("gsplat"), reason="gsplat is not installed")
needs_inria = pytest.mark.skipif(not is_installed("inria"), reason="diff_gaussian_rasterization is not installed")
FIELDS = ("means", "quaternions", "scales", "opacities", "colors")
ANTIALIASED = replace(GSPLAT, antialiased=True)


def shell(count: int, size: int, footprint: float, opacity: float = 1.0) -> tuple[Gaussians, Camera]:
    """Points on an ellipsoid as large as a person, two layers deep, of a few pixels each."""
    generator = torch.Generator().manual_seed(0)
    normal = torch.nn.functional.normalize(torch.randn(count, 3, generator=generator), dim=-1)
    means = normal * torch.tensor([0.25, 0.3, 0.9])
    focal = 1.2 * size
    spread = footprint * 2.5 / focal
    gaussians = Gaussians(
        means,
        torch.randn(count, 4, generator=generator),
        spread * torch.exp(0.3 * torch.randn(count, 3, generator=generator)),
        torch.rand(count, generator=generator) * (opacity - 0.3) + 0.3,
        0.5 + 0.4 * torch.sin(means @ torch.tensor([[31.0, 17, 5], [7, 29, -23], [19, -11, 37]])),
    )
    pose = torch.tensor([[0.0, 1, 0, 0.03], [0, 0, -1, 0.02], [-1, 0, 0, 2.5], [0, 0, 0, 1]])
    intrinsics = torch.tensor([[focal, 0, 0.51 * size], [0, 1.05 * focal, 0.48 * size], [0, 0, 1]])
    return gaussians.to("cuda"), Camera(intrinsics, pose, size, size).to("cuda")


def run(gaussians, camera, backend, semantics, dtype=torch.float32):
    """Images and gradients of a random sum over colours, alpha and alpha x depth."""
    values = [getattr(gaussians, name).to(dtype).clone().requires_grad_() for name in FIELDS]
    background = torch.tensor([0.2, 0.9, 0.4], dtype=dtype, device="cuda", requires_grad=True)
    rendering = rasterize(Gaussians(*values), camera.to(dtype), background, backend=backend, semantics=semantics)
    images = torch.cat([rendering.colors, rendering.alphas, rendering.alphas * rendering.depths])
    weights = torch.randn(images.shape, generator=torch.Generator("cuda").manual_seed(1), device="cuda")
    gradients = torch.autograd.grad((images * weights.to(dtype)).sum(), [*values, background])
    return images.detach(), dict(zip((*FIELDS, "background"), gradients, strict=True))


def assert_parity(backend, semantics, count, size, footprint, opacity=1.0, share=0.999, bound=0.02):
    scene = shell(count, size, footprint, opacity)
    images, ours = run(*scene, backend, semantics)
    truth, expected = run(*scene, "torch", semantics, torch.float64)
    error = (images - truth).abs()
    within = (error.amax(0) < 1e-4).double().mean().item()
    relative = {n: float((ours[n] - expected[n]).norm() / expected[n].norm()) for n in expected}
    print(
        f"\nPARITY {backend} {size}^2 {count} antialiased={semantics.antialiased}: within 1e-4 {within:.5f}, "
        f"largest {error.max().item():.2e}, gradients " + " ".join(f"{n} {v:.1e}" for n, v in relative.items())
    )
    assert within >= share
    assert error.max() < bound * max(1.0, float(truth.max()))
    assert max(relative.values()) < 1e-2, relative


@needs_gsplat
@pytest.mark.parametrize("semantics", [GSPLAT, ANTIALIASED], ids=["dilated", "antialiased"])
@pytest.mark.parametrize("count, size, footprint", [(20_000, 256, 1.0), (300_000, 1024, 0.8), (250_000, 2048, 1.5)])
def test_gsplat_equals_the_oracle(count, size, footprint, semantics):
    assert_parity("gsplat", semantics, count, size, footprint)


@needs_inria
@pytest.mark.parametrize("count, size, footprint", [(20_000, 256, 1.0), (300_000, 1024, 0.8), (250_000, 2048, 1.5)])
def test_inria_equals_the_oracle(count, size, footprint):
    """Opacities below the bound of alpha: beyond it the original's gradient goes on, ours does not."""
    assert_parity("inria", INRIA, count, size, footprint, opacity=0.95)


@needs_gsplat
def test_auto_and_batches():
    gaussians, camera = shell(5000, 128, 1.0)
    pair = stack([gaussians, replace(gaussians, means=gaussians.means * 0.8)]), stack([camera, camera])
    assert choose("auto", *pair, GSPLAT) is import_backend("gsplat")
    both = rasterize(*pair, torch.rand(2, 3, device="cuda"), semantics=GSPLAT)
    assert both.colors.shape == (2, 3, 128, 128)
    single = rasterize(gaussians, camera, semantics=GSPLAT)
    torch.testing.assert_close(both.alphas[0], single.alphas, rtol=0, atol=1e-5)
    assert choose("auto", pair[0].to(torch.float64), pair[1].to(torch.float64), GSPLAT) is import_backend("torch")


@needs_gsplat
def test_wrapper_never_waits(monkeypatch):
    """Around gsplat's own work, which waits for a count, nothing of ours does."""
    import gsplat

    gaussians, camera = shell(5000, 128, 1.0)
    rasterize(gaussians, camera, semantics=GSPLAT)
    theirs = gsplat.rasterization

    def unwatched(*arguments, **options):
        torch.cuda.set_sync_debug_mode("default")
        try:
            return theirs(*arguments, **options)
        finally:
            torch.cuda.set_sync_debug_mode("error")

    monkeypatch.setattr(gsplat, "rasterization", unwatched)
    torch.cuda.set_sync_debug_mode("error")
    try:
        rasterize(gaussians, camera, torch.ones(3, device="cuda"), semantics=GSPLAT)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@needs_gsplat
def test_torch_and_numba_agree_with_it():
    """The same scene on the CPU and on the GPU."""
    gaussians, camera = shell(20_000, 256, 1.0)
    there = rasterize(gaussians, camera, backend="gsplat", semantics=ANTIALIASED).colors.cpu()
    here = rasterize(gaussians.to("cpu"), camera.to("cpu"), backend="numba", semantics=ANTIALIASED).colors
    assert ((there - here).abs() < 1e-4).double().mean() >= 0.999
