import cv2
import numpy as np
import pytest
import torch

from posegaussian.evaluation import temporal
from posegaussian.evaluation.temporal import Jitter, SettledJitter, static_jitter, tof, warping_error


def moving(step, radius=35, size=96, frames=4, seed=0):
    """A smooth random texture on a disc, the whole moving by `step` pixels a frame."""
    random = np.random.default_rng(seed)
    waves = random.uniform(-0.6, 0.6, (12, 2)), random.uniform(0, 6, (12, 3))
    y, x = np.mgrid[:size, :size] - size / 2
    video = []
    for t in range(frames):
        shifted = x - step * t
        ripples = sum(np.sin(k[0] * shifted + k[1] * y)[..., None] * np.cos(p) for k, p in zip(*waves, strict=True))
        video.append((0.5 + 0.06 * ripples) * (np.hypot(shifted, y) < radius)[..., None])
    return torch.from_numpy(np.stack(video)).permute(0, 3, 1, 2).float()


def test_jitter_is_the_deviation_over_time():
    video = torch.full((4, 3, 8, 8), 0.5)
    video[::2, :, :4] += 2 / 255
    mask = torch.zeros(1, 8, 8)
    mask[:, :4] = 1
    assert static_jitter(video, mask) == pytest.approx(1.0, abs=1e-3)
    assert static_jitter(video, torch.ones(1, 8, 8)) == pytest.approx(0.5, abs=1e-3)
    assert static_jitter(video, torch.zeros(1, 8, 8)) == 0


def test_jitter_once_the_memory_has_settled():
    jitter, settled = Jitter(), SettledJitter()
    for frame in range(8):
        for metric in (jitter, settled):
            metric.add(np.full((4, 4, 3), max(4 - frame, 0) * 10 + frame % 2, np.float32))
    everywhere = np.ones((4, 4), bool)
    assert settled.value(everywhere) == pytest.approx(0.5)
    assert jitter.value(everywhere) > 10
    assert np.isnan(Jitter().value(everywhere))


def test_tof_measures_wrong_motion_in_pixels():
    truth = moving(2.0)
    assert tof(truth, truth) == 0
    assert tof(moving(1.0), truth) < tof(moving(0.0), truth)
    filled = [moving(step, radius=200) for step in (2.0, 1.0, 0.0)]
    assert tof(filled[1], filled[0]) == pytest.approx(1.0, rel=0.15)
    assert tof(filled[2], filled[0]) == pytest.approx(2.0, rel=0.15)


def test_what_follows_the_true_motion_warps_without_error():
    truth = moving(2.0)
    steady = warping_error(truth, truth)
    assert steady < 3
    noise = torch.from_numpy(np.random.default_rng(1).normal(0, 8 / 255, truth.shape)).float()
    flicker = warping_error((truth + noise * (truth > 0)).clamp(0, 1), truth)
    assert 8 < flicker < 14
    assert warping_error(moving(0.0), truth) > 2 * steady


@pytest.mark.parametrize("size", [(256, 320), (250, 330)])
def test_the_flow_around_a_person_is_that_of_the_whole_images(size):
    """Within a thousandth of a pixel; sizes that are whole cells of the pyramid, and others."""
    random = np.random.default_rng(2)
    texture = cv2.GaussianBlur(random.integers(30, 255, (90, 60, 3)).astype(np.uint8), (0, 0), 1.5)
    frames = []
    for shift in (0, 2):
        frames.append(np.zeros((*size, 3), np.uint8))
        frames[-1][80 + shift : 170 + shift, 120 + shift : 180 + shift] = texture
    greys = [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in frames]
    expected = cv2.calcOpticalFlowFarneback(*greys, None, 0.5, 3, 15, 3, 5, 1.2, 0)
    found = temporal.Motion(*frames).forward
    assert np.linalg.norm(found, axis=-1)[90:160, 130:170].mean() > 1.5
    assert np.abs(found - expected).max() < 1e-3
