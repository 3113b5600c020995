"""The Numba back-end: values and gradients against the float64 reference, and the same bits however it is run."""

import multiprocessing
import threading
from dataclasses import replace

import pytest
import torch

from posegaussian.splatting import GSPLAT, INRIA, numba_backend, rasterize
from posegaussian.types import Camera, Gaussians, stack

F64 = torch.float64
DIALECTS = {"gsplat": GSPLAT, "antialiased": replace(GSPLAT, antialiased=True), "inria": INRIA}
FIELDS = ("means", "quaternions", "scales", "opacities", "colors")
BACKGROUND = torch.tensor([0.2, 0.9, 0.4])


@pytest.fixture(params=DIALECTS)
def dialect(request):
    return DIALECTS[request.param]


@pytest.fixture
def threads():
    """Set the number of threads for a test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def run(gaussians, camera, backend, dtype=torch.float32, background=BACKGROUND, semantics=GSPLAT):
    """Images and gradients of a random sum over them."""
    values = [getattr(gaussians, name).to(dtype).clone().requires_grad_() for name in FIELDS]
    background = background.to(dtype).clone().requires_grad_()
    rendering = rasterize(Gaussians(*values), camera.to(dtype), background, backend=backend, semantics=semantics)
    images = {name: getattr(rendering, name) for name in ("colors", "alphas", "depths")}
    generator = torch.Generator().manual_seed(1)
    weights = (torch.randn(image.shape, generator=generator, dtype=F64).to(dtype) for image in images.values())
    sum((image * weight).sum() for image, weight in zip(images.values(), weights, strict=True)).backward()
    leaves = dict(zip((*FIELDS, "background"), (*values, background), strict=True))
    gradients = {n: torch.zeros_like(v) if v.grad is None else v.grad for n, v in leaves.items()}
    return {name: image.detach() for name, image in images.items()}, gradients


def assert_same_bits(a, b):
    for one, other in zip(a, b, strict=True):
        for name in one:
            assert torch.equal(one[name], other[name]), name


def crowd(count=4000, size=(150, 90)) -> tuple[Gaussians, Camera]:
    """Many small ones over many tiles."""
    gaussians = Gaussians(
        torch.randn(count, 3) * 0.4,
        torch.randn(count, 4),
        torch.rand(count, 3) * 0.02 + 0.002,
        torch.rand(count),
        torch.rand(count, 3),
    )
    pose = torch.eye(4)
    pose[2, 3] = 2.0
    intrinsics = torch.tensor([[120.0, 0, size[0] / 2], [0, 120, size[1] / 2], [0, 0, 1]])
    return gaussians, Camera(intrinsics, pose, *size)


def test_values_are_close_to_the_reference(scene, dialect):
    images, _ = run(*scene, "numba", semantics=dialect)
    truth, _ = run(*scene, "reference", F64, semantics=dialect)
    for name, bound in (("colors", 0.02), ("alphas", 0.02), ("depths", 0.05)):
        error = (images[name] - truth[name]).abs()
        assert (error < 1e-4).double().mean() >= 0.999 or error.max() < 2e-4, name
        assert error.max() < bound, name


def test_gradients_are_close_to_the_float64_ones(scene, dialect):
    _, gradients = run(*scene, "numba", semantics=dialect)
    _, truth = run(*scene, "torch", F64, semantics=dialect)
    for name, expected in truth.items():
        assert torch.isfinite(gradients[name]).all(), name
        error = (gradients[name] - expected).norm()
        # Of the background the gradient is what little shines through: 1 - alpha, rounded at 1e-7 of 1.
        assert error <= 2e-4 * expected.norm() + (1e-5 if name == "background" else 1e-9), name


def test_crowd(dialect):
    scene = crowd()
    images, gradients = run(*scene, "numba", semantics=dialect)
    truth, expected = run(*scene, "torch", F64, semantics=dialect)
    assert ((images["colors"] - truth["colors"]).abs() < 1e-4).double().mean() >= 0.999
    for name in expected:
        assert (gradients[name] - expected[name]).norm() <= 2e-3 * expected[name].norm(), name


def test_other_parameters():
    """Each rule as a number of its own, not a preset's."""
    scene = crowd(600)
    for change in (
        {"alpha_max": 0.5},
        {"alpha_min": 0.05},
        {"alpha_min": 1e-6},
        {"transmittance_min": 0.3},
        {"transmittance_min": 0.0, "alpha_max": 1.0},
        {"dilation": 0.0},
        {"dilation": 2.0, "antialiased": True},
        {"near": 2.1},
        {"slope_limit": "symmetric"},
        {"footprint": "square"},
    ):
        semantics = replace(GSPLAT, **change)
        images, gradients = run(*scene, "numba", semantics=semantics)
        truth, expected = run(*scene, "torch", F64, semantics=semantics)
        error = (images["colors"] - truth["colors"]).abs()
        assert (error < 1e-4).double().mean() >= 0.998, change
        for name in expected:
            assert (gradients[name] - expected[name]).norm() <= 5e-3 * expected[name].norm(), (change, name)


