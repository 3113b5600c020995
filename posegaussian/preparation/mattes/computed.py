"""Masks computed from a capture's own images: the person of a frame is found in all cameras together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.config import MaskLabel
from posegaussian.errors import CaptureError, warn
from posegaussian.io.images import image_bytes
from posegaussian.preparation.mattes.background import estimate_background, foreground
from posegaussian.preparation.mattes.edges import refine_mask
from posegaussian.preparation.mattes.hull import VisualHull

_BONES = [(5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (11, 12), (5, 11), (6, 12), (11, 13), (13, 15), (12, 14), (14, 16)]
"""Pairs of COCO joints with a limb or an edge of the torso between them."""
_THICKNESS = 0.01
"""Width of a bone's line, as a share of the image's longer side. Chosen by hand: narrower than a limb."""


def with_masks(capture: Capture, kind: str, lenient: bool = False, label: MaskLabel | None = None) -> Capture:
    """The capture with masks of this kind; masks are computed when they are first read.

    Args:
        capture: its own masks are used where the kind is `given`, and ignored otherwise.
        kind: `given`: the capture's own; `background`: pixels that differ from its images of the empty scene;
            `median`: pixels that differ from the temporal median of each camera.
        lenient: accept given masks that cannot be a person, so that they can be inspected. Where the visual hull is
            empty, warn and use the largest component of each image's foreground, so that a capture with a wrong
            calibration can be inspected.
        label: the person's label in given masks; None: that of the capture.

    Raises:
        CaptureError: a camera has no masks, or what they are computed from is missing.
    """
    if kind == "given":
        for camera in (*capture.sources, *capture.held_out):
            if camera not in capture.masks:
                hint = "set rectify.masks: background or median to make them"
                raise CaptureError(
                    "no masks of this camera", code="no-masks", file=capture.root, camera=camera, hint=hint
                )
        changes = ({} if label is None else {"mask_label": label}) | ({"strict": False} if lenient else {})
        return replace(capture, **changes) if changes else capture
    computer = _MaskComputer(capture, kind, lenient)
    masks = {
        camera: {
            frame: ComputedMask(capture.images[camera][frame].path, computer, camera, frame) for frame in capture.frames
        }
        for camera in capture.cameras
    }
    return replace(capture, masks=masks, mask_label=None, strict=not lenient)


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


class _MaskComputer:
    """Computes the masks of a capture, frame by frame, and keeps them as PNG in memory."""

    def __init__(self, capture: Capture, kind: str, lenient: bool):
        self._capture, self._lenient = capture, lenient
        self._backgrounds = {camera: estimate_background(capture, camera, kind) for camera in capture.cameras}
        self._hull = VisualHull(capture.cameras)
        self._joints = capture.joints()
        self._encoded: dict[tuple[str, int], bytes] = {}

    def mask(self, camera: str, frame: int) -> UInt8[np.ndarray, "h w"]:
        if (camera, frame) not in self._encoded:
            for name, mask in self._compute(frame).items():
                self._encoded[name, frame] = image_bytes(mask)
        return np.asarray(cv2.imdecode(np.frombuffer(self._encoded[camera, frame], np.uint8), cv2.IMREAD_UNCHANGED))

    def _compute(self, frame: int) -> Mapping[str, UInt8[np.ndarray, "_ _"]]:
        capture = self._capture
        images = {camera: capture.image(camera, frame) for camera in capture.cameras}
        seen = {camera: foreground(image, self._backgrounds[camera]) for camera, image in images.items()}
        for camera in seen:
            if not seen[camera].any():
                raise self._empty("nothing differs from the background", frame, camera)
        person = self._hull.locate_person(seen)
        if person is None and self._lenient:
            what = "no person is visible in all cameras; each mask is the largest change in its own image"
            warn(what, code="no-common-person", file=capture.root, frame=frame, hint="check the calibration")
            return {camera: _largest_component(pixels) for camera, pixels in seen.items()}
        if person is None:
            raise self._empty("no person is visible in all cameras", frame)
        if person.others:
            what = f"{person.others + 1} people: the masks keep the largest near the rig's centre"
            warn(what, code="several-people", file=capture.root, frame=frame)
        masks = {}
        for camera, image in images.items():
            region = person.regions[camera]
            rough = seen[camera] & region
            if not rough.any():
                raise self._empty("the person does not differ from the background", frame, camera)
            masks[camera] = refine_mask(image, rough, region, self._bones(camera, frame))
        return masks

    def _bones(self, camera: str, frame: int) -> Bool[np.ndarray, "h w"]:
        """Pixels along the bones of the capture's true joints; none where it has no joints."""
        lens = self._capture.cameras[camera]
        drawn = np.zeros((lens.height, lens.width), np.uint8)
        if self._joints is not None:
            pixels = lens.project(self._joints[self._capture.frames.index(frame)])
            thickness = max(1, round(_THICKNESS * max(drawn.shape)))
            for a, b in _BONES:
                cv2.line(drawn, _whole_pixel(pixels[a]), _whole_pixel(pixels[b]), 1, thickness)
        return drawn > 0

    def _empty(self, what: str, frame: int, camera: str | None = None) -> CaptureError:
        hint = "check the calibration and the background, or give masks"
        return CaptureError(
            f"the mask is empty: {what}",
            code="empty-mask",
            file=self._capture.root,
            camera=camera,
            frame=frame,
            hint=hint,
        )


def _largest_component(pixels: Bool[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """Mask, 0 or 255, of the largest connected component."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(pixels.astype(np.uint8))
    return 255 * (labels == 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()).astype(np.uint8)


def _whole_pixel(pixel: Sequence[float]) -> tuple[int, int]:
    return int(pixel[0]), int(pixel[1])
