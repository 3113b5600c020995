"""Cameras that are not synchronised film the person at other times; the truth stays."""

from dataclasses import replace

import numpy as np
import torch

from posegaussian.config import SensorSettings, StreamSettings
from posegaussian.synthetic.dataset.camera_sample import CameraSample, ClipPerson, draw_camera_sample
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.dataset.delay import when_filmed
from posegaussian.synthetic.people.subject import Subject

SETTINGS = StreamSettings(size=(96, 96), target_size=(64, 64), sensor=SensorSettings(), still=0)
LATE = replace(SETTINGS, unsynchronised=1.0)


def drawn(subject: Subject, seed: int, settings: StreamSettings, frames: int) -> CameraSample:
    """The random parameters of a clip."""
    random = np.random.default_rng(seed)
    return draw_camera_sample(ClipPerson.draw(0, subject.poses, random, settings, frames), random, settings)


def test_each_camera_films_half_the_delay_away(subject):
    sample = drawn(subject, 0, SETTINGS, 2)
    times = torch.tensor([2, 3])
    exact = {t: subject.posed(np.array([t])).vertices[0] for t in range(1, 5)}
    for delay, shown in ((2.0, (1, 3, 2, 4)), (-2.0, (3, 1, 4, 2))):
        filmed = when_filmed(subject, times, delay, sample.lamp)
        for vertices, t in zip(filmed.posed.vertices, shown, strict=True):
            torch.testing.assert_close(vertices, exact[t], atol=1e-5, rtol=0)
    before, after = when_filmed(subject, times, 0.5, sample.lamp).posed.vertices[:2]
    torch.testing.assert_close((before + after) / 2, exact[2], atol=0.004, rtol=0)
    assert (after - before).norm(dim=-1).max() > 1e-3
    still = when_filmed(subject, torch.tensor([2, 2]), 0.5, sample.lamp).posed.vertices
    assert all(torch.equal(vertices, still[0]) for vertices in still)


def test_a_delay_changes_what_is_filmed_and_not_the_truth(subject):
    one, other = (render_clip(subject, np.random.default_rng(3), settings, 2) for settings in (SETTINGS, LATE))
    for name in ("depth", "disparity", "joints2d", "target", "target_mask"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name
    assert not torch.equal(one.pair.images, other.pair.images)
    assert (one.pair.masks - other.pair.masks).abs().mean() < 0.02


def test_delays_have_their_share(subject):
    shares = replace(SETTINGS, unsynchronised=0.3)
    delays = [drawn(subject, seed, shares, 1).delay for seed in range(200)]
    late = [abs(delay) for delay in delays if delay]
    assert 0.2 < len(late) / 200 < 0.4 and 0.4 < max(late) <= 0.5
