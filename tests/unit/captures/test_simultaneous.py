"""Frames of several videos that were taken at the same time."""

from fractions import Fraction
from pathlib import Path

import av
import helpers
import numpy as np
import pytest
from layouts import RIG, save, write_toml

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.captures.simultaneous import pair_frames
from posegaussian.errors import CaptureError
from posegaussian.io.video import VideoFrame

PIECES = 16
"""Squares across a frame that write its time."""


def clock(time: float, size: tuple[int, int]) -> np.ndarray:
    """An image that shows a time in milliseconds as black and white squares, which every codec keeps."""
    squares = [255 * (round(1000 * time) >> bit & 1) for bit in range(PIECES)]
    row = np.repeat(np.array(squares, np.uint8), size[0] // PIECES)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (size[1], size[0], 3)))


def told(image: np.ndarray) -> float:
    """The time that an image shows, seconds."""
    step = image.shape[1] // PIECES
    return sum(int(image[8, step * bit + step // 2, 0] > 127) << bit for bit in range(PIECES)) / 1000


def film(path: Path, times: np.ndarray, size: tuple[int, int] = (64, 48)) -> None:
    """A video with a frame at each time, seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "20", "g": "5", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 12000)
        for time in times:
            frame = av.VideoFrame.from_ndarray(clock(time, size), format="rgb24")
            frame.pts, frame.time_base = round(12000 * time), Fraction(1, 12000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def dropped(times: np.ndarray, *lost: int) -> np.ndarray:
    return np.delete(times, lost)


STEADY = np.arange(40) / 30


@pytest.fixture
def trial(tmp_path) -> Path:
    root = tmp_path / "trial"
    root.mkdir()
    write_toml(root)
    return root


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.arange(60) / 60, np.arange(30) / 30),
        (np.arange(30) / 30, np.arange(120) / 120),
        (np.arange(50) / 25, np.arange(60) / 30),
        (np.arange(24) / 24, np.arange(24) / 30),
        (dropped(STEADY, 7), STEADY),
        (dropped(STEADY, 5, 6, 7, 8), dropped(STEADY, 20)),
        (STEADY[:20] + 0.5 * (np.arange(20) >= 5), STEADY[:20] + 0.5 * (np.arange(20) >= 15)),
    ],
    ids=["60 and 30", "30 and 120", "25 and 30", "24 and 30", "one dropped", "several dropped", "pauses"],
)
def test_paired_frames_show_the_same_time(a, b, trial):
    film(trial / "videos/a.mp4", a)
    film(trial / "videos/b.mp4", b, (48, 56))
    with helpers.warns("paired-by-time", file="videos"):
        capture = read_capture(trial)
    fastest = min(np.median(np.diff(a)), np.median(np.diff(b)))
    shown = np.array([[told(capture.image(camera, frame)) for camera in "ab"] for frame in capture.frames])
    assert abs(np.diff(shown)).max() <= 0.5 * fastest + 0.003
    assert (np.diff(shown, axis=0) > 0).all()
    slower = max((a, b), key=lambda times: np.median(np.diff(times)))
    assert capture.fps == pytest.approx(1 / np.median(np.diff(slower)), rel=0.02)
    partners = [abs(a - time).min() <= 0.5 * fastest and abs(b - time).min() <= 0.5 * fastest for time in slower]
    assert len(capture.frames) >= 0.9 * sum(partners)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (STEADY, STEADY[:30]),
        (STEADY, STEADY + 0.004 * np.sin(np.arange(40))),
        (STEADY, np.arange(40) / 29.97),
        (dropped(STEADY, 9), dropped(STEADY, 9)),
        (np.zeros(1), STEADY),
    ],
    ids=["shorter", "jitter", "NTSC", "dropped in both", "one frame"],
)
def test_frames_of_the_same_number_are_of_the_same_time(a, b):
    assert pair_frames({"a": a - a[0], "b": b - b[0]}) is None


def test_without_common_times(trial):
    film(trial / "videos/a.mp4", np.array([0, 1, 1.2, 1.4]))
    film(trial / "videos/b.mp4", np.arange(0, 3) / 30, (48, 56))
    with helpers.refuses(CaptureError, "no-common-frames", file="videos"):
        read_capture(trial)


def test_import_keeps_frames_and_masks_together(trial, tmp_path):
    """Beside a video, masks are numbered like its own frames; a chosen range counts the slowest video's frames."""
    times = {"a": np.arange(40) / 60, "b": dropped(np.arange(20) / 30, 3, 4, 5)}
    for camera, lens in RIG.items():
        film(trial / f"videos/{camera}.mp4", times[camera], lens.size)
        for number, time in enumerate(times[camera]):
            save(trial / f"masks/{camera}/{number:06d}.png", clock(time, lens.size)[..., 0])
    with helpers.warns("paired-by-time"):
        capture = read_capture(trial)
    assert capture.frames == tuple(range(17))
    cli.main(["import", str(trial), "-o", str(tmp_path / "copy"), "--frames", "1::3"])
    with helpers.warns("paired-by-time"):
        again = read_capture(tmp_path / "copy")
    assert again.frames == (1, 4, 7, 10, 13, 16)
    for frame in again.frames:
        for camera in "ab":
            image, expected = again.image(camera, frame), told(capture.image(camera, frame))
            assert told(image) == expected == told(again.mask(camera, frame)[..., None])
        first, second = (again.images[camera][frame] for camera in "ab")
        assert isinstance(first, VideoFrame) and isinstance(second, VideoFrame)
        assert times["a"][first.index] == pytest.approx(times["b"][second.index])
    (trial / "masks/a/000002.png").unlink()
    with helpers.refuses(CaptureError, "missing-frame", camera="a", frame=1), helpers.warns("paired-by-time"):
        read_capture(trial)
