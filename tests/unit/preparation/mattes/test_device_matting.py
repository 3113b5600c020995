"""Mattes that are made on a device are those of the CPU, up to rounding."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ball_rig import RIG, around, disc, views

from posegaussian.preparation.mattes.device_hull import DeviceHull
from posegaussian.preparation.mattes.device_matting import DeviceMatting, _pixels
from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.models import load_matting_model
from posegaussian.preparation.mattes.soft_hull import SoftHull

CPU = torch.device("cpu")


@pytest.mark.parametrize("names", ["ab", "abc", "abcd"])
def test_the_hull_is_that_of_the_cpu(names):
    rig = {name: RIG[name] for name in names}
    windows, logits = views({name: disc(RIG[name]) for name in names})
    logits["b"][100:150] = -4.0  # one camera misses a part
    expected = SoftHull(rig).evidence(windows, logits)
    found = DeviceHull(rig, CPU).evidence(windows, {name: torch.from_numpy(each) for name, each in logits.items()})
    assert found.keys() == expected.keys()
    for name, evidence in expected.items():
        assert found[name].known
        for kind in ("strict", "lenient"):
            apart = abs(getattr(found[name], kind).numpy() - getattr(evidence, kind))
            # OpenCV looks at 32 places between two pixels.
            assert (apart > 0.4).mean() < 1e-3 and apart.mean() < 0.02


def test_cameras_that_see_nobody_together_know_nothing():
    windows, logits = views({name: disc(RIG[name]) for name in "ab"})
    logits = {name: np.full_like(each, -5.0) for name, each in logits.items()}
    assert not SoftHull(RIG).evidence(windows, logits)["a"].others
    there = {name: torch.from_numpy(each) for name, each in logits.items()}
    assert not DeviceHull({name: RIG[name] for name in "ab"}, CPU).evidence(windows, there)["a"].known


@pytest.mark.parametrize("shape", [(192, 240), (560, 700)], ids=["enlarged", "reduced"])
def test_a_windows_pixels_are_those_of_the_cpu(shape):
    camera = SimpleNamespace(height=shape[0], width=shape[1])
    mask = np.zeros(shape, bool)
    mask[shape[0] // 5 : -shape[0] // 5, shape[1] // 3 : -shape[1] // 4] = True
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3)).astype(np.uint8)
    window = around(camera, mask, image)
    found = _pixels(window, torch.from_numpy(image)).permute(1, 2, 0).numpy()
    assert abs(found.astype(int) - window.pixels).max() <= 1


@pytest.mark.parametrize("names", ["a", "ab"])
@pytest.mark.parametrize("scene", [False, True], ids=["no scene", "scene"])
def test_mattes_are_those_of_the_cpu(names, scene):
    generator = np.random.default_rng(0)
    rig, images, scenes, windows = {name: RIG[name] for name in names}, {}, {}, {}
    for name in names:
        mask = disc(RIG[name])
        scenes[name] = generator.integers(100, 140, (*mask.shape, 3)).astype(np.uint8)
        images[name] = np.where(mask[..., None], scenes[name] // 2, scenes[name])
        windows[name] = around(RIG[name], mask, images[name])
    model, known = load_matting_model(), scenes if scene else {}
    people = {name: window.person for name, window in windows.items()}
    matting = Matting(rig, model, known)
    expected = matting.mattes(images, people)
    matting._there = DeviceMatting(rig, model, known, CPU)
    found = matting.mattes(images, people)
    assert found.keys() == expected.keys() == set(names)
    for name, matte in expected.items():
        assert (matte.coverage > 0).any() and matte.on_device is None
        apart = abs(found[name].coverage.astype(int) - matte.coverage)
        assert (apart > 2).mean() < 1e-3 and apart.mean() < 0.02
        assert abs(found[name].confidence - matte.confidence) < 5e-3
        there = found[name].on_device
        assert there is not None and (there.image.numpy() == images[name]).all()
        assert (there.coverage.numpy() == found[name].coverage).all()
