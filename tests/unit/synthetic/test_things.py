"""Things that people wear and hold lie outside of the body at rest, follow their bone, and are drawn apart."""

import json
from typing import get_args

import cv2
import helpers
import numpy as np
import pytest
from ray_casting import ray_hits
from scipy.spatial import cKDTree

from posegaussian import config
from posegaussian.config import PeopleSettings
from posegaussian.config.people import BoardSettings, Thing
from posegaussian.errors import ConfigError
from posegaussian.pipeline.captures import write_capture
from posegaussian.synthetic.body.body import linear_blend_skinning
from posegaussian.synthetic.people.bake import bake
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.pose_sequence import sample_poses
from posegaussian.synthetic.things.board import Board
from posegaussian.synthetic.things.grips import CHEST, SIDES, Palm
from posegaussian.synthetic.things.shapes import capped, solid
from posegaussian.synthetic.things.things import BAGS, EYES, HELD, chosen

SEED = 1003
OUTFITS = (("glasses", "backpack", "box"), ("sunglasses", "shoulder_bag", "stick"), ("phone",), ("ball",), ("board",))
each_outfit = pytest.mark.parametrize("names", OUTFITS, ids="-".join)


@pytest.fixture(scope="module")
def plain():
    return make_person(SEED)


@pytest.fixture(scope="module")
def wearers():
    return {names: make_person(SEED, PeopleSettings(things=names)) for names in OUTFITS}


def thing_of(person, plain):
    """Vertices of the things of a person at rest, which come after all else, and all else."""
    own = np.unique(person.surface.faces[person.material_ids >= len(plain.materials)])
    return own, np.setdiff1d(np.arange(len(person.surface.rest)), own)


def volume(points, faces):
    a, b, c = points[faces].transpose(1, 0, 2)
    return (np.cross(a, b) * c).sum() / 6


def test_every_name_of_the_settings_is_made():
    assert {*EYES, *BAGS, *HELD} == set(get_args(Thing)) == {name for names in OUTFITS for name in names}


def test_solids_are_closed_and_have_the_volume_of_a_ball_and_a_box():
    assert volume(*solid([0.1, 0.1, 0.1], 2.0)) == pytest.approx(4 / 3 * np.pi * 1e-3, rel=0.01)
    assert volume(*solid([0.1, 0.2, 0.3], 60.0)) == pytest.approx(0.048, rel=0.01)
    path = np.linspace([0, 0, 0], [0, 0.3, 0.4], 9)
    assert volume(*capped(path, 0.02)) == pytest.approx(0.5 * np.pi * 4e-4, rel=0.06)


@each_outfit
def test_things_change_nothing_else(wearers, plain, names):
    person, bare = wearers[names], plain
    _, others = thing_of(person, bare)
    np.testing.assert_array_equal(person.surface.rest[others], bare.surface.rest)
    assert len(person.materials) > len(bare.materials)
    places = bare.surface.canonical[::997]
    for one, other in zip(person.materials, bare.materials, strict=False):
        np.testing.assert_array_equal(one.texture(places), other.texture(places))
        assert one.gloss == pytest.approx(other.gloss)


@each_outfit
def test_things_lie_outside_of_the_person_at_rest(wearers, plain, names):
    """A ray from each vertex of a thing towards the nearest surface meets its outer side: nothing is cut."""
    person, bare = wearers[names], plain
    own, _ = thing_of(person, bare)
    corners = bare.surface.rest[bare.surface.faces]
    middles, normals = corners.mean(1), np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    points = person.surface.rest[own]
    distance, nearest = cKDTree(middles).query(points, k=4)
    depth = ((points[:, None] - middles[nearest]) * normals[nearest]).sum(2)
    # Inside of everything near, and not only of the inner side of a hem: cloth is thinner than 8 mm.
    inside = (depth < -0.002).all(1) & (distance[:, 0] < 0.05)
    far_inside = [ray_hits(p, np.array([0.3, 0.5, 0.81]), corners) for p in points[inside][:40]]
    odd = [np.isfinite(hits).sum() % 2 for hits in far_inside]
    assert inside.mean() < 0.02 or np.mean(odd) < 0.5, f"{inside.mean():.1%} of {names} lies inside"


def test_what_a_hand_holds_follows_the_hand():
    for name in ("phone", "stick", "ball"):
        person = make_person(SEED + 9, PeopleSettings(things=(name,)))
        own = np.unique(person.surface.faces[person.material_ids == len(person.materials) - 1])
        bone = int(person.surface.weights[own].sum(0).argmax())
        assert (person.surface.weights[own, bone] == 1).all()
        if person.body.bones[bone] == CHEST:
            continue
        end = person.body.bones[bone][-2:]
        side = next(side for side, (e, _) in SIDES.items() if e == end)
        palm = Palm.of(person.skeleton, side, 1.0)
        gaps = []
        for time in (0.0, 0.4, 1.1):
            moved = person.transforms(time)
            points = linear_blend_skinning(person.surface.rest[own], person.surface.weights[own], moved)
            hand = moved[bone, :, :3] @ palm.middle + moved[bone, :, 3]
            gaps.append(np.linalg.norm(points - hand, axis=1).min())
        np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)
        assert gaps[0] < 0.03


