"""The scene that is seen where a person comes and goes: a disc that wanders over a known background."""

from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from ball_rig import CENTRE, RIG, around, disc

from posegaussian.captures.capture import Capture
from posegaussian.preparation.known_people import KnownPeople
from posegaussian.preparation.mattes import computed, found
from posegaussian.preparation.mattes.difference import difference_evidence
from posegaussian.preparation.mattes.fusion import WEIGHTS, Evidence, fuse
from posegaussian.preparation.mattes.scene import Scene, frames_apart, revealed_scene
from posegaussian.preparation.mattes.soft_hull import HullEvidence
from posegaussian.preparation.people_file import PeopleFile

CAMERA = RIG["b"]
STEP = 0.12 * CAMERA.rotation[0]
"""From frame to frame, metres: to the right."""


@pytest.fixture(scope="module")
def filmed():
    """The background, 11 frames of a ball before it with noise, and where the ball is in them."""
    rng = np.random.default_rng(0)
    small = rng.integers(40, 200, (CAMERA.height // 8, CAMERA.width // 8, 3)).astype(np.uint8)
    background = cv2.resize(small, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_NEAREST)
    masks = [disc(CAMERA, CENTRE + (each - 5) * STEP, radius=0.15) for each in range(11)]
    noise = [rng.normal(0, 3, background.shape) for _ in masks]
    images = [
        np.clip(np.where(mask[..., None], 250, background) + each, 0, 255).astype(np.uint8)
        for mask, each in zip(masks, noise, strict=True)
    ]
    return background, images, masks


def known_of(scene):
    """Pixels that are known, of a scene of which not all are."""
    assert scene.known is not None
    return scene.known


def views(images, masks):
    """What `revealed_scene` takes."""
    return [(image, around(CAMERA, mask, image).person) for image, mask in zip(images, masks, strict=True)]


def test_what_the_person_leaves_is_known(filmed):
    background, images, masks = filmed
    scene = revealed_scene(views(images, masks))
    known, ever = known_of(scene), np.any(masks, axis=0)
    assert known[ever].mean() > 0.5
    apart = abs(scene.image.astype(int) - background)[known]
    assert apart.mean() < 3 and apart.max() < 20
    far = cv2.distanceTransform((~ever).astype(np.uint8), cv2.DIST_L2, 5) > 40
    assert far.any() and not known[far].any()  # nobody was ever there


def test_where_the_person_always_is_nothing_is_known(filmed):
    _, images, masks = filmed
    assert not known_of(revealed_scene(views([images[5]] * 7, [masks[5]] * 7))).any()


def test_what_moves_is_not_the_scene(filmed):
    _, images, masks = filmed
    flickering = [np.where(index % 2, 255 - image, image) for index, image in enumerate(images)]
    steady, moving = (known_of(revealed_scene(views(each, masks))) for each in (images, flickering))
    assert moving.sum() < 0.2 * steady.sum()


@pytest.mark.parametrize(("change", "shown"), [(0, True), (60, False)])
def test_two_frames_show_the_scene_if_they_agree(filmed, change, shown):
    """The person stands in one place in five frames, and elsewhere in two."""
    _, images, masks = filmed
    later = [images[9], np.clip(images[10].astype(int) + change, 0, 255).astype(np.uint8)]
    known = known_of(revealed_scene(views([*[images[2]] * 5, *later], [*[masks[2]] * 5, masks[9], masks[10]])))
    middle = cv2.distanceTransform(masks[2].astype(np.uint8), cv2.DIST_L2, 5) > 3
    assert known[middle].mean() > 0.95 if shown else known[middle].mean() < 0.3


def test_the_scene_counts_where_it_is_known(filmed):
    background, images, masks = filmed
    window = around(CAMERA, masks[5], images[5])
    known = np.zeros(background.shape[:2], bool)
    known[:, : (window.box[0] + window.box[2]) // 2] = True
    difference = difference_evidence(window, Scene(background, known))
    zeros = np.zeros((window.height, window.width), np.float32)
    fused = fuse(Evidence(zeros, HullEvidence(zeros, zeros, 0), difference))
    assert difference.known is not None and difference.known[0, 0] and not difference.known[0, -1]
    assert (fused[:, -1] == np.float32(WEIGHTS[0, False][0])).all()
    assert fused[window.height // 2, window.width // 2 - 20] > 1 and fused[5, 5] < -1


def people_by_frame(filmed):
    """The people of each frame of a capture of three cameras, the first of which misses the ball once."""
    _, images, masks = filmed
    seen = views(images, masks)
    return [{name: seen[frame][1] for name in "abc" if (name, frame) != ("a", 4)} for frame in range(11)]


def known_people(filmed, frames):
    """The people of some frames of the capture, from their file."""
    _, images, _ = filmed
    size = CAMERA.width, CAMERA.height
    people = people_by_frame(filmed)
    file = Mock(
        spec=PeopleFile,
        path=Path("people.h5"),
        sizes=dict.fromkeys("abc", size),
        found=tuple(range(11)),
        views=people.__getitem__,
    )
    capture = Mock(
        spec=Capture, cameras=dict.fromkeys("abc", CAMERA), frames=frames, image=lambda _, frame: images[frame]
    )
    return KnownPeople(file, capture)


def test_a_file_of_people_knows_the_scene(filmed):
    _, images, masks = filmed
    scenes = known_people(filmed, range(11)).scenes(["a", "b"])
    assert scenes.keys() == {"a", "b"}
    expected = revealed_scene(views(images, masks))
    assert (scenes["b"].image == expected.image).all() and (known_of(scenes["b"]) == known_of(expected)).all()
    assert known_of(scenes["a"]).any() and (known_of(scenes["a"]) != known_of(expected)).any()
    assert not known_people(filmed, range(3)).scenes(["a", "b"])


def test_images_of_the_empty_scene_come_first(filmed, monkeypatch):
    asked, empty = [], filmed[0]
    people = known_people(filmed, range(11))
    monkeypatch.setattr(computed, "FoundMattes", lambda capture, scenes, *_: asked.append(scenes()))
    capture = Mock(spec=Capture, cameras=dict.fromkeys("abc", CAMERA), backgrounds={"a": 0}, background=lambda _: empty)
    computed._MaskComputer(capture, ["a", "b"], "auto", False, people, 1, "cpu", None)
    (scenes,) = asked
    assert scenes.keys() == {"a", "b"}
    assert scenes["a"].known is None and (scenes["a"].image == empty).all() and scenes["b"].known is not None


def test_people_who_are_followed_show_the_scene(filmed, monkeypatch):
    _, images, _ = filmed
    people, before = iter(people_by_frame(filmed)), []

    def find(pictures, cameras, model, previous, number):
        assert model == "networks" and number == 2 and pictures.keys() == cameras.keys()
        before.append(previous)
        return Mock(views=next(people))

    monkeypatch.setattr(found, "find_people", find)
    monkeypatch.setattr(found, "load_blazepose", lambda device: "networks")
    capture = Mock(spec=Capture, cameras=dict.fromkeys("abc", CAMERA), frames=range(11), masks={})
    capture.image = lambda _, frame: images[frame]
    expected = known_people(filmed, range(11)).scenes("ab")
    scenes = found.Following(capture, number=2).scenes("ab")
    assert scenes.keys() == expected.keys()
    for name, scene in scenes.items():
        assert (scene.image == expected[name].image).all() and (known_of(scene) == known_of(expected[name])).all()
    assert before[0] is None and None not in before[1:]


@pytest.mark.parametrize(("count", "chosen"), [(0, 0), (3, 0), (4, 4), (24, 24), (25, 25), (100, 25)])
def test_frames_lie_far_apart(count, chosen):
    frames = frames_apart(range(count))
    assert len(frames) == chosen
    if chosen:
        steps = np.diff(frames)
        assert frames[0] == 0 and frames[-1] == count - 1 and steps.min() > 0 and np.ptp(steps) <= 1
