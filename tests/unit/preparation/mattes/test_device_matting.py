"""Mattes that are made on a device are those of the CPU, up to rounding."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from ball_rig import RIG, around, disc, views

from posegaussian.preparation.mattes.device_difference import DeviceDifference
from posegaussian.preparation.mattes.device_hull import DeviceHull, _largest
from posegaussian.preparation.mattes.device_matting import DeviceMatting
from posegaussian.preparation.mattes.device_window import frame_of, in_image, padded, window_pixels
from posegaussian.preparation.mattes.difference import difference_evidence
from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.models import load_matting_model
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.mattes.soft_hull import SoftHull

CPU = torch.device("cpu")


def there(rig, windows, logits):
    """The evidence of a hull on the device, by camera."""
    hull = DeviceHull(rig, CPU)
    numbers = np.stack(
        [np.concatenate([frame_of(window), hull.sizes(name, window)]) for name, window in windows.items()]
    )
    stacked = torch.from_numpy(np.stack([padded(logits[name]) for name in windows]))
    found = hull.evidence(tuple(windows), stacked, torch.from_numpy(numbers))
    return dict(zip(windows, found, strict=True))


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_the_hull_is_that_of_the_cpu(names):
    rig = {name: RIG[name] for name in names}
    windows, logits = views({name: disc(RIG[name]) for name in names})
    logits["b"][100:150] = -4.0  # one camera misses a part
    found = there(rig, windows, logits)
    for name, evidence in SoftHull(rig).evidence(windows, logits).items():
        assert found[name].known
        for kind in ("strict", "lenient"):
            height, width = logits[name].shape
            apart = abs(getattr(found[name], kind)[:height, :width].numpy() - getattr(evidence, kind))
            # OpenCV looks at 32 places between two pixels.
            assert (apart > 0.4).mean() < 1e-3 and apart.mean() < 0.02


def test_cameras_that_see_nobody_together_know_nothing():
    rig = {name: RIG[name] for name in "ab"}
    windows, logits = views({name: disc(RIG[name]) for name in "ab"})
    logits = {name: np.full_like(each, -5.0) for name, each in logits.items()}
    assert not SoftHull(rig).evidence(windows, logits)["a"].others
    assert not there(rig, windows, logits)["a"].known


@pytest.mark.parametrize("half", [0, 1, 2, 3, 4, 9, 31])
def test_the_largest_value_nearby(half):
    values = np.random.default_rng(half).uniform(-6, 6, (5, 90)).astype(np.float32)
    doublings = (2 * half + 1).bit_length() - 1
    found = _largest(torch.from_numpy(values), torch.tensor(half), torch.tensor(float(doublings)))
    expected = cv2.dilate(values, np.ones((1, 2 * half + 1), np.uint8))
    np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("shape", [(192, 240), (560, 700)], ids=["enlarged", "reduced"])
def test_a_windows_pixels_are_those_of_the_cpu(shape):
    camera = SimpleNamespace(height=shape[0], width=shape[1])
    mask = np.zeros(shape, bool)
    mask[shape[0] // 5 : -shape[0] // 5, shape[1] // 3 : -shape[1] // 4] = True
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    window = around(camera, mask, image)
    rows, columns = window.height + 5, window.width + 3
    found = window_pixels(torch.from_numpy(image), torch.from_numpy(frame_of(window)), rows, columns)
    expected = np.pad(window.pixels, ((0, 5), (0, 3), (0, 0)))
    assert abs(found.permute(1, 2, 0).numpy().astype(int) - expected).max() <= 1


def test_values_of_a_window_in_its_image():
    mask = disc(RIG["a"])
    window = around(RIG["a"], mask)
    values = cv2.GaussianBlur(np.random.default_rng(0).random((window.height, window.width)), (0, 0), 3)
    frame = torch.from_numpy(frame_of(window))
    found, inside = in_image(torch.from_numpy(padded(values.astype(np.float32))), frame, *mask.shape)
    expected = np.zeros(mask.shape, bool)
    expected[window.rows, window.columns] = True
    assert (inside.numpy() == expected).all()
    size = window.box[2] - window.box[0], window.box[3] - window.box[1]
    linear = cv2.resize(values.astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(found.numpy()[window.rows, window.columns], linear, atol=1e-4)


@pytest.mark.parametrize("part", [slice(None), slice(0, 90)])
@pytest.mark.parametrize("whole", [True, False])
def test_the_difference_from_a_scene_is_that_of_the_cpu(part, whole):
    """Of a person, and of a part of one who fills the window, which leaves hardly any noise to be seen."""
    generator, mask = np.random.default_rng(0), disc(RIG["a"])
    scene = cv2.GaussianBlur(generator.integers(0, 256, (*mask.shape, 3)).astype(np.uint8), (0, 0), 3)
    noisy = (scene * 0.9 + generator.normal(4, 3, scene.shape)).clip(0, 255).astype(np.uint8)
    image = np.where(mask[..., None], scene[::-1, ::-1], noisy)[part]
    window = around(RIG["a"], mask[part], image)
    known = None if whole else (np.arange(mask.shape[1]) < mask.shape[1] // 2) & (scene[..., 0] > 5)
    scene = Scene(scene[part], None if known is None else known[part])
    expected = difference_evidence(window, scene)
    (found,) = DeviceDifference({"a": scene}, CPU).of({"a": window, "b": window}, {"a": torch.from_numpy(image)})
    assert not found[1].any()
    inside = found[0, :, : window.height, : window.width].numpy()
    assert np.abs(inside).sum() == pytest.approx(np.abs(found[0].numpy()).sum())
    assert expected.lightness.std() > 0.5
    for ours, theirs in zip(inside[:2], (expected.lightness, expected.colour), strict=True):
        apart = abs(ours - theirs)
        assert apart[theirs > 0].mean() < 0.05, "a level more or less after a resampling"
        assert apart.mean() < 0.15, "the same level is much of a difference that means nothing"
    assert ((inside[2] > 0) != (True if expected.known is None else expected.known)).mean() < 1e-3


@pytest.mark.parametrize("names", ["a", "ab"])
@pytest.mark.parametrize("scene", ["none", "all", "of one", "half"])
def test_mattes_are_those_of_the_cpu(names, scene):
    generator = np.random.default_rng(0)
    rig, images, scenes, windows = {name: RIG[name] for name in names}, {}, {}, {}
    for name in names:
        mask = disc(RIG[name])
        background = generator.integers(100, 140, (*mask.shape, 3)).astype(np.uint8)
        left = np.arange(mask.shape[1]) < mask.shape[1] // 2
        scenes[name] = Scene(background, np.broadcast_to(left, mask.shape) if scene == "half" else None)
        images[name] = np.where(mask[..., None], background // 2, background)
        windows[name] = around(RIG[name], mask, images[name])
    kept = {"none": "", "of one": "a"}.get(scene, names)
    model, known = load_matting_model(), {name: scenes[name] for name in kept}
    people = {name: window.person for name, window in windows.items()}
    matting = Matting(rig, model, known)
    expected = matting.mattes(images, people)
    matting._there = DeviceMatting(rig, model, known, CPU)
    found = matting.mattes(images, people)
    assert found.keys() == expected.keys() == set(names)
    for name, matte in expected.items():
        assert (matte.coverage > 0).any() and matte.on_device is None
        apart = abs(found[name].coverage.astype(int) - matte.coverage)
        assert (apart > 2).mean() < 1.5e-3 and apart.mean() < 0.03
        assert abs(found[name].confidence - matte.confidence) < 5e-3
        there = found[name].on_device
        assert there is not None and (there.image.numpy() == images[name]).all()
        assert (there.coverage.numpy() == found[name].coverage).all()
