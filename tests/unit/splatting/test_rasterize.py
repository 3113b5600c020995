"""The tiled rasteriser against the brute-force one, against analytic truth, and against its own symmetries."""

import math
from dataclasses import replace

import pytest
import torch

from posegaussian.splatting import GSPLAT, INRIA, rasterize
from posegaussian.splatting import tiled as tiled_module
from posegaussian.types import Camera, Gaussians, stack

F64 = torch.float64
ANTIALIASED = replace(GSPLAT, antialiased=True)
DIALECTS = {"gsplat": GSPLAT, "antialiased": ANTIALIASED, "inria": INRIA}
BACKGROUND = torch.tensor([0.2, 0.9, 0.4], dtype=F64)


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return DIALECTS[request.param]


def outputs(rendering):
    return {"colors": rendering.colors, "alphas": rendering.alphas, "depths": rendering.depths}


def leaves(gaussians: Gaussians, camera: Camera):
    tensors = {
        "means": gaussians.means,
        "quaternions": gaussians.quaternions,
        "scales": gaussians.scales,
        "opacities": gaussians.opacities,
        "colors": gaussians.colors,
        "intrinsics": camera.intrinsics,
        "world_to_camera": camera.world_to_camera,
        "background": BACKGROUND,
    }
    return {name: tensor.clone().requires_grad_() for name, tensor in tensors.items()}


def render(values, size, backend="auto", semantics=GSPLAT):
    gaussians = Gaussians(*(values[n] for n in ("means", "quaternions", "scales", "opacities", "colors")))
    camera = Camera(values["intrinsics"], values["world_to_camera"], *size)
    return rasterize(gaussians, camera, values["background"], backend=backend, semantics=semantics)


def test_values_equal_the_reference(scene, dialect):
    gaussians, camera = scene
    ours = outputs(rasterize(gaussians, camera, BACKGROUND, semantics=dialect))
    truth = outputs(rasterize(gaussians, camera, BACKGROUND, semantics=dialect, backend="reference"))
    for name, image in ours.items():
        assert image.shape[1:] == (camera.height, camera.width)
        torch.testing.assert_close(image, truth[name], rtol=1e-8, atol=1e-9, msg=lambda m, name=name: f"{name}: {m}")


def test_gradients_equal_the_reference(scene, dialect):
    gaussians, camera = scene
    size = camera.width, camera.height
    gradients = {}
    for backend in ("torch", "reference"):
        values = leaves(gaussians, camera)
        rendering = outputs(render(values, size, semantics=dialect, backend=backend))
        torch.manual_seed(1)
        loss = sum((image * torch.randn_like(image)).sum() for image in rendering.values())
        got = torch.autograd.grad(loss, list(values.values()), allow_unused=True)
        gradients[backend] = {
            n: torch.zeros_like(v) if g is None else g for (n, v), g in zip(values.items(), got, strict=True)
        }
    for name, truth in gradients["reference"].items():
        ours = gradients["torch"][name]
        assert torch.isfinite(ours).all(), name
        # The reference takes the root of a determinant, whose slope is infinite where a projected Gaussian has no area.
        known = torch.isfinite(truth)
        bound = 1e-7 * (1 + float(truth[known].abs().max()) if known.any() else 1)
        torch.testing.assert_close(ours[known], truth[known], rtol=1e-5, atol=bound, msg=lambda m, n=name: f"{n}: {m}")


def test_single_precision_is_close(scene, dialect):
    gaussians, camera = scene
    single = rasterize(
        gaussians.to(torch.float32), camera.to(torch.float32), BACKGROUND.float(), semantics=dialect
    ).colors
    truth = rasterize(gaussians, camera, BACKGROUND, semantics=dialect, backend="reference").colors
    error = (single - truth).abs()
    assert (error < 1e-4).double().mean() >= 0.999 or error.max() < 2e-4
    assert error.max() < 0.02  # A pixel may fall on the other side of a threshold.


@pytest.mark.parametrize("semantics", [GSPLAT, ANTIALIASED])
def test_gradcheck(semantics):
    from_zero = replace(semantics, alpha_min=1e-9)  # The cut at 1/255 is a step.
    torch.manual_seed(3)
    gaussians = Gaussians(
        torch.rand(6, 3, dtype=F64) - 0.5,
        torch.randn(6, 4, dtype=F64),
        torch.rand(6, 3, dtype=F64) * 0.2 + 0.1,
        torch.rand(6, dtype=F64) * 0.8 + 0.1,
        torch.rand(6, 3, dtype=F64),
    )
    pose = torch.eye(4, dtype=F64)
    pose[2, 3] = 2.0
    intrinsics = torch.tensor([[10.0, 0, 5], [0, 12, 4], [0, 0, 1]], dtype=F64)
    values = leaves(gaussians, Camera(intrinsics, pose, 9, 11))

    def function(*tensors):
        return tuple(outputs(render(dict(zip(values, tensors, strict=True)), (9, 11), semantics=from_zero)).values())

    assert torch.autograd.gradcheck(function, tuple(values.values()))


