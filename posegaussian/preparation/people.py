"""The people of one frame, found in the images of all cameras together, and the one that is wanted among them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_point, nearest_points
from posegaussian.pose.detectors.blazepose.crops import Crops, upright_crops
from posegaussian.pose.detectors.blazepose.finder import REFINEMENTS, BlazePose
from posegaussian.pose.person import PRESENT, Person
from posegaussian.preparation.association import Association, SeenPerson, torso_pixels
from posegaussian.streams import to_device

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB images of one frame, by camera."""
_TRACKED_REFINEMENTS = 0
"""How often a crop from the frame before, or from the other cameras, is corrected by its own landmarks."""

_REACH = 1.0
"""Radius of a circle around a person's hips that holds all of them, metres. Chosen by hand."""
_SAME = 0.05
"""Hips and shoulders of one person who was found twice in an image are nearer to each other than this share of the
crop's side. Chosen by hand."""


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
    look, association = _Look(images, model, there or {}), Association(cameras)
    person, others = None, []
    if previous is not None and previous.person is not None:
        crops = [(name, view.next_crop) for name, view in previous.views.items() if name in images]
        tracked = association(look.measure(crops, _TRACKED_REFINEMENTS))
        person = max(tracked, key=lambda each: len(each.views), default=None)
    if person is None or len(person.views) < 2:
        position = None if previous is None else previous.position
        centre = rig_centre(cameras) if position is None else position
        around = {name: crop for name, crop in _central_crops(cameras).items() if name in images}
        several = [each for each in association(look.detect(images, around)) if len(each.views) > 1]
        ranked = sorted(several, key=lambda each: float(np.linalg.norm(each.position - centre)))
        person = dict(enumerate(ranked, start=1)).get(number if position is None else 1)
        others = [each for each in ranked if each is not person]
    if person is not None:
        person = _completed(person, cameras, look, association)
    taken = {id(view) for each in [person, *others] if each is not None for view in each.views.values()}
    alone = {name: tuple(view for view in views if id(view) not in taken) for name, views in look.detected.items()}
    position = person.position if person is not None else None if previous is None else previous.position
    return FramePeople(
        person, tuple(others), {name: views for name, views in alone.items() if views}, position, there or {}
    )


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


def _central_crops(cameras: Mapping[str, SourceCamera]) -> dict[str, Float32[np.ndarray, "4"]]:
    """Where each camera sees somebody who stands at the rig's centre: the detector misses people between others."""
    centre, crops = rig_centre(cameras), {}
    for name, camera in cameras.items():
        depth = float((centre - camera.centre) @ camera.rotation[2])
        if depth > 0:
            side = 2.5 * _REACH * camera.intrinsics[1, 1] / depth  # MediaPipe's crops are 1.25 circles wide
            crops[name] = np.array([*camera.project(centre[None])[0], side, 0.0], np.float32)
    return crops


class _Look:
    """Looks at crops of the images of one frame."""

    def __init__(self, images: Images, model: BlazePose, there: Mapping[str, UInt8[Tensor, "_ _ 3"]]):
        self._model = model
        there = there or {name: to_device(image, model.device) for name, image in images.items()}
        self.images = {name: image.movedim(-1, 0) for name, image in there.items()}
        self.detected: dict[str, list[Person]] = {}

    def measure(
        self, crops: Sequence[tuple[str, Float32[np.ndarray, "4"]]], refinements: int
    ) -> dict[str, list[Person]]:
        """The people in crops of cameras, where there are any, by camera."""
        crops = [(name, crop) for name, crop in crops if np.isfinite(crop).all()]
        if not crops:
            return {}
        squares = Crops.of_rows(torch.from_numpy(np.stack([crop for _, crop in crops])))
        people = self._model.measure([self.images[name] for name, _ in crops], squares, refinements).records()
        found: dict[str, list[Person]] = {}
        for (name, _), person in zip(crops, people, strict=True):
            if person.score > PRESENT:
                found.setdefault(name, []).append(person)
        return found

    def detect(
        self, names: Iterable[str], further: Mapping[str, Float32[np.ndarray, "4"]] | None = None
    ) -> dict[str, list[Person]]:
        """The people in the whole images of cameras, by camera; in further crops, too."""
        names = list(names)
        located = self._model.locate([self.images[name] for name in names])
        rows = [found.crops.rows().cpu().numpy() for found in located]
        crops = [(name, crop) for name, each in zip(names, rows, strict=True) for crop in each]
        crops += list((further or {}).items())
        self.detected |= {name: _distinct(people) for name, people in self.measure(crops, REFINEMENTS).items()}
        return {name: self.detected[name] for name in names if name in self.detected}


def _distinct(people: Sequence[Person]) -> list[Person]:
    """People without those whose crops have moved onto the same person, the surest first."""
    kept: list[Person] = []
    for person in sorted(people, key=lambda each: -each.score):
        apart = [np.abs(torso_pixels(person) - torso_pixels(other)).max() / other.crop[2] for other in kept]
        if min(apart, default=np.inf) > _SAME:
            kept.append(person)
    return kept


def _completed(
    person: SeenPerson, cameras: Mapping[str, SourceCamera], look: _Look, association: Association
) -> SeenPerson:
    """The person with views of the cameras that missed them: from projected crops, else from the detector."""
    lacking = [name for name in cameras if name in look.images and name not in person.views]
    if lacking:
        crops = [(name, projected_crop(person, cameras, name)) for name in lacking]
        person = _joined(person, look.measure(crops, 1), association)
    lacking = [name for name in lacking if name not in person.views]
    person = _joined(person, look.detect(lacking), association) if lacking else person
    return replace(person, views={name: person.views[name] for name in cameras if name in person.views})


def _joined(person: SeenPerson, candidates: Mapping[str, Sequence[Person]], association: Association) -> SeenPerson:
    """The person with the nearest candidate of each camera, where it agrees with the other views."""
    for name, views in candidates.items():
        nearest = min(views, key=lambda view: association.distances(person, {name: view})[name])
        person = association.joined(person, name, nearest) or person
    return person
