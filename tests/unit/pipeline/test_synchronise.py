"""How late cameras are, from the file of the stage `people`: cameras of which one shows the person two frames ahead."""

import numpy as np
import pytest
from helpers import write_sphere_capture
from people_oracle import Oracle, landmarks, numbered_capture

from posegaussian.captures.offsets import with_offsets
from posegaussian.captures.reading import read_capture
from posegaussian.config import FindPeopleSettings
from posegaussian.pipeline import people as stage
from posegaussian.pipeline.synchronise import Synchronisation, synchronise, synchronised
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.preparation.synchronisation import Offset

FRAMES = 40


def at(frame: int) -> np.ndarray:
    """Landmarks of a person who hops and waves."""
    up = 0.04 * np.sin(0.5 * frame + np.linspace(0, 4, 33))
    return landmarks(0.1, 0.1) + np.stack([0 * up, 0 * up, up], axis=1)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return numbered_capture(tmp_path_factory.mktemp("apart") / "capture", {"00": -40, "01": 0, "02": 40}, FRAMES)


def test_landmarks_of_a_file_tell_which_camera_is_ahead(root, tmp_path, monkeypatch):
    capture = read_capture(root)
    oracle = Oracle(capture.cameras, {frame: [at(frame)] for frame in range(FRAMES)})
    monkeypatch.setattr(stage, "load_blazepose", lambda *_, **__: oracle)
    # As filmed by a camera that is two frames ahead: its frame n shows the time of frame n + 2.
    stage.write_people(root, tmp_path / "people.h5", FindPeopleSettings(), offsets={"01": 2})
    with PeopleFile(tmp_path / "people.h5") as file:
        found = synchronise(with_offsets(capture, {"01": 2}), file)
    assert found is not None and found.source == "landmarks"
    assert found.whole() == {"01": -2}
    (ahead,) = [line for line in found.problems() if "early" in line]
    assert "camera 01" in ahead and "`01:-2`" in ahead
    assert found.lines()[0].startswith("camera 01 against 00, by landmarks: ")


def test_nothing_is_looked_for_unless_asked(root):
    assert synchronise(read_capture(root)) is None


def test_words():
    offsets = {
        "a": Offset(0.0, 0.0), "b": Offset(2.4, 0.05), "c": None, "d": Offset(3.0, 0.1, 2.0), "e": Offset(0.1, 0.05)
    }  # fmt: skip
    found = Synchronisation(offsets, "sound", 30.0)
    assert found.whole() == {"b": 2}
    late, rest, drift = found.problems()
    assert "camera b" in late and "2.40 frames late" in late
    assert "0.40 of a frame (13 ms)" in rest and "27 mm" in rest
    assert "camera d" in drift and "another rate" in drift
    assert "no answer" in found.lines()[1]


def test_a_capture_in_which_nobody_is_found_stays(tmp_path, capsys):
    write_sphere_capture(tmp_path, frames=2, size=(32, 32), depths=False, samples=1)
    capture = read_capture(tmp_path)
    with pytest.warns(match="neither sound"):
        assert synchronised(capture) is capture
