"""The wrapper of the original rasteriser: its arithmetic, against analytic truth and a stand-in with its signatures.

The stand-in is a test double: it knows the published interface (both versions of it) and reads cameras from it as the
original's kernels do. What the real extension computes is not proved here.
"""

import sys
from collections import namedtuple
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest
import torch

from posegaussian.splatting import INRIA, rasterize
from posegaussian.splatting.backends import import_backend
from posegaussian.types import Camera, Gaussians

OLDER = "image_height image_width tanfovx tanfovy bg scale_modifier viewmatrix projmatrix sh_degree campos prefiltered"
OLDER += " debug"
NEWER = OLDER + " antialiasing"


def make_double(fields: str) -> ModuleType:
    """A module with the interface of diff-gaussian-rasterization that renders with our reference."""
    module = ModuleType("diff_gaussian_rasterization")
    module.__spec__ = ModuleSpec(module.__name__, None)
    module.GaussianRasterizationSettings = namedtuple("GaussianRasterizationSettings", fields)
    module.settings = []

    class GaussianRasterizer(torch.nn.Module):
        def __init__(self, raster_settings):
            super().__init__()
            self.raster_settings = raster_settings
            module.settings.append(raster_settings)

        def forward(
            self,
            means3D,
            means2D,
            opacities,
            shs=None,
            colors_precomp=None,
            scales=None,
            rotations=None,
            cov3D_precomp=None,
        ):
            s = self.raster_settings
            assert means2D.shape == means3D.shape
            norms = rotations.norm(dim=-1)  # The original does not normalise; all zero is its identity, too.
            assert (((norms - 1).abs() < 1e-5) | (norms == 0)).all()
            # Matrices are stored transposed. The focal lengths come from the field of view, the principal point from
            # the projection alone; pixels are ((x + 1) width - 1) / 2 from the centre of the first.
            pose, projection = s.viewmatrix.T, s.projmatrix.T @ torch.linalg.inv(s.viewmatrix.T)
            width, height = s.image_width, s.image_height
            focal = width / (2 * s.tanfovx), height / (2 * s.tanfovy)
            assert 2 * focal[0] / width == pytest.approx(float(projection[0, 0]), rel=1e-5)
            assert 2 * focal[1] / height == pytest.approx(float(projection[1, 1]), rel=1e-5)
            centre = [((float(projection[i, 2]) + 1) * n - 1) / 2 + 0.5 for i, n in enumerate((width, height))]
            intrinsics = torch.tensor([[focal[0], 0, centre[0]], [0, focal[1], centre[1]], [0, 0, 1]])
            torch.testing.assert_close(pose[:3, :3] @ s.campos + pose[:3, 3], torch.zeros(3), atol=1e-5, rtol=0)
            gaussians = Gaussians(means3D, rotations, scales, opacities[:, 0], colors_precomp)
            semantics = replace(INRIA, antialiased=getattr(s, "antialiasing", False))
            camera = Camera(intrinsics, pose, width, height)
            rendering = rasterize(gaussians, camera, s.bg, backend="reference", semantics=semantics)
            radii = torch.ones(len(means3D), dtype=torch.int32)
            if "antialiasing" in fields:
                return rendering.colors, radii, rendering.depths
            return rendering.colors, radii

    module.GaussianRasterizer = GaussianRasterizer
    return module


@pytest.fixture(params=[OLDER, NEWER], ids=["older", "newer"])
def double(request, monkeypatch):
    module = make_double(request.param)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.delitem(sys.modules, "posegaussian.splatting.inria_backend", raising=False)
    yield module
    sys.modules.pop("posegaussian.splatting.inria_backend", None)


def test_wrapper_equals_the_reference(scene, double):
    gaussians, camera = (part.map(lambda tensor: tensor[None].float()) for part in scene)
    background = torch.tensor([[0.2, 0.9, 0.4]])
    newer = "antialiasing" in double.GaussianRasterizationSettings._fields
    semantics = replace(INRIA, antialiased=newer)
    ours = import_backend("inria").render(gaussians, camera, background, semantics)
    truth = rasterize(gaussians, camera, background, backend="reference", semantics=semantics)
    assert len(double.settings) == 1
    for name in ("colors", "alphas", "depths"):
        image, expected = getattr(ours, name), getattr(truth, name)
        assert image.shape == expected.shape
        torch.testing.assert_close(image, expected, rtol=1e-3, atol=1e-4)


def test_gradients_pass_through_both_passes(plain, double):
    gaussians, camera = (part.map(lambda tensor: tensor[None].float()) for part in plain)
    gradients = []
    for render in (import_backend("inria").render, import_backend("reference").render):
        means, quaternions = gaussians.means.clone().requires_grad_(), gaussians.quaternions.clone().requires_grad_()
        rendering = render(replace(gaussians, means=means, quaternions=quaternions), camera, None, INRIA)
        loss = rendering.colors.square().sum() + rendering.depths.sum() + rendering.alphas.sum()
        gradients.append(torch.autograd.grad(loss, [means, quaternions]))
    for ours, truth in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, truth, rtol=1e-3, atol=1e-3 * float(truth.abs().max()))


def test_semantics_it_does_not_know_are_refused(plain, double):
    backend = import_backend("inria")
    gaussians, camera = (part.map(lambda tensor: tensor[None].float()) for part in plain)
    assert "runs on CUDA, not on cpu" in backend.refusal(gaussians, camera, INRIA)
    there = replace(gaussians)
    object.__setattr__(there, "means", type("Elsewhere", (), {"device": torch.device("cuda"), "dtype": torch.float32}))
    assert backend.refusal(there, camera, INRIA) is None
    assert "supports only dilation = 0.3, not 0.1" in backend.refusal(there, camera, replace(INRIA, dilation=0.1))
    newer = "antialiasing" in double.GaussianRasterizationSettings._fields
    assert (backend.refusal(there, camera, replace(INRIA, antialiased=True)) is None) == newer


def test_projection_matrix_hits_the_pixels(double):
    """Off-centre principal point, unequal focal lengths: clip coordinates against the pinhole formula."""
    fx, fy, cx, cy, width, height = 310.0, 290.0, 17.3, 99.1, 160, 120
    intrinsics = torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)
    matrix = import_backend("inria").projection_matrix(intrinsics, width, height)
    for x, y, z in ((0.1, -0.2, 2.0), (-0.3, 0.05, 0.7), (0.0, 0.0, 5.0)):
        clip = matrix @ torch.tensor([x, y, z, 1], dtype=torch.float64)
        assert clip[3] == z
        pixel = ((clip[0] / clip[3] + 1) * width - 1) / 2, ((clip[1] / clip[3] + 1) * height - 1) / 2
        assert pixel[0] == pytest.approx(fx * x / z + cx - 0.5, abs=1e-12)
        assert pixel[1] == pytest.approx(fy * y / z + cy - 0.5, abs=1e-12)
