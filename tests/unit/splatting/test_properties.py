"""What holds for any scene, on every back-end that runs here."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from posegaussian.splatting import GSPLAT, INRIA, rasterize
from posegaussian.types import Camera, Gaussians

BACKENDS = {"numba": torch.float32, "torch": torch.float64}
SEMANTICS = st.sampled_from([GSPLAT, replace(GSPLAT, antialiased=True), INRIA])
QUICK = settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@st.composite
def scenes(draw) -> tuple[Gaussians, Camera]:
    """Up to 40 Gaussians of any size about the origin, and a camera two metres away."""
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    count = draw(st.integers(0, 40))
    width, height = draw(st.integers(1, 50)), draw(st.integers(1, 50))
    size = 10 ** draw(st.floats(-4, 0.5))

    def uniform(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    gaussians = Gaussians(
        uniform(count, 3) * 2 - 1,
        uniform(count, 4) * 2 - 1,
        uniform(count, 3) * size,
        uniform(count),
        uniform(count, 3),
    )
    pose = torch.eye(4, dtype=torch.float64)
    pose[2, 3] = 2.0
    focal, x, y = draw(st.floats(5, 80)), draw(st.floats(-0.2, 1.2)), draw(st.floats(-0.2, 1.2))
    intrinsics = torch.tensor([[focal, 0, x * width], [0, focal * 1.1, y * height], [0, 0, 1]], dtype=torch.float64)
    return gaussians, Camera(intrinsics, pose, width, height)


def render(gaussians, camera, backend, semantics, background=None):
    dtype = BACKENDS[backend]
    background = None if background is None else torch.tensor(background, dtype=dtype)
    rendering = rasterize(gaussians.to(dtype), camera.to(dtype), background, backend=backend, semantics=semantics)
    return torch.cat([rendering.colors, rendering.alphas, rendering.alphas * rendering.depths]).double()


def assert_mostly_close(a, b, semantics):
    """A pixel may fall on the other side of a threshold; one Gaussian of a square footprint on that of a tile."""
    error = (a - b).abs().amax(0)
    assert (error < 2e-4).double().mean() >= (0.999 if semantics.footprint == "exact" else 0.95) or error.max() < 1e-3
    assert error.max() < 0.1


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(scenes(), SEMANTICS, st.integers(0, 1000))
def test_order_does_not_matter(backend, scene, semantics, seed):
    gaussians, camera = scene
    order = torch.randperm(len(gaussians.means), generator=torch.Generator().manual_seed(seed))
    depths = gaussians.means[:, 2].to(BACKENDS[backend])
    if len(depths.unique()) < len(depths):
        return
    here, there = (render(g, camera, backend, semantics) for g in (gaussians, gaussians[order]))
    assert torch.equal(here, there) if backend == "numba" else torch.allclose(here, there, rtol=0, atol=1e-12)


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(scenes(), SEMANTICS, st.lists(st.floats(0, 1), min_size=6, max_size=6), st.floats(0, 1))
def test_background_splits(backend, scene, semantics, levels, share):
    """A mixture of two backgrounds gives the mixture of the two images; alpha and depth do not see it."""
    one, other = levels[:3], levels[3:]
    mixed = [share * a + (1 - share) * b for a, b in zip(one, other, strict=True)]
    first, second, both = (render(*scene, backend, semantics, background) for background in (one, other, mixed))
    torch.testing.assert_close(both[:3], share * first[:3] + (1 - share) * second[:3], rtol=0, atol=2e-6)
    assert torch.equal(first[3:], second[3:])


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(scenes(), SEMANTICS, st.lists(st.floats(-1, 1), min_size=7, max_size=7))
def test_moving_all_with_the_camera_changes_nothing(backend, scene, semantics, motion):
    gaussians, camera = scene
    turn = torch.tensor(motion[:4], dtype=torch.float64) + torch.tensor([1.5, 0, 0, 0], dtype=torch.float64)
    turn = turn / turn.norm()
    move = torch.eye(4, dtype=torch.float64)
    move[:3, :3], move[:3, 3] = rotation(turn), torch.tensor(motion[4:], dtype=torch.float64)
    moved = replace(
        gaussians,
        means=gaussians.means @ move[:3, :3].T + move[:3, 3],
        quaternions=product(turn, gaussians.quaternions),
    )
    there = replace(camera, world_to_camera=camera.world_to_camera @ torch.linalg.inv(move))
    here, again = render(gaussians, camera, backend, semantics), render(moved, there, backend, semantics)
    assert_mostly_close(here, again, semantics)


@pytest.mark.parametrize("backend", BACKENDS)
@QUICK
@given(scenes(), SEMANTICS)
def test_alpha_and_depth_stay_in_their_ranges(backend, scene, semantics):
    gaussians, camera = scene
    image = render(gaussians, camera, backend, semantics)
    assert torch.isfinite(image).all()
    assert image[3].min() >= 0
    assert image[3].max() <= 1 + 1e-6
    assert (image[:3] <= image[3] + 1e-5).all()  # Colours are at most 1.


def rotation(quaternion):
    w, x, y, z = quaternion.tolist()
    angle = 2 * math.atan2(math.sqrt(x * x + y * y + z * z), w)
    axis = torch.tensor([x, y, z], dtype=torch.float64)
    axis = axis / axis.norm().clamp(min=1e-300)
    cross = torch.stack([torch.linalg.cross(axis, e) for e in torch.eye(3, dtype=torch.float64)], 1)
    return torch.eye(3, dtype=torch.float64) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def product(p, q):
    real = p[0] * q[:, 0] - q[:, 1:] @ p[1:]
    return torch.cat(
        [real[:, None], p[0] * q[:, 1:] + q[:, :1] * p[1:] + torch.linalg.cross(p[1:].expand_as(q[:, 1:]), q[:, 1:])],
        -1,
    )
