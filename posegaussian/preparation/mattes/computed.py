"""Masks computed from a capture's own images: the person of a frame is found in all cameras together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from jaxtyping import UInt8

from posegaussian.captures.capture import Capture
from posegaussian.config import MaskKind, MaskLabel, MattingSettings
from posegaussian.errors import CaptureError
from posegaussian.io import chunks
from posegaussian.parallel import in_order, thread_count
from posegaussian.pose.person import Person
from posegaussian.preparation.footage import images_ahead
from posegaussian.preparation.mattes.background import estimate_background
from posegaussian.preparation.mattes.changed import ChangedPixels
from posegaussian.preparation.mattes.found import FoundMattes, Images, KnowsScenes, PeopleOfFrame
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.progress import progress
from posegaussian.streams import own_stream

_THREADS = 16
"""Threads that make mattes, at most: each holds two frames of all cameras, 6 MB a camera of 1024 x 1024."""
_CUDA_THREADS = 3
"""The same where a GPU runs the networks: more only wait for each other. On an H200, 3 threads took 15 ms a frame of
two cameras, 6 took 20."""

Packed = tuple[bytes, float | None]
"""A mask, packed, and its confidence."""


def with_masks(
    capture: Capture,
    kind: MaskKind,
    lenient: bool = False,
    label: MaskLabel | None = None,
    people: PeopleOfFrame | None = None,
    number: int = 1,
    device: str = "cpu",
    matting: MattingSettings | None = None,
) -> Capture:
    """The capture with masks of this kind; masks are computed when they are first read.

    Args:
        capture: its own masks are used where the kind is `given` or `auto`, and ignored otherwise.
        kind: `given`: the capture's own; `auto`: these, and where there are none, those of the person that BlazePose
            finds, with the help of images of the empty scene; `background` and `median` find the person too, with an
            image of the empty scene or the temporal median of each camera. Where nobody is found, what differs from the
            empty scenes is taken, if those of all cameras are known.
        lenient: accept given masks that cannot be a person, so that they can be inspected. Where the visual hull is
            empty, warn and use the largest component of each image's foreground, so that a capture with a wrong
            calibration can be inspected.
        label: the person's label in given masks; None: that of the capture.
        people: what the stage `people` found; None: looked for here. One that `KnowsScenes` replaces
            images of the empty scene that are not given.
        number: which of several people is looked for here; see `FoundMattes`.
        device: where people and mattes are found.
        matting: the model that finds edges; default: the network that ships.

    Raises:
        CaptureError: a camera has no masks, or what they are computed from is missing.
    """
    given = set(capture.masks) if kind in ("given", "auto") else set()
    lacking = [camera for camera in capture.cameras if camera not in given]
    if lacking and kind == "given":
        hint = "set rectify.masks: auto to make them"
        raise CaptureError("no masks of this camera", code="no-masks", file=capture.root, camera=lacking[0], hint=hint)
    changes = ({} if label is None else {"mask_label": label}) | ({"strict": False} if lenient else {})
    if lacking:
        computer = _MaskComputer(capture, lacking, kind, lenient, people, number, device, matting)
        computed = {
            camera: {
                frame: ComputedMask(capture.images[camera][frame].path, computer, camera, frame)
                for frame in capture.frames
            }
            for camera in lacking
        }
        changes |= {"masks": {**{camera: capture.masks[camera] for camera in given}, **computed}}
    return replace(capture, **changes) if changes else capture


@dataclass(frozen=True)
class ComputedMask:
    """A mask that is computed when it is first read, together with the masks of the other cameras."""

    path: Path
    computer: "_MaskComputer"
    camera: str
    frame: int

    def pixels(self) -> UInt8[np.ndarray, "h w"]:
        """See posegaussian.io.images.LazyImage."""
        return self.computer.mask(self.camera, self.frame)

    def is_known(self) -> bool:
        """Whether it has been computed."""
        return self.computer.knows(self.camera, self.frame)

    def confidence(self) -> float | None:
        """In [0, 1]: how much of the mask several kinds of evidence agree about; None where it is not known."""
        return self.computer.confidence(self.camera, self.frame)


def compute_masks(capture: Capture, frames: Sequence[int]) -> None:
    """Compute the masks of frames ahead, in threads, where they are not given.

    They are kept in memory, packed: about 20 kB a megapixel.

    Raises:
        CaptureError: an image cannot be read.
    """
    masks = [by_frame[frames[0]] for by_frame in capture.masks.values()]
    for computer in {mask.computer for mask in masks if isinstance(mask, ComputedMask)}:
        computer.ahead(frames, min(thread_count(), _CUDA_THREADS if computer.device.type == "cuda" else _THREADS))


def masks_at_hand(capture: Capture, cameras: Sequence[str], frames: Sequence[int]) -> bool:
    """Whether all masks of cameras and frames are given, or have been computed."""
    masks = (capture.masks[camera][frame] for camera in cameras for frame in frames)
    return all(not isinstance(mask, ComputedMask) or mask.is_known() for mask in masks)


def mask_confidence(capture: Capture, camera: str, frame: int) -> float | None:
    """Of a mask, in [0, 1]; None where it is given, or not known."""
    file = capture.masks[camera][frame]
    return file.confidence() if isinstance(file, ComputedMask) else None


class _MaskComputer:
    """Computes the masks of a capture, frame by frame, and keeps them packed in memory."""

    def __init__(
        self,
        capture: Capture,
        lacking: list[str],
        kind: MaskKind,
        lenient: bool,
        people: PeopleOfFrame | None,
        number: int,
        device: str,
        matting: MattingSettings | None,
    ):
        self._capture, self._lacking = capture, lacking
        self.device = torch.device(device)
        cameras = [camera for camera in capture.cameras if kind != "auto" or camera in capture.backgrounds]
        scene = "background" if kind == "auto" else kind
        scenes = {camera: estimate_background(capture, camera, scene) for camera in cameras}
        known = {camera: Scene(image) for camera, image in scenes.items()}
        others = [camera for camera in lacking if camera not in known]

        def all_scenes() -> dict[str, Scene]:
            found = people.scenes(others) if others and isinstance(people, KnowsScenes) else {}
            return {**known, **found}

        self._found = FoundMattes(capture, all_scenes, people, number, device, matting)
        self._changed = ChangedPixels(capture, scenes, lenient) if scenes.keys() >= capture.cameras.keys() else None
        self._packed: dict[tuple[str, int], Packed | None] = {}
        self._lock = Lock()

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        lens = self._capture.cameras[camera]
        packed, _ = self._known(camera, frame)
        return chunks.unpack(packed, np.dtype("u1"), (lens.height, lens.width), shuffled=False).copy()

    def confidence(self, camera: str, frame: int) -> float | None:
        return self._known(camera, frame)[1]

    def knows(self, camera: str, frame: int) -> bool:
        return self._packed.get((camera, frame)) is not None

    def _known(self, camera: str, frame: int) -> Packed:
        """A camera that misses the person matters when its mask is read: maybe no pair uses it."""
        with self._lock:
            if (camera, frame) not in self._packed:
                self.ahead([frame], threads=1)
            packed = self._packed[camera, frame]
        if packed is None:
            hint = "give masks or images of the empty scene (rectify.masks: background), or leave the frame out"
            others = any(self.knows(name, frame) for name in self._lacking)
            what = "the person is not found in the image" if others else "fewer than two cameras see the person"
            where = {"file": self._capture.root, "camera": camera if others else None, "frame": frame}
            raise CaptureError(what, code="person-not-found", **where, hint=hint)
        return packed

    def ahead(self, frames: Sequence[int], threads: int) -> None:
        """Compute the masks of frames that are not known yet.

        One thread reads each camera, the caller's follows the person, and `threads` make the mattes.
        """
        frames = [frame for frame in frames if (self._lacking[0], frame) not in self._packed]
        images = images_ahead(self._capture, tuple(self._capture.cameras), frames)
        followed = ((frame, each, self._found.people(frame, each)) for frame, each in zip(frames, images, strict=True))
        found = in_order(self._computed, followed, threads)
        each_frame = zip(frames, found, strict=True)
        if len(frames) > 1:
            each_frame = progress(each_frame, f"masks {self._capture.name}", len(frames), unit="frames")
        for frame, masks in each_frame:
            self._packed.update({(name, frame): each for name, each in masks.items()})

    def _computed(self, item: tuple[int, Images, Mapping[str, Person]]) -> dict[str, Packed | None]:
        """The masks of a frame; None of cameras in which nobody is found, where the empty scenes are not known."""
        frame, images, people = item
        with own_stream(self.device):
            mattes = self._found.mattes(images, people)
        if self._changed is not None and not mattes.keys() >= set(self._lacking):
            return {name: (chunks.pack(mask), None) for name, mask in self._changed.masks(images, frame).items()}
        packed = {name: (chunks.pack(matte.coverage), matte.confidence) for name, matte in mattes.items()}
        return {name: packed.get(name) for name in self._lacking}
