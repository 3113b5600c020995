"""The person as what differs from the scene in all cameras together, for people that BlazePose does not find."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.errors import CaptureError, warn
from posegaussian.preparation.mattes.background import foreground
from posegaussian.preparation.mattes.edges import refine_mask
from posegaussian.preparation.mattes.hull import VisualHull

_BONES = [(5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (11, 12), (5, 11), (6, 12), (11, 13), (13, 15), (12, 14), (14, 16)]
"""Pairs of COCO joints with a limb or an edge of the torso between them."""
_THICKNESS = 0.01
"""Width of a bone's line, as a share of the image's longer side. Chosen by hand: narrower than a limb."""


class ChangedPixels:
    """Computes masks from differences, the visual hull and GrabCut."""

    def __init__(self, capture: Capture, scenes: Mapping[str, UInt8[np.ndarray, "_ _ 3"]], lenient: bool):
        self._capture, self._scenes, self._lenient = capture, scenes, lenient
        self._hull = VisualHull(capture.cameras)
        self._joints = capture.joints()

    def masks(
        self, images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]], frame: int
    ) -> dict[str, UInt8[np.ndarray, "_ _"]]:
        """Coverage of the person, 0..255, by camera.

        Raises:
            CaptureError: nothing differs, or not the same in all cameras.
        """
        capture = self._capture
        seen = {camera: foreground(image, self._scenes[camera]) for camera, image in images.items()}
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
