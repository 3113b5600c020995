"""The stream depends on its settings, its seed and the step alone; wrong settings are one line."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import helpers
import pytest
import torch
from known import known

from posegaussian import config
from posegaussian.config import RoomSettings, StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.synthetic.dataset import ahead
from posegaussian.synthetic.dataset import stream as streaming
from posegaussian.synthetic.dataset.camera_sample import draw_packed
from posegaussian.synthetic.people.splits import split_of


def test_the_stream_depends_on_its_numbers_alone():
    settings = StreamSettings(size=(32, 32), target_size=(32, 32), pool=2, lifetime=3, workers=0)
    first = streaming.SyntheticStream(settings, 7)
    steps = [first.batch(step, 1, 2) for step in (0, 4)]
    other = streaming.SyntheticStream(settings, 7)
    again = other.batch(4, 1, 2)
    for name in ("depth", "target", "joints2d", "person", "visible"):
        assert torch.equal(getattr(steps[1], name), getattr(again, name))
    assert torch.equal(steps[1].pair.images, again.pair.images)
    assert (again.person >= 1000).all() and again.pair.images.shape == (2, 2, 3, 32, 32)
    assert (again.pair.images <= again.pair.masks + 1e-6).all()
    assert len(first._subjects) <= 4
    people = {first.person(place, step) for place in range(2) for step in range(30)}
    assert len(people) == 2 * 10 + 1 and all(split_of(person) == "train" for person in people)
    first.close()


def test_steps_drawn_ahead_are_the_same(monkeypatch):
    monkeypatch.setattr(ahead, "new_executor", lambda _: ThreadPoolExecutor(1))
    monkeypatch.setattr(ahead, "end_at_once", ThreadPoolExecutor.shutdown)
    settings = StreamSettings(
        size=(32, 32), target_size=(32, 32), pool=1, workers=1, room=RoomSettings(kinds=("black", "dome"))
    )
    drawn = []
    monkeypatch.setattr(ahead, "draw_packed", lambda *arguments: drawn.append(0) or draw_packed(*arguments))
    alone, stream = (streaming.SyntheticStream(replace(settings, workers=workers), 7) for workers in (0, 1))
    stream._subjects, stream.draws_ahead = alone._subjects, True
    still = replace(settings, still=1.0)
    with alone, stream:
        plain = [alone.batch(step, 1, 2, variant) for step, variant in ((0, None), (1, None), (2, still))]
        stream.expect(0, 1, 2)
        stream.expect(1, 1, 2)
        stream.expect(2, 1, 2)  # with other settings than it will be asked for
        wait([future for _, future in stream._ahead._coming.values()])
        again = [stream.batch(step, 1, 2, variant) for step, variant in ((0, None), (1, None), (2, still))]
    assert len(drawn) == 3 and not stream._ahead._coming
    for one, other in zip(plain, again, strict=True):
        assert torch.equal(one.pair.images, other.pair.images) and torch.equal(one.joints2d, other.joints2d)
        assert torch.equal(known(one.surroundings).images, known(other.surroundings).images)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"rig": {"baseline": [60, 10]}}, "rig.baseline"),
        ({"rig": {"pitch": [-80, 0]}}, "rig.pitch"),
        ({"rig": {"radius": 0.1}}, "rig.radius"),
        ({"people": {"garments": ["toga"]}}, "people.garments.0"),
        ({"people": {"motions": ["fly"]}}, "people.motions.0"),
        ({"sensor": {"jpeg": [0, 100]}}, "sensor.jpeg"),
        ({"rig": {"zoom": 2}}, "rig.zoom"),
    ],
)
def test_impossible_settings_are_one_line(values, key):
    with helpers.refuses(ConfigError, "invalid-settings") as error:
        config.parse(StreamSettings, values)
    assert key in error.value.what


def test_ctrl_c_does_not_reach_other_processes():
    """A terminal sends it to all; training goes on to the end of its step with what they make."""
    executor = ahead.new_executor(1)
    try:
        process = executor.submit(os.getpid).result()
        os.kill(process, signal.SIGINT)
        assert executor.submit(os.getpid).result() == process
    finally:
        ahead.end_at_once(executor)