def test_both_palms_lie_on_what_two_hands_hold(wearers, plain):
    for names in (OUTFITS[0], OUTFITS[-1]):
        person = wearers[names]
        own, _ = thing_of(person, plain)
        scale = np.ptp(person.surface.rest[:, 2]) / 1.85
        for time in (0.0, 0.7):
            moved = person.transforms(time)
            points = linear_blend_skinning(person.surface.rest[own], person.surface.weights[own], moved)
            for side, (end, _) in SIDES.items():
                hand = moved[person.body.bones.index("wrist" + end)]
                palm = Palm.of(person.skeleton, side, scale)
                gap = np.linalg.norm(points - (hand[:, :3] @ palm.middle + hand[:, 3]), axis=1).min()
                assert gap < 0.05, f"{side} palm is {gap:.3f} m from the {names[-1]}"


def test_corners_of_a_held_board_are_corners_of_its_squares(wearers):
    person = wearers["board",]
    poses = sample_poses(person, bake(person, 0.01), np.array([0.0, 0.5]))
    board = Board.of(BoardSettings())
    assert poses.board.shape == (2, 24, 3)
    for frame, time in enumerate((0.0, 0.5)):
        vertices = linear_blend_skinning(person.surface.rest, person.surface.weights, person.transforms(time))
        assert cKDTree(vertices).query(poses.board[frame])[0].max() < 1e-5
        # A rigid motion takes the board's own corners to these.
        own, seen = (points - points.mean(0) for points in (board.corners, poses.board[frame].astype(float)))
        u, _, v = np.linalg.svd(own.T @ seen)
        turn = v.T @ np.diag([1, 1, np.sign(np.linalg.det(v.T @ u.T))]) @ u.T
        np.testing.assert_allclose(own @ turn.T, seen, atol=1e-5)


def test_a_capture_with_a_board_tells_its_corners(tmp_path):
    """OpenCV detects the held board in an image of the capture where board.json says."""
    people = {"things": ["board"], "motions": ["stand"], "board": {"columns": 5, "rows": 4, "square": 0.07}}
    rig = {"baseline": 10, "radius": 1.6, "focal": 4, "azimuth": 0, "pitch": 0, "above": 0}
    values = {"frames": 1, "size": [768, 768], "sources": 2, "images": "png", "people": people, "rig": rig}
    settings = config.parse(config.BuiltinSettings, values)
    root = tmp_path / "capture"
    write_capture(1003, root, settings)
    written = json.loads((root / "board.json").read_text())
    assert written["kind"] == "charuco" and written["columns"] == 5 and written["square"] == 0.07
    inner, outer = (cv2.FileStorage(str(root / f"{x}.yml"), cv2.FILE_STORAGE_READ) for x in ("intri", "extri"))
    pose = (outer.getNode(f"{x}_00").mat() for x in "RT")
    corners = np.array(written["frames"]["000000"])
    true = cv2.projectPoints(corners, *pose, inner.getNode("K_00").mat(), None)[0][:, 0]
    image = cv2.imread(str(root / "images/00/000000.png"), cv2.IMREAD_GRAYSCALE)
    board = Board.of(settings.people.board)
    found, numbers, _, _ = cv2.aruco.CharucoDetector(board.charuco).detectBoard(image)
    assert len(numbers) >= 6
    assert np.median(np.linalg.norm(found.reshape(-1, 2) - true[numbers.ravel()], axis=1)) < 0.25


def test_a_share_of_the_people_wear_something():
    rng, half = np.random.default_rng(0), PeopleSettings(things=("glasses", "stick", "phone"), things_share=0.25)
    drawn = [chosen(rng, half, HELD) for _ in range(2000)]
    assert {*drawn} == {"stick", "phone", None} and 0.2 < np.mean([name is not None for name in drawn]) < 0.3
    assert chosen(rng, PeopleSettings(), HELD) is None and chosen(rng, half, BAGS) is None


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"things": ["sword"]}, "things.0"),
        ({"things_share": 2}, "things_share"),
        ({"gloss": -1}, "gloss"),
        ({"board": {"kind": "aprilgrid"}}, "board.kind"),
        ({"board": {"square": 0.2, "columns": 9}}, "board.square"),
    ],
)
def test_impossible_things_are_one_line(values, key):
    with helpers.refuses(ConfigError, "invalid-settings") as error:
        config.parse(PeopleSettings, values)
    assert key in error.value.what