def test_skewed_pixels_and_mirrored_world(plain):
    """Intrinsics with a skew, a camera that scales and mirrors: nothing takes a shortcut through special matrices."""
    gaussians, camera = plain
    intrinsics, pose = camera.intrinsics.clone(), camera.world_to_camera.clone()
    intrinsics[0, 1], intrinsics[1, 0] = 4.0, -3.0
    pose[:3, :3] *= torch.tensor([-1.1, 0.9, 1.2], dtype=F64)
    odd = replace(camera, intrinsics=intrinsics, world_to_camera=pose)
    images, gradients = run(gaussians, odd, "numba")
    truth, expected = run(gaussians, odd, "reference", F64)
    torch.testing.assert_close(images["colors"].double(), truth["colors"], rtol=0, atol=1e-5)
    for name in expected:
        assert (gradients[name] - expected[name]).norm() <= 1e-4 * expected[name].norm(), name


@pytest.mark.parametrize("count", [2, 3, 7, 16])
def test_number_of_threads_does_not_change_a_bit(count, threads, dialect):
    scene = crowd()
    threads(1)
    alone = run(*scene, "numba", semantics=dialect)
    threads(count)
    assert_same_bits(run(*scene, "numba", semantics=dialect), alone)
    assert_same_bits(run(*scene, "numba", semantics=dialect), alone)


def test_batch_equals_one_by_one(plain):
    gaussians, camera = (part.to(torch.float32) for part in plain)
    other = replace(gaussians, means=gaussians.means.flip(0) * 0.8, opacities=gaussians.opacities.flip(0))
    side = replace(camera, world_to_camera=camera.world_to_camera @ torch.diag(torch.tensor([-1.0, 1, -1, 1])))
    backgrounds = torch.rand(2, 3)
    both = run(stack([gaussians, other]), stack([camera, side]), "numba", background=backgrounds)
    # One sum over both weighs the pixels otherwise: the gradients are compared through the images' own pull.
    for i, (g, c) in enumerate([(gaussians, camera), (other, side)]):
        single = rasterize(g, c, backgrounds[i], backend="numba", semantics=GSPLAT)
        for name, images in both[0].items():
            assert torch.equal(images[i], getattr(single, name)), name
    nested = rasterize(
        stack([stack([gaussians, other])]), stack([stack([camera, side])]), backend="numba", semantics=GSPLAT
    )
    assert nested.colors.shape == (1, 2, 3, camera.height, camera.width)


