"""The front door: what `import posegaussian as pg` gives, that its examples run, and what it does not import."""

import dataclasses
import doctest
import functools
import re
import subprocess
import sys
from pathlib import Path

import helpers
import numpy as np
import pytest
import torch

import posegaussian as pg
from posegaussian.config import NetworkSettings, RectifySettings
from posegaussian.data import rectify as module
from posegaussian.data.rectified import stereo_pair
from posegaussian.errors import CalibrationError, CaptureError
from posegaussian.geometry.projection import project
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.pose.encode import gaussian_maps
from posegaussian.preparation.footage import FrameInMemory
from posegaussian.preparation.rectification import CameraFrame, rectify_views
from posegaussian.preparation.rectification_plan import plan_rectification, with_matched_colors
from posegaussian.rendering.reconstruct import reconstruct_frames

ROOT = Path(__file__).parents[2]
SIZE = (64, 64)
NAMES = ("00", "01")
BLOCKED = ("snakemake", "lightning", "tensorboard", "flip_evaluator", "torchmetrics", "pandas", "matplotlib")
"""What the extras install, as it is imported."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a capture of two cameras and two frames in `capture`."""
    folder = tmp_path_factory.mktemp("front")
    cameras = {name: helpers.lens(azimuth, size=(96, 80)) for name, azimuth in zip(NAMES, (-12, 12), strict=True)}
    helpers.write_sphere_capture(folder / "capture", cameras=cameras, samples=1)
    return folder


@pytest.fixture(scope="module")
def capture(folder):
    return pg.read_capture(str(folder / "capture"))


@pytest.fixture(scope="module")
def pair(capture):
    return pg.rectify(*capture.views(NAMES, 0), size=SIZE)


@pytest.fixture(scope="module")
def joints(capture, pair):
    """The true joints in both rectified images, with scores."""
    world = torch.from_numpy(capture.joints()[0]).to(torch.float32)
    pixels = torch.stack([project(world, pair.cameras[0, view])[0] for view in range(2)])
    return torch.cat([pixels, torch.full((2, 17, 1), 0.9)], dim=-1)


def assert_equal(found: pg.Gaussians, wanted: pg.Gaussians):
    assert {name: torch.equal(value, vars(wanted)[name]) for name, value in vars(found).items()} == dict.fromkeys(
        vars(wanted), True
    )


@pytest.mark.parametrize("name", pg.__all__)
def test_examples_run(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = doctest.DocTestFinder(recurse=False).find(getattr(pg, name), name, globs={})
    (example,) = found
    assert example.examples, "no example"
    assert doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example).failed == 0


def test_the_code_of_the_how_to_runs(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "capture").symlink_to(folder / "capture")
    for name in ("rectify", "Rectifier"):
        monkeypatch.setattr(pg, name, functools.partial(getattr(pg, name), size=SIZE))
    names = {}
    blocks = [*python_blocks("README.md"), *python_blocks("docs/howto/python.md")]
    assert len(blocks) == 5
    for block in blocks:
        exec(block, names)
    assert names["view"].colors.shape == (3, 80, 96)
    assert len(pg.read_ply("person.ply").means) > 100 and (tmp_path / "view.png").is_file()


def python_blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)


def test_every_name_is_typed_listed_and_lazy():
    assert set(pg._MODULES) == set(pg.__all__) <= set(dir(pg))
    assert (Path(pg.__file__).parent / "py.typed").is_file()
    with pytest.raises(AttributeError, match="no attribute 'teapot'"):
        pg.teapot  # noqa: B018
    code = "import sys; before = set(sys.modules); import posegaussian; print(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"numpy", "torch", "cv2", "pydantic"} & set(run.stdout.split())
    assert [name for name in run.stdout.split() if name.startswith("posegaussian")] == ["posegaussian"]