def one(position=(0.0, 0.0, 0.0), scale=0.1, opacity=0.8, color=(1.0, 0.5, 0.25)):
    return Gaussians(
        torch.tensor([position], dtype=F64),
        torch.tensor([[1.0, 0, 0, 0]], dtype=F64),
        torch.full((1, 3), scale, dtype=F64),
        torch.tensor([opacity], dtype=F64),
        torch.tensor([color], dtype=F64),
    )


def front(width=33, height=21, focal=40.0):
    pose = torch.eye(4, dtype=F64)
    pose[2, 3] = 2.0
    intrinsics = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], dtype=F64)
    return Camera(intrinsics, pose, width, height)


def test_the_default_is_antialiased():
    small = one(scale=0.005)
    assert torch.equal(rasterize(small, front()).colors, rasterize(small, front(), semantics=ANTIALIASED).colors)
    assert rasterize(small, front()).alphas.max() < rasterize(small, front(), semantics=GSPLAT).alphas.max()


@pytest.mark.parametrize("backend", ["torch", "reference"])
@pytest.mark.parametrize("semantics", [GSPLAT, ANTIALIASED])
def test_one_gaussian_is_a_gaussian(semantics, backend):
    """An isotropic one on the axis of an odd-sized image: its profile is known."""
    rendering = rasterize(one(), front(), BACKGROUND, semantics=semantics, backend=backend)
    sharp = (40 * 0.1 / 2) ** 2
    blurred = sharp + 0.3
    # The depth of a Gaussian on the axis does not move its image: the covariance is the plain pinhole scaling.
    peak = 0.8 * (sharp / blurred if semantics.antialiased else 1)
    for dx, dy in ((0, 0), (1, 0), (0, 3), (-2, 2)):
        alpha = peak * math.exp(-(dx * dx + dy * dy) / (2 * blurred))
        pixel = rendering.colors[:, 10 + dy, 16 + dx]
        expected = alpha * torch.tensor([1.0, 0.5, 0.25], dtype=F64) + (1 - alpha) * BACKGROUND
        torch.testing.assert_close(pixel, expected, rtol=1e-9, atol=1e-12)
        assert rendering.alphas[0, 10 + dy, 16 + dx].item() == pytest.approx(alpha, rel=1e-9)
        assert rendering.depths[0, 10 + dy, 16 + dx].item() == pytest.approx(2.0, rel=1e-12)
    assert rendering.alphas[0, 0, 0] == 0
    assert rendering.depths[0, 0, 0] == 0


@pytest.mark.parametrize("backend", ["torch", "reference"])
def test_alpha_is_bounded_and_pixels_stop(backend):
    """Opaque sheets: the first takes 0.999; a second would leave 1e-6 and is refused."""
    sheets = [one((0, 0, z), scale=50.0, opacity=1.0, color=c) for z, c in ((1.0, (0, 1, 0)), (0.0, (1, 0, 0)))]
    both = Gaussians(*(torch.cat([getattr(s, n) for s in sheets]) for n in Gaussians.__dataclass_fields__))
    rendering = rasterize(both, front(), backend=backend, semantics=GSPLAT)
    torch.testing.assert_close(rendering.alphas, torch.full_like(rendering.alphas, 0.999))
    torch.testing.assert_close(rendering.colors[0], rendering.alphas[0])
    assert rendering.colors[1].max() == 0
    torch.testing.assert_close(rendering.depths, torch.full_like(rendering.depths, 2.0))
    faint = rasterize(
        replace(both, opacities=torch.full((2,), 0.9 / 255, dtype=F64)), front(), backend=backend, semantics=GSPLAT
    )
    assert faint.alphas.max() == 0


def test_inria_footprint_is_whole_tiles():
    """One pixel past the box of 3 sigma is still drawn within a touched tile, and nothing beyond that tile."""
    gaussian = one(scale=0.045, opacity=1.0)  # sigma 1.05 px, radius 4, mean (16.5, 10.5): tile columns 0 and 1
    wide = replace(INRIA, alpha_min=1e-30)
    alphas = rasterize(gaussian, front(48, 21), semantics=wide).alphas[0]
    assert alphas[10, 31] > 0
    assert alphas[10, 32:].max() == 0
    # Variance 7.08 on both axes: the longer axis counts as 7.08 + sqrt(0.1), so its radius is 9: column 15.5.
    round_one = one(scale=math.sqrt(7.08 - 0.3) / 20, opacity=1.0)
    assert rasterize(round_one, front(49, 21), semantics=wide).alphas[0, 10, 0] > 0


def test_background_is_linear(plain):
    gaussians, camera = plain
    black, white, grey = (
        rasterize(gaussians, camera, torch.full((3,), level, dtype=F64), semantics=GSPLAT).colors
        for level in (0.0, 1.0, 0.3)
    )
    torch.testing.assert_close(grey, 0.7 * black + 0.3 * white)
    torch.testing.assert_close(rasterize(gaussians, camera, semantics=GSPLAT).colors, black)
    torch.testing.assert_close(1 - (white - black)[:1], rasterize(gaussians, camera, semantics=GSPLAT).alphas)


