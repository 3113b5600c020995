"""Recordings: a video that plays in real time, and Gaussians; whole or not there."""

import av
import numpy as np
import pytest
import torch

from posegaussian.errors import StoreError
from posegaussian.export.sequence import SplatSequence
from posegaussian.io.ply import read_ply
from posegaussian.live import recording
from posegaussian.live.loop import LiveFrame
from posegaussian.live.recording import FPS, Recorder
from posegaussian.types import Camera, Gaussians


def frame(number, time):
    cameras = Camera(torch.eye(3).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1), 8, 8)
    sizes = torch.full((50, 3), 0.01), torch.full((50,), 0.9), torch.rand(50, 3)
    gaussians = Gaussians(torch.rand(50, 3), torch.eye(4)[:1].repeat(50, 1), *sizes)
    return LiveFrame(number, time, gaussians, cameras, {})


def image(level):
    return np.full((48, 64, 3), level, np.uint8)


def levels(path):
    with av.open(str(path)) as video:
        return [frame.to_ndarray(format="rgb24").mean() for frame in video.decode(video=0)]


def test_a_recording_plays_in_real_time(tmp_path):
    recorder = Recorder(tmp_path, "00-01", 60.0, (64, 64))
    assert recorder.start() == "recording-001" == recorder.name
    for number, time in enumerate([100.0, 100.5, 100.6], start=1):
        recorder.add(frame(number, time), image(60 * number))
    assert not (tmp_path / "recording-001").exists()
    recorder.stop()
    shown = levels(tmp_path / "recording-001/view.mp4")
    expected = [60] * 15 + [120] * 3 + [180]
    assert len(shown) == len(expected) and FPS == 30
    np.testing.assert_allclose(shown, expected, atol=6)
    splats = sorted((tmp_path / "recording-001/splats").iterdir())
    assert splats[-1].name == "00-01_000003.ply" and len(read_ply(splats[-1]).means) == 50
    assert list(SplatSequence(splats, None, FPS).pairs()) == ["00-01"]
    assert recorder.name is None and recorder.start() == "recording-002"
    recorder.stop()
    assert not (tmp_path / "recording-002").exists()  # it has no image


def test_a_recording_ends_by_itself(tmp_path):
    recorder = Recorder(tmp_path, "00-01", 1.0, (64, 64))
    recorder.start()
    for number in range(10):
        recorder.add(frame(number, number / 4), image(100))
    assert recorder.name is None and len(levels(tmp_path / "recording-001/view.mp4")) == 31


def test_what_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(path, gaussians):
        raise StoreError("cannot be written (no space left on device)", code="cannot-write", file=path)

    monkeypatch.setattr(recording, "write_ply", full)
    recorder = Recorder(tmp_path, "00-01", 60.0, (64, 64))
    recorder.start()
    with pytest.raises(StoreError):
        for number in range(1000):
            recorder.add(frame(number, number / 30), image(100))
    assert recorder.name is None and not list(tmp_path.iterdir())


def test_a_disk_without_room_refuses_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("posegaussian.io.space.free_bytes", lambda path: 1000)
    with pytest.raises(StoreError):
        Recorder(tmp_path, "00-01", 60.0, (64, 64)).start()
