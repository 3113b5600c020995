"""Masks made from the background, against the coverage that the pictures were traced with."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.reading import read_capture
from posegaussian.config import MaskKind
from posegaussian.errors import CaptureError
from posegaussian.preparation.mattes.computed import mask_confidence, with_masks
from posegaussian.preparation.mattes.hull import VisualHull

SIZE = (240, 192)
AZIMUTHS = (-50, -10, 30, 70)
RIG = {f"{i:02d}": helpers.lens(azimuth, size=SIZE, zoom=0.8) for i, azimuth in enumerate(AZIMUTHS)}


def room(camera: str) -> np.ndarray:
    """A plain room of two colours, different in every camera."""
    rng = np.random.default_rng(int(camera))
    small = 60 + 30 * rng.random((4, 5, 3))
    return cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC)


def write_room(root: Path, frames: int = 1, stride: int = 0, other: np.ndarray | None = None) -> None:
    """The person before the room with noise, backgrounds/ of the empty one; `stride` metres a frame to the side."""
    rng = np.random.default_rng(0)
    for kind in ("backgrounds", *(f"{kind}/{name}" for kind in ("images", "truth") for name in RIG)):
        (root / kind).mkdir(parents=True)
    for name, lens in RIG.items():
        cv2.imwrite(str(root / f"backgrounds/{name}.png"), np.rint(room(name) + rng.normal(0, 1, (*SIZE[::-1], 3))))
        for frame in range(frames):
            shift = np.array([0, stride * (frame - frames // 2), 0])
            moved = replace(lens, translation=lens.translation + lens.rotation @ shift)
            image, mask, _ = helpers.render(moved, 0, background=0)
            share = mask[..., None] / 255
            picture = image + (1 - share) * room(name)
            if other is not None:  # a ball of another colour, standing elsewhere
                (spot,) = lens.project(other[None])
                cv2.circle(picture, (int(spot[0]), int(spot[1])), 13, (200, 30, 30), -1)
            noisy = np.rint(picture + rng.normal(0, 1, picture.shape)).clip(0, 255).astype(np.uint8)
            cv2.imwrite(str(root / f"images/{name}/{frame:06d}.png"), noisy[..., ::-1])
            cv2.imwrite(str(root / f"truth/{name}/{frame:06d}.png"), mask)
    for name in RIG:
        path = root / f"backgrounds/{name}.png"
        cv2.imwrite(str(path), levels(path)[..., ::-1])
    helpers.write_calibration(root, RIG)


def levels(path: Path) -> np.ndarray:
    """The pixels of a file, in its own order of channels."""
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    return pixels


def agreement(root: Path, kind: MaskKind, frame: int = 0) -> list[float]:
    """Intersection over union with the traced masks, camera by camera."""
    capture, found = with_masks(read_capture(root), kind), []
    for name in RIG:
        mask = capture.mask(name, frame) > 127
        truth = levels(root / f"truth/{name}/{frame:06d}.png") > 127
        found.append((mask & truth).sum() / (mask | truth).sum())
    return found


def test_the_person_before_a_known_background(tmp_path):
    write_room(tmp_path / "c")
    assert min(agreement(tmp_path / "c", "background")) > 0.9


def test_the_person_before_the_temporal_median(tmp_path):
    write_room(tmp_path / "c", frames=5, stride=1)
    for path in (tmp_path / "c/backgrounds").iterdir():
        path.unlink()
    assert min(agreement(tmp_path / "c", "median", frame=2)) > 0.9


def test_edges_are_soft(tmp_path):
    write_room(tmp_path / "c")
    mask = with_masks(read_capture(tmp_path / "c"), "background").mask("01", 0)
    truth = levels(tmp_path / "c/truth/01/000000.png")
    soft = (mask > 0) & (mask < 255)
    assert 0 < soft.sum() < 5 * ((truth > 0) & (truth < 255)).sum()
    np.testing.assert_array_equal(mask, with_masks(read_capture(tmp_path / "c"), "background").mask("01", 0))


def test_somebody_else_is_left_out(tmp_path):
    write_room(tmp_path / "c", other=np.array([0.2, -0.95, 0.85]))
    assert min(agreement(tmp_path / "c", "background")) > 0.85


def test_of_two_people_the_hull_keeps_the_one_in_the_middle():
    cameras = {name: helpers.source_camera(lens) for name, lens in RIG.items()}
    masks = {}
    for name, lens in RIG.items():
        drawn = np.zeros(SIZE[::-1], np.uint8)
        for place in (helpers.CENTRE, helpers.CENTRE + np.array([0.1, 0.75, 0])):
            (spot,) = lens.project(np.array([place]))
            cv2.circle(drawn, (int(spot[0]), int(spot[1])), 18, 255, -1)
        masks[name] = drawn > 0
    person = VisualHull(cameras).locate_person(masks)
    assert person is not None and person.others >= 1
    np.testing.assert_allclose(person.centre, helpers.CENTRE, atol=0.1)


def test_nobody_is_one_clear_line(tmp_path):
    write_room(tmp_path / "c")
    for name in RIG:
        picture = levels(tmp_path / f"c/backgrounds/{name}.png")
        cv2.imwrite(str(tmp_path / f"c/images/{name}/000000.png"), picture)
    with helpers.refuses(CaptureError, "empty-mask", file=tmp_path / "c", camera="00", frame=0):
        with_masks(read_capture(tmp_path / "c"), "background").mask("01", 0)
    shutil.rmtree(tmp_path / "c/backgrounds")
    with helpers.refuses(CaptureError, "person-not-found", file=tmp_path / "c", camera=None, frame=0):
        with_masks(read_capture(tmp_path / "c"), "auto").mask("01", 0)


def test_with_wrong_poses_each_picture_may_speak_for_itself(tmp_path):
    write_room(tmp_path / "c")
    capture = read_capture(tmp_path / "c")
    away = np.diag([-1.0, 1.0, -1.0, 1.0])
    turned = {
        name: replace(lens, world_to_camera=away @ lens.world_to_camera) for name, lens in capture.cameras.items()
    }
    capture = replace(capture, cameras=turned)
    with helpers.refuses(CaptureError, "empty-mask", file=tmp_path / "c", camera=None, frame=0):
        with_masks(capture, "background").mask("00", 0)
    with helpers.warns("no-common-person", file=tmp_path / "c", frame=0):
        mask = with_masks(capture, "background", lenient=True).mask("00", 0) > 127
    truth = levels(tmp_path / "c/truth/00/000000.png") > 127
    assert (mask & truth).sum() / (mask | truth).sum() > 0.7


@pytest.mark.parametrize(("kind", "code"), [("given", "no-masks"), ("median", "too-few-frames")])
def test_masks_that_cannot_be_had(tmp_path, kind, code):
    write_room(tmp_path / "c")
    with helpers.refuses(CaptureError, code, file=tmp_path / "c", camera="00"):
        with_masks(read_capture(tmp_path / "c"), kind)
    (tmp_path / "c/backgrounds/01.png").unlink()
    with helpers.refuses(CaptureError, "no-background", file=tmp_path / "c", camera="01"):
        with_masks(read_capture(tmp_path / "c"), "background")


def test_given_masks_stay_as_they_are(tmp_path):
    helpers.write_sphere_capture(tmp_path / "c", frames=1, size=(64, 48), samples=1)
    capture = read_capture(tmp_path / "c")
    assert with_masks(capture, "given") is capture and with_masks(capture, "auto") is capture
    assert mask_confidence(capture, "00", 0) is None
