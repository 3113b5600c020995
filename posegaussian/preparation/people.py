"""The people of one frame, found in the images of all cameras together, and the one that is wanted among them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_point, nearest_points
from posegaussian.pose.detectors.blazepose.crops import upright_crops
from posegaussian.pose.detectors.blazepose.finder import BlazePose
from posegaussian.pose.person import Person
from posegaussian.preparation.association import Association, SeenPerson
from posegaussian.preparation.image_search import ImageSearch

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB images of one frame, by camera."""
_TRACKED_REFINEMENTS = 0
"""How often a crop from the frame before, or from the other cameras, is corrected by its own landmarks."""

_JUMP = 0.06
"""How far a crop may move between frames, as a share of its side (some 2.4 m), before people are looked for again in
whole images: 1.5 m/s move it by 0.02 at 30 frames/s, and 0.06 at 10. Chosen by hand."""
_GROWTH = 0.25
"""How much the logarithm of a crop's side may change between frames, and how much the logarithms of a person's size
may differ between cameras, before that. 253 pairs of views of the same person of `val` differ by 0.07 or less in 95 %
and by 0.24 at most; of 48 pairs of two people that meet in space, 30 % differ by less. Between frames: by hand."""
_NEAR = 0.5
"""Somebody nearer than this to the place of a person who is expected there may be that person, metres. By hand."""
_FORGOTTEN = 30
"""Frames without the person after which somebody else at the rig's centre is followed: a second. Chosen by hand."""
_REACH = 1.0
"""Radius of a circle around a person's hips that holds all of them, metres. Chosen by hand."""


@dataclass(frozen=True, eq=False)
class FramePeople:
    """The people of one frame."""

    person: SeenPerson | None  # the person who is followed; None where fewer than two cameras see them
    # people that several cameras see, the one nearest to the rig's centre first. They are looked for only in frames in
    # which the person is not found from the frame before.
    others: tuple[SeenPerson, ...] = ()
    # detections that fit nobody in the other cameras, by camera: posters, reflections, wrong ones. They are known only
    # of the images that the detector looked at.
    alone: Mapping[str, tuple[Person, ...]] = field(default_factory=dict)
    # where the person was last, in the world, metres; None where they were in no frame yet
    position: Float[np.ndarray, " 3"] | None = None
    # where the other people were when they were last looked for, in the world, metres
    elsewhere: tuple[Float[np.ndarray, " 3"], ...] = ()
    gone: int = 0  # frames since the person was seen
    # the images on the networks' device, where the caller had copied them
    there: Mapping[str, UInt8[Tensor, "_ _ 3"]] = field(default_factory=dict)

    @property
    def views(self) -> Mapping[str, Person]:
        """What is known about the person in each camera that sees them."""
        return {} if self.person is None else self.person.views


def find_people(
    images: Images,
    cameras: Mapping[str, SourceCamera],
    model: BlazePose,
    previous: FramePeople | None = None,
    number: int = 1,
    there: Mapping[str, UInt8[Tensor, "_ _ 3"]] | None = None,
) -> FramePeople:
    """The people of one frame, and the one who is followed through the frames.

    The person is first looked for where they were in the frame before. Where fewer than two cameras find them there,
    people are detected in all images. Cameras that miss the person get their crop from what the others know; where that
    fails, the detector's.

    Args:
        images: one of each camera.
        cameras: by name.
        model: both networks; images are copied to its device.
        previous: what was found in the frame before.
        number: of the person in the first frame, counted from 1 on from the rig's centre. A person who was lost is
            looked for where they were last.
        there: the images on the model's device, for those who need them there as well; None: they are copied.
    """
    search, association = ImageSearch(images, model, there), Association(cameras)
    previous = previous or FramePeople(None)
    position, others, elsewhere = previous.position, [], previous.elsewhere
    person = _tracked(previous.views, search, association)
    if person is None:
        centre = rig_centre(cameras)
        ranked = _ranked(search, association, cameras, centre if position is None else position)
        if position is None:
            person = dict(enumerate(ranked, start=1)).get(number)
        else:
            person = next(iter(_without_others(ranked, previous, centre)), None)
        others = [each for each in ranked if each is not person]
        elsewhere = tuple(each.position for each in others)
    if person is not None:
        person = _completed(person, cameras, search, association)
    taken = {id(view) for each in [person, *others] if each is not None for view in each.views.values()}
    alone = {name: tuple(view for view in views if id(view) not in taken) for name, views in search.detected.items()}
    alone = {name: views for name, views in alone.items() if views}
    position = position if person is None else person.position
    gone = previous.gone + 1 if person is None else 0
    return FramePeople(person, tuple(others), alone, position, elsewhere, gone, there or {})


def _tracked(views: Mapping[str, Person], search: ImageSearch, association: Association) -> SeenPerson | None:
    """The person where they were in the frame before; None where fewer than two cameras see them there."""
    crops = [(name, view.next_crop) for name, view in views.items() if name in search.images]
    people = association(search.measure(crops, _TRACKED_REFINEMENTS))
    person = max(people, key=lambda each: len(each.views), default=None)
    if person is None or len(person.views) < 2:
        return None
    sizes = np.log(list(association.sizes(person).values()))
    jumped = any(_jumped(views[name], view) for name, view in person.views.items())
    return None if jumped or np.ptp(sizes) > _GROWTH else person


