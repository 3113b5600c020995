"""Masks made of the file of the stage `people`: nobody is looked for again; frames without the person are left out."""

import re
import shutil
from typing import Literal

import cv2
import helpers
import numpy as np
import pytest
from helpers import exits, refuses, warns
from people_oracle import SIZE, Oracle, landmarks, numbered_capture

from posegaussian import cli
from posegaussian.captures.reading import read_capture
from posegaussian.config import FindPeopleSettings, NetworkSettings, RectifySettings
from posegaussian.errors import CaptureError, StoreError
from posegaussian.io import store
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import save_weights
from posegaussian.pipeline import people as stage
from posegaussian.pipeline.inspect import write_inspection
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.preparation.mattes import found
from posegaussian.preparation.mattes.matte import Matte

AZIMUTHS = {"00": -20, "01": 0, "02": 20}
FRAMES = 3
PERSON = landmarks(0.1, 0.1)
BY = landmarks(0.9, 0.6)
SETTINGS = RectifySettings(size=(128, 128), color="off")


class Outlines:
    """In place of the matting network: the outline of the landmarks is the matte, and the frame its confidence."""

    def __init__(self, *_):
        pass

    def mattes(self, images, people, there=None):
        return {
            name: Matte(
                cv2.fillConvexPoly(
                    np.zeros((SIZE, SIZE), np.uint8), cv2.convexHull(person.points[:, :2].astype(np.int32)), 255
                ),
                0.9 + int(images[name][0, 0, 1]) / 100,
            )
            for name, person in people.items()
        }


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A capture without masks, whose images hold the numbers of camera and frame."""
    folder = tmp_path_factory.mktemp("masks") / "capture"
    return numbered_capture(folder, AZIMUTHS, FRAMES)


@pytest.fixture
def people(root, tmp_path, monkeypatch):
    """Make the file of the stage; after it nobody can be looked for."""
    monkeypatch.setattr(found, "Matting", Outlines)
    monkeypatch.setattr(found, "load_matting_model", lambda *_: None)

    def looks(*_):
        raise AssertionError("people are looked for again")

    monkeypatch.setattr(found, "load_blazepose", looks)

    def write(person=PERSON, missing: Literal["stop", "skip"] = "stop", number=1, **facts):
        oracle = Oracle(read_capture(root).cameras, person if isinstance(person, dict) else [person], **facts)
        monkeypatch.setattr(stage, "load_blazepose", lambda *_: oracle)
        stage.write_people(root, tmp_path / "people.h5", FindPeopleSettings(missing=missing), number=number)
        return tmp_path / "people.h5"

    return write


def test_masks_are_those_of_the_person_in_the_file(people, root, tmp_path):
    path = people()
    rectify_capture(root, tmp_path / "r.h5", SETTINGS, people=path)
    with store.open_checked(tmp_path / "r.h5", store.RECTIFIED) as file:
        assert (file["sources/masks"][()] > 127).mean((2, 3, 4)).min() > 0.05
        assert set(store.strings(file["sources/mask_origins"]).ravel()) == {"found"}
        np.testing.assert_allclose(file["sources/confidence"][0], np.repeat([[0.9], [0.91], [0.92]], 2, axis=1))
        assert f'"people": "{store.digest(path)}"' in str(file.attrs["inputs"])


def test_a_camera_that_misses_the_person_stops(people, root, tmp_path):
    with warns("person-not-seen", file=root, camera="02", frame=0):
        path = people(gone={("02", 0)})
    with refuses(CaptureError, "person-not-found", file=root, camera="02", frame=0):
        rectify_capture(root, tmp_path / "r.h5", SETTINGS, people=path)


@pytest.mark.parametrize("missing", ["stop", "skip"])
def test_a_camera_that_no_pair_uses_may_miss_the_person(people, root, tmp_path, missing):
    with warns("person-not-seen", file=root, camera="02"):
        path = people(missing=missing, gone={("02", frame) for frame in range(FRAMES)})
    rectify_capture(root, tmp_path / "r.h5", SETTINGS, pairs=[("00", "01")], people=path)
    with store.open_checked(tmp_path / "r.h5", store.RECTIFIED) as file:
        assert file["frames"][()].tolist() == [0, 1, 2]


def test_inspect_leaves_out_a_camera_that_misses_the_person(people, root, tmp_path):
    """Unless a pair that is asked for needs it."""
    with warns("person-not-seen", file=root, camera="02"):
        path = people(gone={("02", 0)})
    inspection = write_inspection(root, tmp_path / "page.html", SETTINGS, people=path)
    assert inspection.masks.keys() == {"00", "01"}
    assert [text for text in inspection.warnings if "camera 02" in text and "the person is not found" in text]
    with refuses(CaptureError, "person-not-found", file=root, camera="02", frame=0):
        write_inspection(root, tmp_path / "page.html", SETTINGS, pairs=[("01", "02")], people=path)


def test_frames_that_a_camera_misses_are_left_out(people, root, tmp_path):
    """Camera 02 does not see whoever is first in the list, which is the one person of frame 1; frame 2 is empty."""
    with warns("nobody-there-skipped", file=root, frame=2), warns("person-not-seen", file=root, camera="02", frame=1):
        path = people({0: [BY, PERSON], 1: [PERSON]}, missing="skip", gone={("02", 0)})
    with warns("person-not-seen-skipped", file=root, camera="02", frame=1):
        rectify_capture(root, tmp_path / "r.h5", SETTINGS, people=path)
    with store.open_checked(tmp_path / "r.h5", store.RECTIFIED) as file:
        assert file["frames"][()].tolist() == [0]
    with refuses(CaptureError, "no-frames-chosen", file=root):
        rectify_capture(root, tmp_path / "r.h5", SETTINGS, frames=[1, 2], people=path)


def test_a_file_of_another_capture(people, root, tmp_path):
    path = people()
    other = tmp_path / "other"
    helpers.write_sphere_capture(other, frames=1, size=(64, 48), samples=1)
    with refuses(StoreError, "other-capture", file=path, camera="00"):
        rectify_capture(other, tmp_path / "r.h5", SETTINGS, people=path)


def test_who_is_looked_for_without_a_file(people, root, tmp_path, monkeypatch):
    """The second from the centre; the other one is named once, not in every frame."""
    both = [landmarks(0.5, 0.3), landmarks(0.0, 0.0, 1.05)]
    monkeypatch.setattr(found, "load_blazepose", lambda **_: Oracle(read_capture(root).cameras, both))
    with warns("several-people", file=root, frame=0):
        rectify_capture(root, tmp_path / "r.h5", SETTINGS, number=2)
    finder = found.FoundMattes(read_capture(root), number=2)
    images = {name: read_capture(root).image(name, 0) for name in AZIMUTHS}
    points = read_capture(root).cameras["01"].project(both[0])
    with warns("several-people", file=root, frame=0):
        ys, xs = np.nonzero(finder.frame(0, images)["01"].coverage)
    np.testing.assert_allclose([xs.min(), ys.min()], np.floor(points.min(0)), atol=1)
    masks = {number: write_inspection(root, tmp_path / "page.html", SETTINGS, number=number).masks for number in (1, 2)}
    share = cv2.contourArea(cv2.convexHull(points.astype(np.float32))) / SIZE**2
    assert abs(masks[2]["01"].share - share) < 0.1 * share < abs(masks[1]["01"].share - share)


def test_the_chosen_person_is_rendered(people, root, tmp_path, monkeypatch):
    """In bright images, at the first camera: a network with random weights moves nothing there but along the rays."""
    both = [landmarks(0.0, 0.0, 1.05), landmarks(0.6, 0.4)]
    bright, weights, view = tmp_path / "bright", tmp_path / "net.safetensors", tmp_path / "view.png"
    shutil.copytree(root, bright)
    for path in bright.glob("images/*/*.png"):
        image = cv2.imread(str(path))
        image[2:] = 200
        cv2.imwrite(str(path), image)
    save_weights(PoseGaussian(NetworkSettings(pose="none", iterations=1)), weights, {})
    monkeypatch.setattr(found, "load_blazepose", lambda **_: Oracle(read_capture(root).cameras, both))
    line = ["render", str(bright), "--weights", str(weights), "--source", "00", "01", "--ratio", "0", "-o", str(view)]
    for number in (1, 2):
        cli.main(
            [
                *line,
                "--device",
                "cpu",
                "--settings",
                "{rectify: {size: [128, 128], color: 'off'}}",
                "--person",
                str(number),
            ]
        )
        drawn, shares = cv2.imread(str(view)).max(2) > 20, []
        for person in both:
            points = read_capture(root).cameras["00"].project(person)
            outline = cv2.fillConvexPoly(np.zeros((SIZE, SIZE)), cv2.convexHull(points.astype(np.int32)), 1) > 0
            shares.append(drawn[outline].mean())
        assert shares[number - 1] > 0.9 > 0.5 > shares[2 - number]


def test_on_the_command_line(people, root, tmp_path, capsys):
    path = people()
    line = [str(root), "--people", str(path), "--settings", "{size: [128, 128], color: 'off'}"]
    cli.main(["rectify", *line, "-o", str(tmp_path / "r.h5")])
    for command in ("rectify", "inspect", "render"):
        with exits(capsys, names=["--person"]):
            cli.main([command, str(root), "--person", "0", "-o", str(tmp_path / "r.h5")])
    page = tmp_path / "page.html"
    cli.main(["inspect", *line, "-o", str(page)])
    said = [page.read_text(), capsys.readouterr().out]
    for text in said:
        assert len(re.findall(r"found with confidence 0\.90 \(\w+\)", text)) == 3