def test_batch_equals_one_by_one(plain):
    gaussians, camera = plain
    other = replace(gaussians, means=gaussians.means.flip(0) * 0.8, opacities=gaussians.opacities.flip(0))
    side = replace(camera, world_to_camera=camera.world_to_camera @ torch.diag(torch.tensor([-1.0, 1, -1, 1]).double()))
    backgrounds = torch.rand(2, 3, dtype=F64)
    batch = rasterize(stack([gaussians, other]), stack([camera, side]), backgrounds, semantics=GSPLAT)
    for i, (g, c) in enumerate([(gaussians, camera), (other, side)]):
        single = rasterize(g, c, backgrounds[i], semantics=GSPLAT)
        for name, image in outputs(single).items():
            assert torch.equal(getattr(batch, name)[i], image), name
    nested = rasterize(
        stack([stack([gaussians, other])]), stack([stack([camera, side])]), backgrounds[None], semantics=GSPLAT
    )
    assert torch.equal(nested.colors[0], batch.colors)


def test_block_size_does_not_matter(plain, monkeypatch):
    gaussians, camera = plain
    whole = rasterize(gaussians, camera, semantics=GSPLAT).colors
    monkeypatch.setattr(tiled_module, "BLOCK_ELEMENTS", 1)
    torch.testing.assert_close(rasterize(gaussians, camera, semantics=GSPLAT).colors, whole, rtol=0, atol=1e-14)


def test_unused_entries_get_no_gradient(plain):
    gaussians, camera = plain
    values = leaves(gaussians, camera)
    opacities = gaussians.opacities.clone()
    opacities[::2] = 0.0
    values["opacities"] = opacities.requires_grad_()
    render(values, (camera.width, camera.height)).colors.sum().backward()
    assert values["means"].grad[::2].abs().max() == 0
    assert values["means"].grad[1::2].abs().max() > 0


def test_same_input_same_bytes(plain):
    gaussians, camera = plain
    assert torch.equal(
        rasterize(gaussians, camera, semantics=GSPLAT).colors, rasterize(gaussians, camera, semantics=GSPLAT).colors
    )


def unchecked(gaussians, **changes):
    """Gaussians or a camera that the shape checks of the tests would refuse to make."""
    made = object.__new__(type(gaussians))
    for name in gaussians.__dataclass_fields__:
        object.__setattr__(made, name, changes.get(name, getattr(gaussians, name)))
    return made


@pytest.mark.parametrize(
    "field, change, words",
    [
        ("means", lambda t: t[:, :2], "gaussians.means must have shape"),
        ("means", lambda t: t[0], "gaussians.means must have shape"),
        ("quaternions", lambda t: t[:, :3], r"gaussians.quaternions must have shape \(80, 4\), got \(80, 3\)"),
        ("scales", lambda t: t[:-1], r"gaussians.scales must have shape \(80, 3\), got \(79, 3\)"),
        ("opacities", lambda t: t[:, None], r"gaussians.opacities must have shape \(80,\), got \(80, 1\)"),
        ("colors", lambda t: t[None], r"gaussians.colors must have shape \(80, 3\), got \(1, 80, 3\)"),
        (
            "scales",
            lambda t: t.float(),
            r"gaussians.scales of shape \(80, 3\) must be torch.float64, got torch.float32",
        ),
        ("means", lambda t: t.half(), r"gaussians.means .* must be torch.float32, got torch.float16"),
        ("colors", lambda t: t.to("meta"), r"gaussians.colors of shape \(80, 3\) must be on cpu, got meta"),
        ("means", lambda t: t * float("nan"), r"gaussians.means of shape \(80, 3\) holds values that are not finite"),
        ("scales", lambda t: t / 0, r"gaussians.scales of shape \(80, 3\) holds values that are not finite"),
    ],
)
def test_wrong_gaussians_are_refused(plain, field, change, words):
    gaussians, camera = plain
    with pytest.raises(ValueError, match=words):
        rasterize(unchecked(gaussians, **{field: change(getattr(gaussians, field))}), camera, semantics=GSPLAT)


def test_wrong_cameras_and_backgrounds_are_refused(plain):
    gaussians, camera = plain
    with pytest.raises(ValueError, match=r"camera.intrinsics must have shape \(3, 3\), got \(1, 3, 3\)"):
        rasterize(gaussians, unchecked(camera, intrinsics=camera.intrinsics[None]), semantics=GSPLAT)
    with pytest.raises(ValueError, match=r"camera.world_to_camera .* must be torch.float64"):
        rasterize(gaussians, unchecked(camera, world_to_camera=camera.world_to_camera.float()), semantics=GSPLAT)
    with pytest.raises(ValueError, match="at least 1 x 1 pixels, got 0 x 5"):
        rasterize(gaussians, unchecked(camera, width=0, height=5), semantics=GSPLAT)
    with pytest.raises(ValueError, match=r"background must have shape \(3,\), got \(4,\)"):
        rasterize(gaussians, camera, torch.zeros(4, dtype=F64), semantics=GSPLAT)
    with pytest.raises(ValueError, match="backend must be one of"):
        rasterize(gaussians, camera, backend="teapot", semantics=GSPLAT)