def _jumped(before: Person, now: Person) -> bool:
    """Whether a crop has moved so far that it may now hold somebody else."""
    (x, y, side, _), following = before.next_crop, now.next_crop
    moved = np.hypot(following[0] - x, following[1] - y) / side
    return bool(moved > _JUMP or abs(np.log(following[2] / side)) > _GROWTH)


def _without_others(
    ranked: Sequence[SeenPerson], previous: FramePeople, centre: Float[np.ndarray, " 3"]
) -> list[SeenPerson]:
    """Those who may be the person who was lost: each of the other people is the nearest one to where they stood.

    Who stands at the rig's centre when the person has been gone for a while may be the person in any case.

    Args:
        ranked: people of a frame.
        previous: what was found in the frame before, with the person's last place.
        centre: of the rig, metres.
    """
    others = set()
    for place in previous.elsewhere:
        near = min(ranked, key=lambda each: _apart(each.position, place), default=None)
        if near is not None and _apart(near.position, place) < min(_NEAR, _apart(near.position, previous.position)):
            others.add(id(near))
    waited = previous.gone >= _FORGOTTEN
    return [each for each in ranked if id(each) not in others or (waited and _apart(each.position, centre) < _NEAR)]


def _apart(one: Float[np.ndarray, " 3"], other: Float[np.ndarray, " 3"] | None) -> float:
    """Distance of two points, metres; infinite where there is no second one."""
    return np.inf if other is None else float(np.linalg.norm(one - other))


def rig_centre(cameras: Mapping[str, SourceCamera]) -> Float[np.ndarray, " 3"]:
    """The point nearest to the optical axes of all cameras, metres."""
    centres = np.stack([camera.centre for camera in cameras.values()])
    return nearest_point(centres, np.stack([camera.rotation[2] for camera in cameras.values()]))


def projected_crop(person: SeenPerson, cameras: Mapping[str, SourceCamera], camera: str) -> Float32[np.ndarray, "4"]:
    """Where a camera should see a person, from the landmarks that other cameras see; NaN where it cannot.

    Args:
        person: one that two cameras or more see.
        cameras: by name.
        camera: the name of the one that misses the person.
    """
    views, aim = person.views, cameras[camera]
    origins = np.stack([cameras[name].centre for name in views])
    rays = np.stack([cameras[name].directions(view.points[:, :2].astype(np.float64)) for name, view in views.items()])
    points = nearest_points(origins, rays, np.stack([view.visibility for view in views.values()]).astype(np.float64))
    points = points[np.isfinite(points).all(1)]
    both = np.concatenate([person.torso, points])
    if not ((both - aim.centre) @ aim.rotation[2] > 0).all():
        return np.full(4, np.nan, np.float32)
    hips, shoulders, *body = aim.project(both)
    radius = np.linalg.norm(np.array(body).reshape(-1, 2) - hips, axis=1).max(initial=0)
    up = (shoulders - hips) / np.linalg.norm(shoulders - hips)
    crop = upright_crops(torch.from_numpy(hips).float(), torch.from_numpy(hips + radius * up).float())
    return crop.rows().numpy()


def _ranked(
    search: ImageSearch, association: Association, cameras: Mapping[str, SourceCamera], centre: Float[np.ndarray, " 3"]
) -> list[SeenPerson]:
    """The people that two cameras or more see, the one nearest to a point first."""

    def by_distance(detected: Mapping[str, Sequence[Person]]) -> list[SeenPerson]:
        several = [each for each in association(detected) if len(each.views) > 1]
        return sorted(several, key=lambda each: _apart(each.position, centre))

    around = {name: crop for name, crop in _crops_around(centre, cameras).items() if name in search.images}
    ranked = by_distance(search.detect(search.images, around))
    alone = len(ranked) == 1 and all(len(views) == 1 for views in search.detected.values())
    if search.detected and not (alone and _apart(ranked[0].position, centre) < _NEAR):
        ranked = by_distance(search.detect_hidden(around))
    return ranked


def _crops_around(
    point: Float[np.ndarray, " 3"], cameras: Mapping[str, SourceCamera]
) -> dict[str, Float32[np.ndarray, "4"]]:
    """Where each camera sees somebody whose middle is at a point: the detector misses people between others."""
    crops = {}
    for name, camera in cameras.items():
        depth = float((point - camera.centre) @ camera.rotation[2])
        if depth > 0:
            side = 2.5 * _REACH * camera.intrinsics[1, 1] / depth  # MediaPipe's crops are 1.25 circles wide
            crops[name] = np.array([*camera.project(point[None])[0], side, 0.0], np.float32)
    return crops


def _completed(
    person: SeenPerson, cameras: Mapping[str, SourceCamera], search: ImageSearch, association: Association
) -> SeenPerson:
    """The person with views of the cameras that missed them: from projected crops, else from the detector."""
    lacking = [name for name in cameras if name in search.images and name not in person.views]
    if lacking:
        crops = [(name, projected_crop(person, cameras, name)) for name in lacking]
        person = _joined(person, search.measure(crops, 1), association)
    lacking = [name for name in lacking if name not in person.views]
    person = _joined(person, search.detect(lacking), association) if lacking else person
    return replace(person, views={name: person.views[name] for name in cameras if name in person.views})


def _joined(person: SeenPerson, candidates: Mapping[str, Sequence[Person]], association: Association) -> SeenPerson:
    """The person with the nearest candidate of each camera, where it agrees with the other views."""
    for name, views in candidates.items():
        nearest = min(views, key=lambda view: association.distances(person, {name: view})[name])
        person = association.joined(person, name, nearest) or person
    return person
