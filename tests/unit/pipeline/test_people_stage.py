"""The stage `people`: what it writes, and what it says about frames that it cannot use."""

import numpy as np
import pytest
from helpers import exits, refuses, warns
from people_oracle import SIZE, Oracle, landmarks, numbered_capture

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.config import FindPeopleSettings, parse
from posegaussian.errors import CaptureError, StoreError
from posegaussian.io import store
from posegaussian.pipeline import people as stage
from posegaussian.preparation.people_file import PEOPLE, PeopleFile

AZIMUTHS = {"00": -40, "01": 0, "02": 40}
FRAMES = 4
STANDING = [landmarks(0.1, 0.1)]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A capture whose images hold the numbers of camera and frame."""
    folder = tmp_path_factory.mktemp("people") / "capture"
    return numbered_capture(folder, AZIMUTHS, FRAMES)


@pytest.fixture
def run(root, tmp_path, monkeypatch):
    """Run the stage with networks that know the truth, and return the file's path."""

    def with_oracle(people, missing="stop", number=1, **facts):
        oracle = Oracle(read_capture(root).cameras, people, **facts)
        monkeypatch.setattr(stage, "load_blazepose", lambda *_: oracle)
        settings = parse(FindPeopleSettings, {"missing": missing})
        stage.write_people(root, tmp_path / "people.h5", settings, number=number)
        return tmp_path / "people.h5"

    return with_oracle


def test_the_file_holds_the_person_of_every_image(run, root):
    cameras = read_capture(root).cameras
    with PeopleFile(run({frame: [landmarks(0.1 * frame, 0.0)] for frame in range(FRAMES)}, gone={("01", 0)})) as file:
        assert file.found == (0, 1, 2, 3) and file.cameras == ("00", "01", "02") and file.sizes["01"] == (SIZE, SIZE)
        for frame in file.found:
            views = file.views(frame)
            assert list(views) == ["00", "02"]
            for name, person in views.items():
                expected = cameras[name].project(landmarks(0.1 * frame, 0.0))
                np.testing.assert_allclose(person.points[:, :2], expected, atol=1e-3)
                assert person.score == pytest.approx(0.9) and person.matte.shape == (256, 256)
                np.testing.assert_allclose(person.box, [*expected.min(0), *expected.max(0)], atol=1e-3)
            np.testing.assert_allclose(file.position(frame), [0.1 * frame, 0, 0.9], atol=0.01)
        with refuses(StoreError, "other-frames", file="people.h5", frame=9):
            file.views(9)


def test_the_same_input_gives_the_same_bytes(run):
    first = run(STANDING).read_bytes()
    assert run(STANDING).read_bytes() == first


def test_the_file_says_what_it_was_made_of(run):
    with store.open_checked(run(STANDING, number=1), PEOPLE) as file:
        assert store.settings_of(file)["missing"] == "stop" and store.settings_of(file)["person"] == 1
        assert '"weights"' in str(file.attrs["inputs"]) and '"pictures"' in str(file.attrs["inputs"])


def test_a_frame_without_a_person_stops(run, root, tmp_path):
    with refuses(CaptureError, "nobody-there", file=root, frame=2):
        run({0: STANDING, 1: STANDING, 3: STANDING})
    assert not (tmp_path / "people.h5").exists()


def test_a_frame_without_a_person_is_left_out(run, root):
    with warns("nobody-there-skipped", file=root, frame=1):
        path = run({0: STANDING, 3: STANDING}, missing="skip")
    with PeopleFile(path) as file:
        assert file.found == (0, 3) and file.views(1) == {} and np.isnan(file.position(2)).all()


def test_nobody_in_any_frame_is_an_error(run, root):
    with refuses(CaptureError, "nobody-there", file=root):
        run([], missing="skip")


def test_cameras_that_disagree(run, root):
    moved = {"00": np.array([0.0, 90]), "02": np.array([0.0, -90])}
    with refuses(CaptureError, "cameras-disagree", file=root, frame=0):
        run(STANDING, moved=moved)


def test_a_person_whom_one_camera_sees(run, root):
    with refuses(CaptureError, "seen-once", file=root, camera="01", frame=0):
        run(STANDING, gone={("00", 0), ("02", 0)})


def test_a_camera_that_disagrees_with_the_others(run, root):
    with warns("person-elsewhere", file=root, camera="02", frame=0):
        run(STANDING, moved={"02": np.array([0.0, 90])})


def test_a_camera_without_the_person(run, root):
    with warns("person-not-seen", file=root, camera="02", frame=0):
        run(STANDING, gone={("02", 0)})


def test_a_poster(run, root):
    poster = read_capture(root).cameras["00"].project(landmarks(-0.9, 0.5))
    with warns("person-unconfirmed", file=root, camera="00", frame=0):
        run(STANDING, flat={"00": [poster]})


def test_several_people(run, root):
    people = [landmarks(0.8, 0.5), landmarks(0.0, 0.0, 1.05)]
    with warns("several-people", file=root, frame=0), PeopleFile(run(people)) as file:
        np.testing.assert_allclose(file.position(0)[:2], [0, 0], atol=0.01)
    with warns("several-people", file=root, frame=0), PeopleFile(run(people, number=2)) as file:
        np.testing.assert_allclose(file.position(3)[:2], [0.8, 0.5], atol=0.01)
    with refuses(CaptureError, "no-such-person", file=root, frame=0):
        run(people, number=3)


def test_another_person_does_not_take_the_place_of_the_one_who_leaves(run, root):
    other = landmarks(-0.7, 0.5)
    both, alone = [*STANDING, other], [other]
    frames = {0: both, 1: alone, 2: alone, 3: both}
    with refuses(CaptureError, "person-gone", file=root, frame=1):
        run(frames)
    with warns("person-gone-skipped", file=root, frame=1), PeopleFile(run(frames, missing="skip")) as file:
        assert file.found == (0, 3)
        np.testing.assert_allclose(file.position(3)[:2], [0.1, 0.1], atol=0.01)


def test_a_person_who_is_cut_by_the_image(run, root):
    """From frame 2 on, the person stands so near to camera 01 that it does not see all of them."""
    near = landmarks(1.9, 0.0)
    with warns("person-cut", file=root, camera="01", frame=2):
        run({0: STANDING, 1: STANDING, 2: [near], 3: [near]})


def test_on_the_command_line(root, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stage, "load_blazepose", lambda *_: Oracle(read_capture(root).cameras, []))
    line = ["people", str(root), "-o", str(tmp_path / "p.h5")]
    with exits(capsys, file=root, frame=1):
        cli.main([*line, "--frames", "1:"])
    with exits(capsys, names=["--person"]):
        cli.main([*line, "--person", "0"])
    with exits(capsys, names=["contact-sheet"]):
        cli.main(["people", "--sheet", "people.jpg", "--seeds", "1-4"])
