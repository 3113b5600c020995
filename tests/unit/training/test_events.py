import resource
from contextlib import contextmanager

import helpers
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from posegaussian import cli
from posegaussian.errors import StoreError
from posegaussian.training.events import EventFile
from posegaussian.training.logging import Curves


@contextmanager
def largest_file(size):
    """Files cannot grow beyond this size, as on a full disk; permissions would not stop tests that root runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def loaded(folder):
    """What TensorBoard shows of a folder."""
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def test_tensorboard_reads_the_scalars_and_images_of_a_run(tmp_path):
    file = EventFile(tmp_path / "depth", 0)
    for step in (5, 10):
        file.scalars(step, {"loss/train": 0.5 * step, "lr/train": 0.25})
    file.image(10, "views", np.full((4, 6, 3), (255, 0, 0), np.uint8))
    found = loaded(tmp_path / "depth")
    assert [(each.step, each.value) for each in found.Scalars("loss/train")] == [(5, 2.5), (10, 5.0)]
    (shown,) = found.Images("views")
    assert (shown.step, shown.width, shown.height) == (10, 6, 4)


def test_a_resumed_run_hides_what_came_after_the_step_that_it_resumes_from(tmp_path):
    first = EventFile(tmp_path, 0)
    for step in (5, 10, 15):
        first.scalars(step, {"loss": float(step)})
    EventFile(tmp_path, 11).scalars(15, {"loss": -1.0})
    found = [(each.step, each.value) for each in loaded(tmp_path).Scalars("loss")]
    assert found == [(5, 5), (10, 10), (15, -1)]


def test_a_disk_that_becomes_full_keeps_whole_records_alone(tmp_path):
    curves = Curves(tmp_path, "train depth", 100)
    curves.train(5, {"loss": 1.0})
    size = curves.board.path.stat().st_size
    with largest_file(size + 20), helpers.refuses(StoreError, "cannot-write", file=curves.board.path):
        curves.train(10, {"loss": 2.0})
    events = list(EventFileLoader(str(curves.board.path)).Load())
    assert curves.board.path.stat().st_size == size
    assert [event.step for event in events] == [0, 0, 5]
    curves.train(15, {"loss": 3.0})
    assert [each.step for each in loaded(tmp_path).Scalars("loss/train")] == [5, 15]


def test_a_disk_that_is_full_leaves_nothing(tmp_path):
    with largest_file(10), helpers.refuses(StoreError, "cannot-write"):
        EventFile(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("phase", ["depth", "full"])
@pytest.mark.parametrize("state", ["file", "file/below"])
def test_a_state_folder_that_cannot_be_made_is_one_line(tmp_path, make_captures, capfd, phase, state):
    rectified, heatmaps = make_captures(tmp_path)
    (tmp_path / "file").write_text("")
    words = [phase, "--rectified", rectified, "--heatmaps", heatmaps, "--state", tmp_path / state, "-o", tmp_path / "o"]
    with helpers.exits(capfd, file=tmp_path / "file"):
        cli.main(["train", *map(str, words), "--device", "cpu"])
    assert not list(tmp_path.glob("o*"))
