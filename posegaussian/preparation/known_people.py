"""What the stage `people` found, for making mattes of it: the person of each frame, and which frames to leave out."""

from collections.abc import Collection, Sequence

from posegaussian.captures.capture import Capture
from posegaussian.captures.masks import is_given
from posegaussian.errors import StoreError, warn
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.found import Images
from posegaussian.preparation.mattes.scene import Scene, frames_apart, revealed_scenes
from posegaussian.preparation.people_file import PeopleFile


class KnownPeople:
    """The person in each camera of a capture that sees them, from its file; a `PeopleOfFrame`.

    Raises:
        StoreError: the file is that of another capture; when called: it does not hold the frame.
    """

    def __init__(self, file: PeopleFile, capture: Capture):
        for name, camera in capture.cameras.items():
            if file.sizes.get(name) != (camera.width, camera.height):
                size = f"{camera.width} x {camera.height} pixels"
                what = f"the file is that of another capture: it has no images of {size}"
                hint = "run the stage people again"
                raise StoreError(what, code="other-capture", file=file.path, camera=name, hint=hint)
        self._file, self._capture = file, capture

    def __call__(self, frame: int, images: Images) -> dict[str, Person]:
        """The person in one frame."""
        return {name: person for name, person in self._file.views(frame).items() if name in images}

    def scenes(self, cameras: Collection[str]) -> dict[str, Scene]:
        """See `KnowsScenes`."""
        frames = frames_apart(sorted({*self._capture.frames} & {*self._file.found}))
        return revealed_scenes(self._capture, cameras, {frame: self._file.views(frame) for frame in frames})


def frames_with_person(
    file: PeopleFile, capture: Capture, frames: Sequence[int], cameras: Collection[str] | None = None
) -> list[int]:
    """The frames in which the person was found.

    With `missing: skip`, frames in which a camera whose mask is needed and not given does not see the person are left
    out as well, with a warning for each such camera: there is nothing that its mask could be made of.
    """
    kept = [frame for frame in frames if frame in file.found]
    needed = capture.masks.keys() if cameras is None else cameras
    masks = {name: next(iter(files.values())) for name, files in capture.masks.items() if name in needed}
    lacking = [name for name, first in masks.items() if not is_given(first)]
    if not file.skips:
        return kept
    missed = {name: [frame for frame in kept if name not in file.seen_by(frame)] for name in lacking}
    for name, left_out in missed.items():
        if left_out:
            more = f" (the first of {len(left_out)} frames)" if len(left_out) > 1 else ""
            what = f"the person is not seen here, so there is no mask: the frame is left out{more}"
            warn(what, code="person-not-seen-skipped", file=capture.root, camera=name, frame=left_out[0])
    without = {frame for left_out in missed.values() for frame in left_out}
    return [frame for frame in kept if frame not in without]
