"""Which back-end a call gets, and the error when it cannot have the one it asks for."""

import sys
from dataclasses import replace
from importlib.machinery import ModuleSpec
from types import ModuleType

import helpers
import pytest
import torch

from posegaussian.errors import BackendError
from posegaussian.registry import RASTERIZERS
from posegaussian.splatting import GSPLAT, INRIA, rasterize
from posegaussian.splatting.backends import choose, import_backend, is_installed


def batched(scene, dtype=torch.float32):
    return tuple(part.map(lambda tensor: tensor[None].to(dtype)) for part in scene)


def test_auto_takes_numba_on_the_cpu_and_torch_where_numba_cannot(plain):
    single, double = batched(plain), batched(plain, torch.float64)
    numba, torch_backend = import_backend("numba"), import_backend("torch")
    assert choose("auto", *single, GSPLAT) is numba
    assert choose("auto", *single, INRIA) is numba
    assert choose("auto", *double, GSPLAT) is torch_backend
    gaussians, camera = single
    moving = replace(camera, world_to_camera=camera.world_to_camera.clone().requires_grad_())
    assert choose("auto", gaussians, moving, GSPLAT) is torch_backend
    with torch.no_grad():
        assert choose("auto", gaussians, moving, GSPLAT) is numba
    assert choose("auto", *single, replace(GSPLAT, near=0.0)) is torch_backend


def test_gradients_of_cameras_work_with_auto(plain):
    gaussians, camera = (part.to(torch.float32) for part in plain)
    pose = camera.world_to_camera.clone().requires_grad_()
    rasterize(gaussians, replace(camera, world_to_camera=pose), semantics=GSPLAT).colors.sum().backward()
    assert pose.grad.abs().max() > 0


@pytest.mark.parametrize(
    "change, named",
    [
        (
            lambda g, c: (g.to(torch.float64), c.to(torch.float64)),
            "torch.float64",
        ),
        (lambda g, c: (g, replace(c, intrinsics=c.intrinsics.clone().requires_grad_())), "cameras"),
    ],
)
def test_numba_says_what_it_cannot(plain, change, named):
    gaussians, camera = change(*(part.to(torch.float32) for part in plain))
    with helpers.refuses(BackendError, "unsuitable-backend") as error:
        rasterize(gaussians, camera, backend="numba", semantics=GSPLAT)
    assert "numba" in error.value.what and named in error.value.what


@pytest.mark.parametrize(
    "name, page",
    [
        ("gsplat", "https://docs.gsplat.studio"),
        ("inria", "https://github.com/graphdeco-inria"),
    ],
)
def test_missing_package_is_named_with_its_page(plain, name, page, monkeypatch):
    monkeypatch.setitem(sys.modules, RASTERIZERS[name].package, None)
    assert not is_installed(name)
    with helpers.refuses(BackendError, "missing-package") as error:
        rasterize(*plain, backend=name, semantics=GSPLAT)
    assert RASTERIZERS[name].package in error.value.what and page in str(error.value.hint)


class Recorded:
    """Stands in for gsplat: takes its arguments, answers with its shapes. Proves nothing about gsplat."""

    def __init__(self, module: ModuleType):
        self.calls = []
        module.rasterization = self.rasterization
        module.__version__ = "1.5.3"
        module.__spec__ = ModuleSpec("gsplat", None)

    def rasterization(self, means, *arguments, **options):
        self.calls.append((means, *arguments, options))
        width, height = arguments[6:8]
        images = torch.arange(len(means) * height * width * 4.0).reshape(len(means), 1, height, width, 4)
        return images, torch.full((len(means), 1, height, width, 1), 0.5), {}


@pytest.fixture
def gsplat_double(monkeypatch):
    module = ModuleType("gsplat")
    monkeypatch.setitem(sys.modules, "gsplat", module)
    monkeypatch.delitem(sys.modules, "posegaussian.splatting.gsplat_backend", raising=False)
    yield Recorded(module)
    sys.modules.pop("posegaussian.splatting.gsplat_backend", None)


def test_gsplat_gets_the_semantics_and_no_copies(plain, gsplat_double):
    gaussians, camera = batched(plain)
    background = torch.rand(1, 3)
    semantics = replace(GSPLAT, antialiased=True, near=0.05, dilation=0.1)
    rendering = import_backend("gsplat").render(gaussians, camera, background, semantics)
    (*tensors, width, height, options) = gsplat_double.calls[0]
    names = ("means", "quaternions", "scales", "opacities", "colors")
    for tensor, name in zip(tensors, names, strict=False):
        assert tensor is getattr(gaussians, name)
    assert tensors[5].shape == (1, 1, 4, 4)
    assert tensors[5].data_ptr() == camera.world_to_camera.data_ptr()
    assert tensors[6].data_ptr() == camera.intrinsics.data_ptr()
    assert (width, height) == (camera.width, camera.height)
    assert options["near_plane"] == 0.05
    assert options["eps2d"] == 0.1
    assert options["rasterize_mode"] == "antialiased"
    assert torch.equal(options["backgrounds"][:, 0], background)
    assert rendering.colors.shape == (1, 3, height, width)
    assert rendering.colors[0, 2, 0, 1] == 6  # pixel 1, channel 2 of four
    assert rendering.depths[0, 0, 0, 1] == 7 / 0.5


@pytest.mark.parametrize(
    "change, words",
    [
        ({"alpha_max": 0.99}, "supports only alpha_max = 0.999, not 0.99"),
        ({"footprint": "square"}, "supports only footprint = exact, not square"),
        ({"transmittance_min": 0.0}, "supports only transmittance_min = 0.0001"),
    ],
)
def test_gsplat_refuses_other_semantics(plain, gsplat_double, change, words):
    gaussians, camera = batched(plain)
    backend = import_backend("gsplat")
    assert "runs on CUDA, not on cpu" in backend.refusal(gaussians, camera, GSPLAT)
    there = replace(gaussians, means=gaussians.means)
    object.__setattr__(there, "means", _Elsewhere())
    assert backend.refusal(there, camera, GSPLAT) is None
    assert words in backend.refusal(there, camera, replace(GSPLAT, **change))
    sys.modules["gsplat"].__version__ = "1.6.0"
    assert "version 1.5, not 1.6.0" in backend.refusal(there, camera, GSPLAT)


class _Elsewhere:
    """Looks like a tensor on CUDA."""

    device = torch.device("cuda")
    dtype = torch.float32
