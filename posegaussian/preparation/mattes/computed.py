"""Masks computed from a capture's own images: the person of a frame is found in all cameras together."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.captures.capture import Capture
from posegaussian.config import MaskKind, MaskLabel
from posegaussian.errors import CaptureError
from posegaussian.io.images import image_bytes
from posegaussian.preparation.mattes.background import estimate_background
from posegaussian.preparation.mattes.changed import ChangedPixels
from posegaussian.preparation.mattes.found import FoundMattes, PeopleOfFrame


def with_masks(
    capture: Capture,
    kind: MaskKind,
    lenient: bool = False,
    label: MaskLabel | None = None,
    people: PeopleOfFrame | None = None,
    number: int = 1,
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
        people: what the stage `people` found; None: looked for here.
        number: which of several people is looked for here; see `FoundMattes`.

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
        computer = _MaskComputer(capture, lacking, kind, lenient, people, number)
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
    """A mask that is computed when it is first read, together with the masks of the other cameras.

    Args:
        path: of the image that it is computed from.
        computer: computes it.
        camera: by name.
        frame: number.
    """

    path: Path
    computer: "_MaskComputer"
    camera: str
    frame: int

    def pixels(self) -> UInt8[np.ndarray, "h w"]:
        """See posegaussian.io.images.LazyImage."""
        return self.computer.mask(self.camera, self.frame)

    def confidence(self) -> float | None:
        """In [0, 1]: how much of the mask several kinds of evidence agree about; None where it is not known."""
        return self.computer.confidence(self.camera, self.frame)


def mask_confidence(capture: Capture, camera: str, frame: int) -> float | None:
    """Of a mask, in [0, 1]; None where it is given, or not known."""
    file = capture.masks[camera][frame]
    return file.confidence() if isinstance(file, ComputedMask) else None


class _MaskComputer:
    """Computes the masks of a capture, frame by frame, and keeps them as PNG in memory."""

    def __init__(
        self,
        capture: Capture,
        lacking: list[str],
        kind: MaskKind,
        lenient: bool,
        people: PeopleOfFrame | None,
        number: int,
    ):
        self._capture, self._lacking = capture, lacking
        cameras = [camera for camera in capture.cameras if kind != "auto" or camera in capture.backgrounds]
        scene = "background" if kind == "auto" else kind
        scenes = {camera: estimate_background(capture, camera, scene) for camera in cameras}
        self._found = FoundMattes(capture, scenes, people, number)
        self._changed = ChangedPixels(capture, scenes, lenient) if scenes.keys() >= capture.cameras.keys() else None
        self._encoded: dict[tuple[str, int], tuple[bytes, float | None]] = {}

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        pixels = np.frombuffer(self._known(camera, frame)[0], np.uint8)
        return np.asarray(cv2.imdecode(pixels, cv2.IMREAD_UNCHANGED))

    def confidence(self, camera: str, frame: int) -> float | None:
        return self._known(camera, frame)[1]

    def _known(self, camera: str, frame: int) -> tuple[bytes, float | None]:
        if (camera, frame) not in self._encoded:
            for name, (mask, confidence) in self._compute(frame).items():
                self._encoded[name, frame] = image_bytes(mask), confidence
        return self._encoded[camera, frame]

    def _compute(self, frame: int) -> Mapping[str, tuple[UInt8[np.ndarray, "_ _"], float | None]]:
        images = {camera: self._capture.image(camera, frame) for camera in self._capture.cameras}
        mattes = self._found.frame(frame, images)
        missed = next((camera for camera in self._lacking if camera not in mattes), None)
        if missed is None:
            return {camera: (matte.coverage, matte.confidence) for camera, matte in mattes.items()}
        if self._changed is not None:
            return {camera: (mask, None) for camera, mask in self._changed.masks(images, frame).items()}
        hint = "give masks or images of the empty scene (rectify.masks: background), or leave the frame out"
        what = "nobody is found in the image" if mattes else "nobody is found in any two cameras"
        root = self._capture.root
        raise CaptureError(what, code="person-not-found", file=root, camera=missed, frame=frame, hint=hint)
