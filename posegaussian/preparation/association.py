"""Which detections in the images of several cameras are the same person, by the rays through hips and shoulders.

A poster, a reflection or a wrong detection in one camera has no partner in the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from jaxtyping import Float

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.rig import nearest_points
from posegaussian.pose.person import LANDMARKS, Person

AGREE = 0.06
"""Largest distance between the hips, or the shoulders, as seen and as projected, as a share of the crop's side, which
is about 1.2 times the person's height."""
_SIZE = 0.2
"""Weight of the difference between the logarithms of a person's size in two views, against their distance: of 253 pairs
of views of the same person of `val` the medians are 0.021 and 0.004."""
_ENDS = tuple(tuple(LANDMARKS.index(f"{side}_{part}") for side in ("left", "right")) for part in ("hip", "shoulder"))


@dataclass(frozen=True, eq=False)
class SeenPerson:
    """A person that several cameras see, or one alone."""

    views: Mapping[str, Person]  # what is known from each camera, by its name
    # middle of the hips and middle of the shoulders, in the world, metres; NaN where one camera is alone
    torso: Float[np.ndarray, "2 3"]

    @property
    def position(self) -> Float[np.ndarray, " 3"]:
        """Middle of the hips, in the world, metres."""
        return self.torso[0]


class Association:
    """Judges whether detections are the same person."""

    def __init__(self, cameras: Mapping[str, SourceCamera]):
        self._cameras = cameras

    def seen(self, views: Mapping[str, Person]) -> SeenPerson:
        """The person of these views, placed in the world."""
        if len(views) < 2:
            return SeenPerson(views, np.full((2, 3), np.nan))
        origins = np.stack([self._cameras[name].centre for name in views])
        rays = np.stack([self._cameras[name].directions(torso_pixels(person)) for name, person in views.items()])
        return SeenPerson(views, nearest_points(origins, rays))

    def distances(self, person: SeenPerson, views: Mapping[str, Person] | None = None) -> dict[str, float]:
        """How far views lie from a person, as a share of the crop's side, by camera; infinite behind the camera.

        Args:
            person: placed in the world.
            views: those to judge; default: the person's own.
        """
        found = {}
        for name, view in (person.views if views is None else views).items():
            camera = self._cameras[name]
            ahead = ((person.torso - camera.centre) @ camera.rotation[2] > 0).all()  # false for NaN
            off = np.linalg.norm(camera.project(person.torso) - torso_pixels(view), axis=1) if ahead else np.inf
            found[name] = float(np.max(off) / view.crop[2])
        return found

    def sizes(self, person: SeenPerson) -> dict[str, float]:
        """Side of the square around a person at their distance, metres, by camera; views of two people differ.

        Args:
            person: placed in the world, before the cameras.
        """
        found = {}
        for name, view in person.views.items():
            camera = self._cameras[name]
            depth = float((person.position - camera.centre) @ camera.rotation[2])
            found[name] = float(view.next_crop[2]) * depth / camera.intrinsics[1, 1]
        return found

    def joined(self, person: SeenPerson, camera: str, view: Person) -> SeenPerson | None:
        """The person with one more view, or another one of a camera; None where the views do not agree then."""
        both = self.seen({**person.views, camera: view})
        return both if max(self.distances(both).values()) <= AGREE else None

    def __call__(self, candidates: Mapping[str, Sequence[Person]]) -> list[SeenPerson]:
        """The people that two cameras or more see, and then those that only one sees.

        Pairs of views that fit best are joined first, and groups of views as long as all of a group agree.
        """
        every = [(name, view) for name, views in candidates.items() for view in views]
        groups = [self.seen({name: view}) for name, view in every]
        member = list(range(len(every)))
        for _, first, second in sorted(self._pairs(every)):
            one, two = groups[member[first]], groups[member[second]]
            if member[first] != member[second] and not one.views.keys() & two.views.keys():
                both = self.seen({**one.views, **two.views})
                if max(self.distances(both).values()) <= AGREE:
                    groups[member[first]] = both
                    member = [member[first] if each == member[second] else each for each in member]
        found = [groups[index] for index in dict.fromkeys(member)]
        in_order = [replace(each, views=_ordered(each.views, candidates)) for each in found]
        return sorted(in_order, key=lambda each: len(each.views) < 2)

    def _pairs(self, every: Sequence[tuple[str, Person]]) -> list[tuple[float, int, int]]:
        """Pairs of views that agree: how badly they fit, and their indices."""
        pairs = []
        for first, second in combinations(range(len(every)), 2):
            if every[first][0] != every[second][0]:
                both = self.seen(dict([every[first], every[second]]))
                apart = max(self.distances(both).values())
                if apart <= AGREE:
                    pairs.append(
                        (apart + _SIZE * float(np.ptp(np.log(list(self.sizes(both).values())))), first, second)
                    )
        return pairs


def torso_pixels(person: Person) -> Float[np.ndarray, "2 2"]:
    """Middle of the hips and middle of the shoulders, image pixels; both do not depend on which side is left."""
    return np.stack([person.points[list(sides), :2].mean(0) for sides in _ENDS]).astype(np.float64)


def _ordered(views: Mapping[str, Person], names: Mapping[str, object]) -> dict[str, Person]:
    return {name: views[name] for name in names if name in views}