def test_names_are_imported_and_a_pair_reconstructed_without_any_extra(folder):
    code = f"""
import sys
for name in {BLOCKED}:
    sys.modules[name] = None
import posegaussian as pg
for name in pg.__all__:
    getattr(pg, name)
capture = pg.read_capture("capture")
pair = pg.rectify(*capture.views(capture.sources, 0), size={SIZE})
gaussians = pg.reconstruct(pair)
pg.write_image("view.png", pg.to_bytes(pg.render(gaussians, pair.cameras[0, 0]).colors))
lens = capture.cameras["00"]
for mistake in (
    lambda: pg.write_image("view.png", pair.images[0, 0]),
    lambda: pg.camera_between(lens, lens, 0.5),
    lambda: pg.render(gaussians, lens),
):
    try:
        mistake()
    except TypeError as error:
        print(error, file=sys.stderr)
print(len(gaussians.means))
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 100 and (folder / "view.png").is_file()
    image, between, render = run.stderr.splitlines()  # without the checks of types that tests add
    assert image.endswith("see to_bytes") and between == render and render.endswith("is its pinhole()")


@pytest.mark.parametrize("match_colors", [False, True])
def test_arrays_are_rectified_as_the_capture_is(match_colors, capture):
    (first, second), masks, cameras = capture.views(NAMES, 0)
    images = first, second // 2  # the second camera is darker
    plan = plan_rectification(capture, [NAMES], [0], RectifySettings(size=SIZE))
    if match_colors:
        one, other = NAMES
        pictures, mattes = ({one: values[0], other: values[1]} for values in (images, masks))
        plan = with_matched_colors(plan, FrameInMemory(capture.cameras, pictures, mattes), [0])
    frames = {name: CameraFrame(*views) for name, *views in zip(NAMES, images, masks, strict=True)}
    rectified = rectify_views(plan, frames).pairs[0]
    wanted = stereo_pair(rectified.images, rectified.masks, plan.pairs[0].cameras, filmed=True)
    found = pg.rectify(images, masks, cameras, size=SIZE, match_colors=match_colors)
    alone = pg.rectify(images, masks, cameras, size=SIZE, match_colors=match_colors, filmed=False)
    assert torch.equal(alone.images, stereo_pair(rectified.images, rectified.masks, plan.pairs[0].cameras).images)
    assert torch.equal(found.images, wanted.images) and torch.equal(found.masks, wanted.masks)
    assert torch.equal(found.cameras.intrinsics, wanted.cameras.intrinsics)
    assert torch.equal(found.cameras.world_to_camera, wanted.cameras.world_to_camera)
    whites = [plan.colors[name].sum(1) for name in NAMES]
    if match_colors:
        assert (whites[1] > 1.5 * whites[0]).all()
    else:
        assert np.all(np.array(whites) == 1)


def test_the_left_view_comes_first_in_whatever_order_they_are_given(capture, pair):
    turned = pg.rectify(*capture.views(NAMES[::-1], 0), size=SIZE)
    torch.testing.assert_close(turned.images, pair.images, atol=0.02, rtol=0)
    torch.testing.assert_close(turned.cameras.centre, pair.cameras.centre)


def test_a_stream_of_frames_keeps_its_cameras(capture):
    first, second = (capture.views(NAMES, frame) for frame in (0, 1))
    rectifier = pg.Rectifier(*first, size=SIZE)
    pairs = [rectifier(images, masks) for images, masks, _ in (first, second)]
    assert torch.equal(pairs[0].images, pg.rectify(*first, size=SIZE).images)
    assert torch.equal(pairs[0].cameras.intrinsics, pairs[1].cameras.intrinsics)
    assert not torch.equal(pg.rectify(*second, size=SIZE).cameras.intrinsics, pairs[1].cameras.intrinsics)
    nobody = rectifier(first[0], [np.zeros_like(mask) for mask in first[1]])
    assert not nobody.masks.any() and not nobody.images.any()


def test_what_cannot_be_rectified_is_named(capture):
    images, masks, cameras = capture.views(NAMES, 0)
    with helpers.refuses(CaptureError, "empty-mask", file=None, camera="second"):
        pg.rectify(images, [masks[0], masks[1] // 255], cameras)
    with helpers.refuses(CalibrationError, "no-baseline", file=None, camera="first"):
        pg.rectify(images, masks, [cameras[0], cameras[0]])
    with pytest.raises(ValueError, match="the second image and mask"):
        pg.rectify([images[0], images[1][1:]], masks, cameras)
    with pytest.raises(ValueError, match="two each, got 2, 2, 1"):
        pg.rectify(images, masks, cameras[:1])
    with pytest.raises(ValueError, match="multiple of 16"):
        pg.rectify(images, masks, cameras, size=(50, 64))
    for pose, code in ((np.full((4, 4), np.nan), "not-finite"), (np.diag([-1.0, 1, 1, 1]), "not-a-rotation")):
        with helpers.refuses(CalibrationError, code, file=None, camera="second"):
            pg.rectify(images, masks, [cameras[0], dataclasses.replace(cameras[1], world_to_camera=pose)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda views: ([image / 255 for image in views[0]], *views[1:]), "must be uint8 arrays, .* got float64"),
        (lambda views: (views[0], [mask > 127 for mask in views[1]], views[2]), "must be uint8 arrays, .* and bool"),
        (lambda views: (*views[:2], [camera.pinhole() for camera in views[2]]), "a SourceCamera, got Camera"),
    ],
)
def test_arguments_of_other_types_are_named(capture, change, message):
    """Without this, images in [0, 1] would be reconstructed as nearly black ones."""
    with pytest.raises(TypeError, match=message):
        module._check(*change(capture.views(NAMES, 0)))


def test_reconstruction_has_the_digits_of_the_pipeline(pair, joints):
    network = load_network(RELEASE)
    ((moment,),) = reconstruct_frames(network, [[pair]], torch.device("cpu"))
    assert_equal(pg.reconstruct(pair), moment.gaussians)
    maps = gaussian_maps(joints[..., :2], joints[..., 2], *SIZE)
    posed = dataclasses.replace(pair, heatmaps=maps[None], keypoints=joints[None, ..., :2], scores=joints[None, ..., 2])
    ((moment,),) = reconstruct_frames(network, [[posed]], torch.device("cpu"))
    assert_equal(pg.reconstruct(pair, joints=joints.numpy(), model=network), moment.gaussians)
    bare = pg.reconstruct(pair)
    assert len(bare.means) != len(moment.gaussians.means) or not torch.equal(bare.means, moment.gaussians.means)


def test_masks_take_the_place_of_those_of_the_pair(pair):
    own = pair.masks[0, :, 0]
    assert_equal(pg.reconstruct(pair, masks=own), pg.reconstruct(pair))
    upper = own.clone()
    upper[:, SIZE[1] // 2 :] = 0
    less = (upper < own)[None, :, None]
    black = dataclasses.replace(pair, images=torch.where(less, 0, pair.images), masks=upper[None, :, None])
    assert_equal(pg.reconstruct(pair, masks=upper.numpy()), pg.reconstruct(black))
    with pytest.raises(ValueError, match="masks must have shape"):
        pg.reconstruct(pair, masks=upper[:, 1:])
    with pytest.raises(ValueError, match="batch of one"):
        pg.reconstruct(pair[[0, 0]])
    with pytest.raises(ValueError, match="joints must be finite"):
        pg.reconstruct(pair, joints=torch.full((2, 17, 3), torch.nan))


def test_a_network_that_takes_masks_as_exact_sees_the_person_alone(capture, pair):
    network = PoseGaussian(NetworkSettings(matte="exact")).eval()
    alone = pg.rectify(*capture.views(NAMES, 0), size=SIZE, filmed=False)
    assert not torch.equal(pair.images, alone.images)
    found, wanted = (pg.reconstruct(each, model=network) for each in (pair, alone))
    torch.testing.assert_close(found.colors, wanted.colors, atol=0.02, rtol=0)
    torch.testing.assert_close(found.means, wanted.means, atol=0.02, rtol=0)


def test_a_render_takes_any_camera_and_background(pair):
    gaussians = pg.reconstruct(pair)
    camera = pair.cameras[0, 0]
    black, white = pg.render(gaussians, camera.to(torch.float64)), pg.render(gaussians, camera, torch.ones(3))
    assert torch.equal(black.colors, pg.rasterize(gaussians, camera).colors) and not black.colors.requires_grad
    torch.testing.assert_close(white.colors - black.colors, (1 - black.alphas).expand(3, -1, -1), atol=1e-5, rtol=0)


def test_gaussians_of_a_reconstruction_can_be_optimised(pair):
    gaussians = pg.reconstruct(pair)
    colors = gaussians.colors.clone().requires_grad_()
    pg.rasterize(dataclasses.replace(gaussians, colors=colors), pair.cameras[0, 0]).colors.sum().backward()
    assert colors.grad is not None and float(colors.grad.abs().max()) > 0
