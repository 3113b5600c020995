"""Rigs of captures: exact angles, distances and margins, closed rings, and nobody is cropped."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from posegaussian.config import GPS_GAUSSIAN, BuiltinSettings, RigSettings, SensorSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry.projection import project
from posegaussian.geometry.rig import view_angles
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.rigs.rig import capture_rig

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)
FRAMES = np.array([0, 1])


def test_rig_angles_distances_and_margins_are_exact():
    people = np.random.default_rng(1).uniform([-0.5, -0.4, 0], [0.5, 0.4, 1.8], (500, 3))
    middle = (people.min(0) + people.max(0)) / 2
    settings = BuiltinSettings(
        sources=4, size=(320, 240), rig=replace(GPS_GAUSSIAN, baseline=(30.0, 30.0), radius=(2.5, 2.5))
    )
    rig = capture_rig(np.random.default_rng(0), settings, people)
    assert list(rig.cameras) == ["00", "01", "02", "03", "t00", "t01", "t02"]
    assert rig.pairs == [("00", "01"), ("01", "02"), ("02", "03")]
    offset = {name: view.centre - middle for name, view in rig.cameras.items()}
    angle = {name: np.degrees(np.arctan2(y, x)) for name, (x, y, _) in offset.items()}
    for i, (a, b) in enumerate(rig.pairs):
        assert angle[b] - angle[a] == pytest.approx(30)
        assert angle[f"t{i:02d}"] - angle[a] == pytest.approx(15)
    for name, view in rig.cameras.items():
        assert np.linalg.norm(offset[name]) == pytest.approx(2.5) and offset[name][2] == pytest.approx(0)
        rotation = view.world_to_camera[:3, :3]
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1)
        pixels = view.project(people)
        assert min(*(pixels.min(0) / [320, 240]), *(1 - pixels.max(0) / [320, 240])) == pytest.approx(0.05)
        assert view.project(middle) == pytest.approx(view.intrinsics[:2, 2])


def test_nobody_is_cropped_on_any_rig(subject):
    extent = subject.poses.extent(FRAMES)
    mesh = subject.posed(FRAMES).vertices.flatten(0, 1)[::7].double()
    presets = [BuiltinSettings(size=(96, 96)), BuiltinSettings(sources=8, ring=True, size=(90, 120), rig=RigSettings())]
    presets += [BuiltinSettings(sources=2, size=(120, 90), rig=RigSettings(vertical=1.0), targets=3)]
    for preset in presets:
        for seed in range(4):
            rig = capture_rig(np.random.default_rng(seed), preset, extent)
            for view in rig.cameras.values():
                pixels = view.project(mesh.numpy())
                assert (pixels > 0).all() and (pixels < [view.width, view.height]).all()
    for seed in range(40):
        scene = draw_stereo_scene(np.random.default_rng(seed), SETTINGS, extent)
        for camera in (scene.declared[0], scene.declared[1], scene.target):
            pixels, _ = project(mesh.float(), camera)
            assert (pixels > 0).all() and (pixels < torch.tensor([camera.width, camera.height])).all()


def test_rings_close_and_their_angles_are_even(subject):
    settings = BuiltinSettings(sources=5, ring=True, size=(64, 64), rig=replace(RigSettings(), pitch=(0.0, 0.0)))
    rig = capture_rig(np.random.default_rng(0), settings, subject.poses.extent(FRAMES))
    assert rig.pairs[-1] == ("04", "00") and len(rig.held_out) == 5
    extent = subject.poses.extent(FRAMES)
    centres = np.stack([view.centre for view in rig.sources.values()])
    between = view_angles((extent.min(0) + extent.max(0)) / 2, centres)
    np.testing.assert_allclose([between[i, (i + 1) % 5] for i in range(5)], 72, rtol=1e-6)


def test_lenses_that_fold_the_image_within_the_person_are_refused(subject):
    extent = subject.poses.extent(np.arange(6))
    settings = BuiltinSettings(rig=RigSettings(radius=(1.2, 2.0)), sensor=SensorSettings(distortion=-0.3))
    folded = 0
    for seed in range(40):
        straight = capture_rig(np.random.default_rng(seed), replace(settings, sensor=SensorSettings()), extent)
        try:
            rig = capture_rig(np.random.default_rng(seed), settings, extent)
        except ConfigError as error:
            assert error.code == "person-out-of-view" and "k1 = -0.30 folds" in error.what
            folded += 1
            continue
        for name, camera in rig.cameras.items():
            points = extent @ camera.world_to_camera[:3, :3].T + camera.world_to_camera[:3, 3]
            radius = np.sort(np.linalg.norm(points[:, :2] / points[:, 2:], axis=1))
            assert (np.diff(radius + camera.distortion[0] * radius**3) >= 0).all()
            assert np.allclose(camera.world_to_camera, straight.cameras[name].world_to_camera)
    assert 0 < folded < 40
