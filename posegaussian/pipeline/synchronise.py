"""How late the cameras of a capture are: by their sound where videos have it, else by the landmarks of the person."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.captures.capture import Capture
from posegaussian.captures.offsets import with_offsets
from posegaussian.errors import CaptureError, warn
from posegaussian.io.sound import RATE, read_sound
from posegaussian.io.video import VideoFrame
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.preparation.people import find_people
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.preparation.sound import sound_offsets
from posegaussian.preparation.synchronisation import Offset, landmark_offsets
from posegaussian.progress import progress

_SOUGHT = 150
"""Frames in which the person is looked for where no file holds them: five seconds at 30 frames per second. By hand."""
_FRACTION = 0.25
"""Fractions of a frame beyond this are warned about. Chosen by hand: a hand that moves at 2 m/s is then 17 mm off at 30
frames per second."""


@dataclass(frozen=True)
class Synchronisation:
    """How late each camera is against the first one."""

    offsets: Mapping[str, Offset | None]  # by camera; None where it is not known
    source: str  # `sound` or `landmarks`
    fps: float | None = None  # frames per second, for messages; None where unknown

    def whole(self) -> dict[str, int]:
        """Whole frames by which cameras are late, where they are certain; not those of cameras that drift."""
        known = {name: each for name, each in self.offsets.items() if each is not None and each.drift is None}
        return {name: each.whole for name, each in known.items() if each.whole}

    def lines(self) -> list[str]:
        """A line for each camera but the first."""
        first, *others = self.offsets
        return [f"camera {name} against {first}, by {self.source}: {_described(self.offsets[name])}" for name in others]

    def problems(self) -> list[str]:
        """One sentence for each camera that is apart in time."""
        first, found = next(iter(self.offsets)), []
        for name, each in self.offsets.items():
            if each is None:
                continue
            if each.drift is not None:
                what = f"camera {name} {each.line()} against {first}: its clock runs at another rate"
                found.append(f"{what}; cut the footage into shorter pieces, or use cameras with a common clock")
            elif each.whole:
                hint = f"import the capture with --sync, or give offsets `{name}:{each.whole}`"
                found.append(f"camera {name} is {each.line()} against {first}, by {self.source}; {hint}")
            if each.drift is None and (rest := self.rest(each)):
                found.append(f"camera {name}: {rest}")
        return found

    def rest(self, offset: Offset) -> str:
        """What remains when whole frames are corrected; empty where it is little."""
        rest = abs(offset.frames - offset.whole)
        if rest <= _FRACTION:
            return ""
        time = f" ({1000 * rest / self.fps:.0f} ms)" if self.fps else ""
        far = f": a hand that moves at 2 m/s is {2000 * rest / self.fps:.0f} mm off" if self.fps else ""
        return f"{rest:.2f} of a frame{time} cannot be corrected by whole frames{far}"


def _described(offset: Offset | None) -> str:
    return "no answer: nothing moves enough, or nothing is heard" if offset is None else offset.line()


def synchronise(capture: Capture, people: PeopleFile | None = None, *, look: bool = False) -> Synchronisation | None:
    """How late the cameras are; None where there are no sounds and no landmarks.

    Args:
        capture: whose cameras have images of every frame.
        people: of the stage `people`.
        look: look for the person where `people` is None.

    Raises:
        CaptureError: an image or a sound cannot be read.
    """
    by_sound = _by_sound(capture)
    if by_sound is not None:
        return by_sound
    if people is not None:
        trajectories, frames = people.trajectories(), people.frames
    elif look:
        frames = np.array(capture.frames[:_SOUGHT])
        trajectories = _found(capture, frames.tolist())
    else:
        return None
    trajectories = {name: points for name, points in trajectories.items() if name in capture.cameras}
    steps = np.unique(np.diff(frames))
    if len(steps) != 1 or len(trajectories) < 2:
        return None
    found = landmark_offsets(trajectories, {name: capture.cameras[name] for name in trajectories})
    return Synchronisation(
        {name: _times(each, int(steps[0])) for name, each in found.items()}, "landmarks", capture.fps
    )


def _times(offset: Offset | None, step: int) -> Offset | None:
    """An offset in frames from one in steps."""
    if offset is None or step == 1:
        return offset
    drift = None if offset.drift is None else step * offset.drift
    return Offset(step * offset.frames, step * offset.deviation, drift)


def _by_sound(capture: Capture) -> Synchronisation | None:
    """By the sounds of videos whose frames have the numbers of the capture's; None where nothing is heard."""
    videos = {}
    for name in capture.cameras:
        file = capture.images[name][capture.frames[0]]
        if not isinstance(file, VideoFrame) or file.index != capture.frames[0]:
            return None
        videos[name] = file.path
    if capture.fps is None or len(videos) < 2:
        return None
    sounds = {}
    for name, path in videos.items():
        try:
            sounds[name] = read_sound(path)
        except OSError as error:
            raise CaptureError(
                f"its sound cannot be read ({error})", code="unreadable-video", file=path, camera=name
            ) from None
    found = sound_offsets(sounds, RATE, capture.fps)
    if sum(each is not None for each in found.values()) < 2:
        return None
    return Synchronisation(found, "sound", capture.fps)


def _found(capture: Capture, frames: list[int]) -> dict[str, Float[np.ndarray, "frames 33 3"]]:
    """Landmarks of the person, looked for in some frames."""
    model, people = load_blazepose(), None
    found = {name: np.zeros((len(frames), 33, 3)) for name in capture.cameras}
    for index, frame in enumerate(progress(frames, "look for the person: frame", len(frames))):
        images = {name: capture.image(name, frame) for name in capture.cameras}
        people = find_people(images, capture.cameras, model, people)
        for name, view in people.views.items():
            found[name][index, :, :2], found[name][index, :, 2] = view.points[:, :2], view.visibility
    return found


def synchronised(capture: Capture) -> Capture:
    """The capture with late cameras moved by whole frames; what was found is printed, what remains is warned about.

    Raises:
        CaptureError: an image or a sound cannot be read, or no frame is left.
    """
    found = synchronise(capture, look=True)
    if found is None or all(each is None for name, each in found.offsets.items() if name != next(iter(found.offsets))):
        what = "neither sound nor the person's motion shows how late the cameras are"
        warn(what, code="no-offsets", file=capture.root, hint="clap before all cameras, or film a person who moves")
        return capture
    print("\n".join(found.lines()))
    moved = with_offsets(capture, found.whole())
    for name, each in found.offsets.items():
        if each is not None and each.drift is not None:
            what = f"{each.line()}: not moved"
            warn(
                what, code="drifting-camera", file=capture.root, camera=name, hint="cut the footage into shorter pieces"
            )
        elif each is not None and (rest := found.rest(each)):
            warn(rest, code="fraction-of-a-frame", file=capture.root, camera=name)
    return moved