def test_gradients_of_a_batch_stay_apart(plain):
    gaussians, camera = (part.to(torch.float32) for part in plain)
    means = torch.stack([gaussians.means, gaussians.means]).requires_grad_()
    batch = replace(stack([gaussians, gaussians]), means=means)
    rendering = rasterize(batch, stack([camera, camera]), backend="numba", semantics=GSPLAT)
    (rendering.colors[0].sum() + 2 * rendering.colors[1].sum()).backward()
    assert means.grad[0].abs().max() > 0
    torch.testing.assert_close(means.grad[1], 2 * means.grad[0])


def test_broadcast_and_transposed_inputs(plain):
    gaussians, camera = (part.to(torch.float32) for part in plain)
    shared = gaussians.map(lambda tensor: tensor.expand(2, *tensor.shape))
    turned = replace(gaussians, means=gaussians.means.T.contiguous().T, colors=gaussians.colors.flip(1).flip(1))
    expected = rasterize(gaussians, camera, backend="numba", semantics=GSPLAT)
    assert torch.equal(
        rasterize(shared, stack([camera, camera]), backend="numba", semantics=GSPLAT).colors[1], expected.colors
    )
    assert torch.equal(rasterize(turned, camera, backend="numba", semantics=GSPLAT).colors, expected.colors)


def test_only_what_asks_gets_a_gradient(plain):
    gaussians, camera = (part.to(torch.float32) for part in plain)
    colors = gaussians.colors.clone().requires_grad_()
    rendering = rasterize(replace(gaussians, colors=colors), camera, backend="numba", semantics=GSPLAT)
    rendering.alphas.sum().backward()
    assert torch.equal(colors.grad, torch.zeros_like(colors))
    with torch.no_grad():
        assert not rasterize(
            replace(gaussians, colors=colors), camera, backend="numba", semantics=GSPLAT
        ).colors.requires_grad
    assert torch.equal(
        rendering.colors.detach(), rasterize(gaussians, camera, backend="numba", semantics=GSPLAT).colors
    )


def _send_bits(queue) -> None:
    torch.set_num_threads(1)  # As torch's data loader does: torch's own threads do not survive a fork.
    numba_backend._threads = lambda: 2  # Ours do.
    torch.manual_seed(5)
    images, gradients = run(*crowd(), "numba")
    queue.put({name: value.numpy().tobytes() for name, value in {**images, **gradients}.items()})


def _bits_in(context: str) -> dict[str, bytes]:
    context = multiprocessing.get_context(context)
    queue = context.Queue()
    worker = context.Process(target=_send_bits, args=(queue,))
    worker.start()
    bits = queue.get(timeout=120)
    worker.join(timeout=30)
    assert worker.exitcode == 0
    return bits


@pytest.mark.parametrize("context", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_workers_make_the_same_bits(context, threads):
    """A data loader's workers, started while this process' own threads exist."""
    threads(3)
    torch.manual_seed(5)
    images, gradients = run(*crowd(), "numba")
    here = {name: value.numpy().tobytes() for name, value in {**images, **gradients}.items()}
    assert _bits_in(context) == here


def test_two_threads_at_once(threads):
    threads(2)
    scene = crowd()
    expected = run(*scene, "numba")
    results = {}
    callers = [
        threading.Thread(target=lambda i=i: results.update({i: [run(*scene, "numba") for _ in range(5)]}))
        for i in range(3)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(results) == [0, 1, 2]
    for repeats in results.values():
        for result in repeats:
            assert_same_bits(result, expected)


@pytest.mark.parametrize("number", [-1e38, 1e38])
def test_enormous_numbers_do_not_spread(plain, number):
    """One Gaussian that overflows float32 on its way leaves the others alone."""
    gaussians, camera = (part.to(torch.float32) for part in plain)
    means, scales = gaussians.means.clone(), gaussians.scales.clone()
    means[0] = number
    scales[1] = abs(number)
    images, gradients = run(replace(gaussians, means=means, scales=scales), camera, "numba")
    for name, value in {**images, **gradients}.items():
        assert torch.isfinite(value).all(), name
