"""The cameras of a streamed clip fill their ranges, keep them, and are refused where they cannot see the person."""

from dataclasses import replace

import helpers
import numpy as np
import pytest
import torch

from posegaussian.config import REALISTIC_SENSOR, RigSettings, SensorSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry.projection import project
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.rigs.calibration import perturb_calibration

SETTINGS = StreamSettings(size=(160, 160), target_size=(200, 240), sensor=SensorSettings(), still=0)
FRAMES = np.array([0, 1])


def test_every_range_is_filled_and_kept(subject):
    extent = subject.poses.extent(FRAMES)
    middle = (extent.min(0) + extent.max(0)) / 2
    baselines, radii, pitches, focals, upright = [], [], [], [], []
    for seed in range(300):
        scene = draw_stereo_scene(np.random.default_rng(seed), SETTINGS, extent)
        rays = scene.declared.centre.double().numpy() - middle
        angle = np.degrees(np.arccos(rays[0] @ rays[1] / np.prod(np.linalg.norm(rays, axis=1))))
        assert angle == pytest.approx(scene.baseline, abs=0.01)
        baselines.append(angle)
        radii.append(np.linalg.norm(rays, axis=1).mean())
        out = (rays / np.linalg.norm(rays, axis=1, keepdims=True)).sum(0)
        pitches.append(np.degrees(np.arcsin(out[2] / np.linalg.norm(out))))
        focals.append(float(scene.target.intrinsics[0, 0]) / 240)
        upright.append(abs(rays[1] - rays[0])[2] > 0.7 * np.linalg.norm(rays[1] - rays[0]))
    for values, (low, high), slack in ((baselines, (10, 60), 0.01), (radii, (1.5, 4), 0.13), (pitches, (-25, 25), 0.1)):
        assert low - slack <= min(values) and max(values) <= high + slack
        assert np.histogram(values, 5, (low, high))[0].min() > 300 / 5 * 0.6
    assert max(focals) <= 1.6 and min(focals) < 0.8 and max(focals) > 1.3
    assert 0.08 < np.mean(upright) < 0.23


def test_calibration_errors_keep_their_bound(subject):
    extent = subject.poses.extent(FRAMES)
    scene, rng, moved = draw_stereo_scene(np.random.default_rng(0), SETTINGS, extent), np.random.default_rng(1), []
    points = torch.from_numpy(extent).float().expand(2, -1, -1)
    for _ in range(50):
        true = perturb_calibration(rng, REALISTIC_SENSOR, scene.declared, extent)
        moved.append(float((project(points, true)[0] - project(points, scene.declared)[0]).norm(dim=-1).max()))
    assert max(moved) < 0.51 and np.mean(moved) > 0.15


def test_a_rig_that_cannot_see_the_person(subject):
    extent = subject.poses.extent(FRAMES)
    near = replace(SETTINGS, rig=RigSettings(radius=(0.8, 0.8), margin=(0.4, 0.4)))
    with helpers.refuses(ConfigError, "person-out-of-view"):
        for seed in range(9):
            draw_stereo_scene(np.random.default_rng(seed), near, extent)
