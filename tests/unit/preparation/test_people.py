"""People of one frame in all cameras: analytic people, as networks that know the truth would see them."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from posegaussian.geometry.lens import SourceCamera
from posegaussian.pose.detectors.blazepose.crops import Crops, upright_crops
from posegaussian.pose.detectors.blazepose.finder import BlazePose
from posegaussian.pose.detectors.blazepose.landmarks import People
from posegaussian.pose.detectors.blazepose.person_detector import FoundPeople
from posegaussian.pose.person import LANDMARKS
from posegaussian.preparation.association import Association
from posegaussian.preparation.people import find_people, projected_crop, rig_centre

SIZE = 400
NEAR = 0.005
"""The middle of two points in an image is not the image of their middle: metres."""
TORSO = {"left_hip": (0, 0.1, 0.9), "right_hip": (0, -0.1, 0.9), "left_shoulder": (0, 0.2, 1.4)}
TORSO |= {"right_shoulder": (0, -0.2, 1.4), "nose": (0.1, 0, 1.6)}


def landmarks(x=0.0, y=0.0, scale=1.0):
    """The 33 landmarks of somebody who stands there, metres; z points up."""
    random = np.random.default_rng(3)
    points = random.uniform([-0.2, -0.3, 0.1], [0.2, 0.3, 1.6], (33, 3))
    for name, place in TORSO.items():
        points[LANDMARKS.index(name)] = place
    return scale * points + [x, y, 0]


def camera(degrees, radius=3.0):
    """A camera on a circle, 1 m above the floor, that looks at the axis, with a lens that distorts."""
    turn = np.radians(degrees)
    forward = -np.array([np.cos(turn), np.sin(turn), 0])
    rotation = np.stack([np.cross([0, 0, -1.0], forward), [0, 0, -1.0], forward])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, -rotation @ (np.array([0, 0, 1.0]) - radius * forward)
    matrix = np.array([[380.0, 0, SIZE / 2], [0, 380, SIZE / 2], [0, 0, 1]])
    return SourceCamera(matrix, np.array([-0.05, 0.01, 0, 0, 0]), pose, SIZE, SIZE)


class Oracle(BlazePose):
    """Both networks, which know who is where.

    Args:
        cameras: in the order of the number in an image's first pixel.
        people: their landmarks, metres.
        blind: pairs (camera, person) that the detector misses.
        gone: pairs (camera, person) that the image does not show.
        moved: by which each camera's landmarks are wrong, pixels.
        flat: images of people, pixels (33, 2), that only one camera sees.
    """

    cameras: Mapping[str, SourceCamera]
    people: list
    blind: set
    gone: set
    moved: dict
    flat: dict
    calls: list

    def __init__(self, cameras, people, blind=(), gone=(), moved=None, flat=None):
        known = {"cameras": cameras, "people": people, "blind": blind, "gone": gone, "calls": []}
        for name, value in {**known, "moved": moved or {}, "flat": flat or {}}.items():
            object.__setattr__(self, name, value)

    @property
    def device(self):
        return torch.device("cpu")

    def seen(self, image):
        name = list(self.cameras)[int(image[0, 0, 0])]
        pixels = [
            (index, self.cameras[name].project(points) + self.moved.get(name, 0))
            for index, points in enumerate(self.people)
            if (name, index) not in self.gone
        ]
        return name, pixels + [("flat", each) for each in self.flat.get(name, [])]

    def crops(self, pixels):
        hips = torch.tensor(pixels[[LANDMARKS.index(f"{side}_hip") for side in ("left", "right")]].mean(0)).float()
        shoulders = pixels[[LANDMARKS.index(f"{side}_shoulder") for side in ("left", "right")]].mean(0)
        up = torch.tensor(shoulders).float() - hips
        radius = float(np.linalg.norm(pixels - hips.numpy(), axis=1).max())
        return upright_crops(hips, hips + radius * up / up.norm())

    def locate(self, images):
        self.calls.append(("locate", [self.seen(image)[0] for image in images]))
        found = []
        for image in images:
            name, people = self.seen(image)
            rows = [self.crops(pixels).rows() for index, pixels in people if (name, index) not in self.blind]
            rows = torch.stack(rows) if rows else torch.zeros(0, 4)
            found.append(FoundPeople(Crops.of_rows(rows), torch.ones(len(rows)), rows))
        return found

    def measure(self, images, crops, refinements=0):
        self.calls.append(("measure", [self.seen(image)[0] for image in images]))
        rows = []
        for image, row in zip(images, crops.rows().numpy(), strict=True):
            each = [
                (np.abs(self.crops(pixels).centre.numpy() - row[:2]).max(), pixels) for _, pixels in self.seen(image)[1]
            ]
            off, pixels = min(each, key=lambda one: one[0], default=(np.inf, np.zeros((33, 2))))
            score = 0.9 if off < row[2] / 4 else 0.1
            rows.append((score, np.column_stack([pixels, np.zeros(33)]), row, self.crops(pixels).rows().numpy()))
        score, points, looked, following = (torch.tensor(np.array(part)).float() for part in zip(*rows, strict=True))
        sure = torch.ones(len(rows), 33)
        matte = torch.full((len(rows), 256, 256), -30.0)
        return People(Crops.of_rows(looked), Crops.of_rows(following), score, points, sure, sure, points, matte)


CAMERAS = {f"c{index}": camera(40 * index) for index in range(4)}
IMAGES = {name: np.full((SIZE, SIZE, 3), index, np.uint8) for index, name in enumerate(CAMERAS)}


def find(oracle, *arguments, cameras=CAMERAS):
    return find_people({name: IMAGES[name] for name in cameras}, cameras, oracle, *arguments)


def place(found):
    """Where the person is, metres."""
    assert found.position is not None
    return found.position


def test_the_person_stands_where_the_rays_meet():
    found = find(Oracle(CAMERAS, [landmarks(0.1, -0.2)]))
    assert list(found.views) == list(CAMERAS) and not found.others and not found.alone
    np.testing.assert_allclose(
        Association(CAMERAS).seen(found.views).torso, [[0.1, -0.2, 0.9], [0.1, -0.2, 1.4]], atol=NEAR
    )
    np.testing.assert_allclose(rig_centre(CAMERAS), [0, 0, 1], atol=1e-9)


def test_the_person_nearest_to_the_centre_is_followed():
    people = [landmarks(0.9, 0.6), landmarks(0.1, 0.0, 1.1), landmarks(-0.6, 0.2, 0.9)]
    oracle = Oracle(CAMERAS, people)
    found = find(oracle)
    np.testing.assert_allclose(place(found)[:2], [0.1, 0], atol=NEAR)
    assert [round(float(other.position[0]), 2) for other in found.others] == [-0.6, 0.9]
    second = find(oracle, None, 2)
    np.testing.assert_allclose(place(second)[:2], [-0.6, 0.2], atol=NEAR)
    assert find(oracle, None, 4).person is None and len(find(oracle, None, 4).others) == 3


def test_the_person_is_followed_although_another_comes_nearer():
    first = find(Oracle(CAMERAS, [landmarks(0.3, 0.1)]))
    oracle = Oracle(CAMERAS, [landmarks(0.0, 0.0, 1.1), landmarks(0.35, 0.12)])
    second = find(oracle, first)
    np.testing.assert_allclose(place(second)[:2], [0.35, 0.12], atol=NEAR)
    assert [kind for kind, _ in oracle.calls] == ["measure"]  # all four at once, and the detector is not needed


def test_a_camera_that_misses_the_person_is_shown_where_they_are():
    oracle = Oracle(CAMERAS, [landmarks()], blind={("c2", 0)})
    assert list(find(oracle).views) == list(CAMERAS)
    assert oracle.calls == [
        ("locate", ["c0", "c1", "c2", "c3"]), ("measure", ["c0", "c1", "c3"]), ("measure", ["c2"])
    ]  # fmt: skip


def test_a_camera_in_which_nobody_is_has_no_view():
    found = find(Oracle(CAMERAS, [landmarks()], gone={("c1", 0)}))
    assert list(found.views) == ["c0", "c2", "c3"]


def test_a_camera_that_disagrees_has_no_view_and_its_detection_is_alone():
    found = find(Oracle(CAMERAS, [landmarks()], moved={"c3": np.array([60.0, 60])}))
    assert list(found.views) == ["c0", "c1", "c2"] and list(found.alone) == ["c3"]
    np.testing.assert_allclose(place(found)[:2], [0, 0], atol=NEAR)


def test_a_poster_in_one_camera_is_alone():
    poster = CAMERAS["c0"].project(landmarks(-1.2, 0.4))
    found = find(Oracle(CAMERAS, [landmarks()], flat={"c0": [poster]}))
    assert list(found.views) == list(CAMERAS) and {name: len(views) for name, views in found.alone.items()} == {"c0": 1}


def test_two_cameras_that_disagree_see_nobody_in_common():
    cameras = {name: CAMERAS[name] for name in ("c0", "c1")}
    found = find(Oracle(cameras, [landmarks()], moved={"c1": np.array([0.0, 80])}), cameras=cameras)
    assert found.person is None and list(found.alone) == ["c0", "c1"] and found.position is None


def test_a_person_who_is_lost_is_looked_for_where_they_were():
    first = find(Oracle(CAMERAS, [landmarks(0.5, 0.3)]))
    nobody = find(Oracle(CAMERAS, []), first)
    assert nobody.person is None
    np.testing.assert_allclose(place(nobody), place(first))
    back = find(Oracle(CAMERAS, [landmarks(0.0, 0.0, 1.1), landmarks(0.6, 0.3)]), nobody)
    np.testing.assert_allclose(place(back)[:2], [0.6, 0.3], atol=NEAR)


@pytest.mark.parametrize("name", CAMERAS)
def test_the_projected_crop_is_the_one_that_the_camera_would_choose(name):
    oracle = Oracle(CAMERAS, [landmarks(0.2, 0.1)])
    views = dict(find(oracle).views)
    expected = views.pop(name).next_crop
    crop = projected_crop(Association(CAMERAS).seen(views), CAMERAS, name)
    np.testing.assert_allclose(crop[:2], expected[:2], atol=0.5)
    np.testing.assert_allclose(crop[3], expected[3], atol=0.02)


def test_a_person_behind_a_camera_has_no_crop_there():
    person = Association(CAMERAS).seen(find(Oracle(CAMERAS, [landmarks()])).views)
    behind = {**CAMERAS, "near": camera(20, radius=-0.5)}
    assert np.isnan(projected_crop(person, behind, "near")).all()
