"""What looks wrong about the people of a capture: collected frame by frame, then one line each."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posegaussian.captures.capture import Capture
from posegaussian.errors import CaptureError, warn
from posegaussian.pose.person import Person
from posegaussian.preparation.people import FramePeople

_OUTSIDE = 0.02
"""A person is cut by the image's edge if a landmark lies further outside than this share of the crop's side. By hand:
landmarks at the edge are less exact than this."""


@dataclass
class _Fact:
    """Something that looks wrong in some frames."""

    what: str  # is wrong
    hint: str  # what to do about it
    frame: int  # the first frame
    count: int = 0  # number of frames


class PeopleWatch:
    """Collects what looks wrong in frame after frame."""

    def __init__(self, capture: Capture, number: int = 1):
        self._capture, self._number = capture, number
        self._facts: dict[tuple[str, str | None], _Fact] = {}
        self._said: set[tuple[str, str | None]] = set()

    def check(self, people: FramePeople, frame: int) -> None:
        """Collect what looks wrong in a frame in which two cameras or more see the person."""
        if people.others:
            self._add("several-people", None, frame, self._several(people), "choose another one with `person`")
        for camera in self._capture.cameras:
            for code, what, hint in self._judged(camera, people):
                self._add(code, camera, frame, what, hint)

    def skip(self, people: FramePeople, frame: int) -> None:
        """Collect that a frame is left out."""
        error = self.missing(people, frame)
        self._add(f"{error.code}-skipped", error.camera, frame, f"{error.what}: the frame is left out", "")

    def warn(self) -> None:
        """Warn about everything that was collected, in one line for each camera and kind, and never again."""
        for (code, camera), fact in self._facts.items():
            more = f" (the first of {fact.count} frames)" if fact.count > 1 else ""
            what, hint = f"{fact.what}{more}", fact.hint or None
            warn(what, code=code, file=self._capture.root, camera=camera, frame=fact.frame, hint=hint)
        self._said |= self._facts.keys()
        self._facts.clear()

    def missing(self, people: FramePeople, frame: int) -> CaptureError:
        """The error about a frame in which fewer than two cameras see the person."""
        alone, camera, hint = list(people.alone), None, "`people.missing: skip` goes on without such frames"
        if people.others and people.position is not None:
            count = len(people.others)
            others = "one other person" if count == 1 else f"{count} other people"
            code, what = "person-gone", f"the person who was followed has gone; {others} can be seen"
        elif people.others:
            code, what = "no-such-person", f"there is no person {self._number}, only {len(people.others)}"
        elif len(alone) > 1:
            code, what = "cameras-disagree", f"the cameras {', '.join(alone)} see people, but at no common place"
            hint = f"is the calibration right, are the frames of the same time, or is something in the way? {hint}"
        elif alone:
            code, what, camera = "seen-once", "no other camera sees the person who is here", alone[0]
        else:
            code, what = "nobody-there", "nobody is seen"
        return CaptureError(what, code=code, file=self._capture.root, camera=camera, frame=frame, hint=hint)

    def _judged(self, camera: str, people: FramePeople) -> Iterator[tuple[str, str, str]]:
        """Code, problem and hint of what looks wrong in a camera."""
        person, others = people.views.get(camera), len(people.alone.get(camera, ()))
        if person is None and others:
            what = "the person who is seen here is not where the other cameras see them"
            yield "person-elsewhere", what, "a poster or a reflection, or the calibration is wrong"
        elif person is None:
            yield "person-not-seen", "the person is not seen here", "is something in the way, or are they out of sight?"
        elif others:
            what = f"{'somebody' if others == 1 else f'{others} people'} here that no other camera confirms"
            yield "person-unconfirmed", f"{what}, and who are ignored", "a poster, a reflection, or somebody aside"
        if person is not None and _is_cut(person, *self._size(camera)):
            yield "person-cut", "the image's edge cuts off a part of the person", "what is cut off cannot be rendered"

    def _several(self, people: FramePeople) -> str:
        places = "; ".join(", ".join(f"{value:.1f}" for value in each.position) for each in people.others)
        count = len(people.others) + 1
        which = (
            "the nearest to the rig's centre" if self._number == 1 else f"number {self._number} from the rig's centre"
        )
        return f"{count} people (or reflections of one): {which} is followed; the others stand at ({places}) m"

    def _size(self, camera: str) -> tuple[int, int]:
        return self._capture.cameras[camera].width, self._capture.cameras[camera].height

    def _add(self, code: str, camera: str | None, frame: int, what: str, hint: str) -> None:
        if (code, camera) not in self._said:
            self._facts.setdefault((code, camera), _Fact(what, hint, frame)).count += 1


def _is_cut(person: Person, width: int, height: int) -> bool:
    """Whether a landmark lies outside the image."""
    outside = np.maximum(-person.points[:, :2], person.points[:, :2] - (width, height)).max()
    return bool(outside > _OUTSIDE * person.crop[2])
