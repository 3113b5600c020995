"""Mattes of the person in a capture's frames, from the images alone; with images of the empty scene, they help."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import UInt8

from posegaussian.captures.capture import Capture
from posegaussian.config import MattingSettings
from posegaussian.pose.detectors.blazepose.finder import BlazePose, load_blazepose
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.matte import Matte
from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.models import load_matting_model
from posegaussian.preparation.mattes.scene import Scene, frames_apart, revealed_scenes
from posegaussian.preparation.people import FramePeople, find_people
from posegaussian.preparation.people_watch import PeopleWatch

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB, by camera."""
PeopleOfFrame = Callable[[int, Images], Mapping[str, Person]]
"""The person in each camera that sees them; called with the frame's number and its images."""


@runtime_checkable
class KnowsScenes(Protocol):
    """A `PeopleOfFrame` that can look at all frames, and so knows the scene where the person comes and goes."""

    def scenes(self, cameras: Collection[str]) -> Mapping[str, Scene]:
        """What some cameras show of the scene, by camera; without those that show too few frames of it."""
        ...


class FoundMattes:
    """Finds the person of a frame in all cameras, and their mattes.

    Args:
        capture: holds cameras and images.
        scenes: the scene without the person, of some cameras or none; called when the person is first found.
        people: what the stage `people` found; None: found here, with a warning about other people and cameras that miss
            the person, once each.
        number: which of several people in the first frame, where they are found here; 1 is the nearest to the rig's
            centre.
        device: where the networks run.
        model: that finds the edges; default: the network that ships.
    """

    def __init__(
        self,
        capture: Capture,
        scenes: Callable[[], Mapping[str, Scene]] = dict,
        people: PeopleOfFrame | None = None,
        number: int = 1,
        device: str = "cpu",
        model: MattingSettings | None = None,
    ):
        self._capture, self._scenes, self._device, self._model = capture, scenes, device, model
        self._people = people or Following(capture, number, device)
        self._matting: Matting | None = None

    def frame(self, frame: int, images: Images) -> dict[str, Matte]:
        """The mattes of a frame, by camera; without those in which nobody is found."""
        return self.mattes(images, self.people(frame, images))

    def people(self, frame: int, images: Images) -> Mapping[str, Person]:
        """The person of a frame, by camera; call it for the frames in their order, one at a time."""
        people = self._people(frame, images)
        if people and self._matting is None:
            model = load_matting_model(self._model, self._device)
            self._matting = Matting(self._capture.cameras, model, self._scenes(), self._device)
        return people

    def mattes(self, images: Images, people: Mapping[str, Person]) -> dict[str, Matte]:
        """The mattes of the person that `people` returned, by camera; threads may make those of several frames."""
        return self._matting.mattes(images, people) if people and self._matting else {}


class Following:
    """Finds the person in frames, and follows them as long as one frame comes after the other; a `PeopleOfFrame`.

    Args:
        capture: holds cameras and images.
        number: which of several people in the first frame; 1 is the nearest to the rig's centre.
        device: where the networks run.
    """

    def __init__(self, capture: Capture, number: int = 1, device: str = "cpu"):
        self._capture, self._number, self._device = capture, number, device
        self._watch = PeopleWatch(capture, number)
        self._model: BlazePose | None = None
        self._before: tuple[int, FramePeople] | None = None

    def __call__(self, frame: int, images: Images) -> Mapping[str, Person]:
        """The person in each camera that sees them; the frames come in their order."""
        self._model = self._model or load_blazepose(device=self._device)
        index = self._capture.frames.index(frame)
        number, before = self._before or (None, None)
        follows = index > 0 and self._capture.frames[index - 1] == number
        people = find_people(images, self._capture.cameras, self._model, before if follows else None, self._number)
        self._before = frame, people
        if people.person is not None:
            self._watch.check(people, frame)
            self._watch.warn()
        return people.views

    def scenes(self, cameras: Collection[str]) -> dict[str, Scene]:
        """See `KnowsScenes`: people are looked for in some frames of the whole capture, before they are followed."""
        self._model = self._model or load_blazepose(device=self._device)
        people, seen = None, {}
        for frame in frames_apart(self._capture.frames):
            images = {name: self._capture.image(name, frame) for name in self._capture.cameras}
            people = find_people(images, self._capture.cameras, self._model, people, self._number)
            seen[frame] = people.views
        return revealed_scenes(self._capture, cameras, seen)
