"""The images of a path come in the order of frames and are written in the order of the path."""

import errno
import time

import helpers
import numpy as np
import pytest

from posegaussian.errors import ConfigError, StoreError
from posegaussian.io.images import image_bytes, write_image
from posegaussian.io.video import write_video
from posegaussian.parallel import Background
from posegaussian.pipeline.path_output import check_outputs, path_output

ORDER = [0, 4, 1, 3, 2, 5]


@pytest.fixture
def images():
    return [np.full((20, 24, 3), 40 * step, np.uint8) for step in range(len(ORDER))]


def write(video, frames, images, order=ORDER):
    with Background(threads=2) as files, path_output(video, frames, 5, files) as output:
        for step in order:
            output.add(step, images[step])


def test_the_video_is_in_the_order_of_the_path(tmp_path, images):
    write(tmp_path / "a.mp4", tmp_path / "frames", images)
    write_video(tmp_path / "b.mp4", images, 5)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    for step, path in enumerate(sorted((tmp_path / "frames").iterdir())):
        assert path.read_bytes() == image_bytes(images[step], ".png")


def test_only_what_is_asked_for_is_written(tmp_path, images):
    write(None, None, images)
    assert list(tmp_path.iterdir()) == []
    write(None, tmp_path / "frames", images)
    assert [path.name for path in tmp_path.iterdir()] == ["frames"]


def test_outputs_that_cannot_be_written_are_refused_beforehand(tmp_path):
    (tmp_path / "000000.png").touch()
    check_outputs(tmp_path / "a.MP4", tmp_path, tmp_path / "new")
    with helpers.refuses(ConfigError, "wrong-suffix", file=tmp_path / "a.avi"):
        check_outputs(tmp_path / "a.avi", None, None)
    with helpers.refuses(StoreError, "output-exists", file=tmp_path):
        check_outputs(None, None, tmp_path)
    (tmp_path / "portrait.png").touch()
    with helpers.refuses(StoreError, "output-exists", file=tmp_path):
        check_outputs(None, tmp_path, None)


@pytest.mark.parametrize(
    "part", ["posegaussian.io.video.VideoWriter.add", "posegaussian.pipeline.path_output.write_image"]
)
def test_a_full_disk_in_a_thread_is_one_line_and_leaves_nothing(tmp_path, images, monkeypatch, part):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(part, full)
    with helpers.refuses(StoreError, "cannot-write"):
        write(tmp_path / "a.mp4", tmp_path / "frames", images)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_renderer_leaves_nothing(tmp_path, images, monkeypatch):
    """Nor does a slow thread that still writes when the error comes."""
    finished = []

    def slow(path, image):
        time.sleep(0.2)
        write_image(path, image)
        finished.append(path.name)

    monkeypatch.setattr("posegaussian.pipeline.path_output.write_image", slow)
    with pytest.raises(IndexError):
        write(tmp_path / "a.mp4", tmp_path / "frames", images, [0, 1, 99])
    assert list(tmp_path.iterdir()) == []
    assert finished and set(finished) <= {"000000.png", "000001.png"}, "the folder was still there when they wrote"
