"""The masks of a capture: read from files as coverage of the person, and judged by themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.captures.coverage import MOST_BORDER, border_share, coverage
from posegaussian.config.rectify import MaskLabel
from posegaussian.errors import CaptureError, warn
from posegaussian.geometry.masks import is_person
from posegaussian.io.images import AlphaMask, ImageFile, LazyImage, has_alpha, samples

_LOSSY = (".jpg", ".jpeg", ".webp")
"""Suffixes of files that are compressed with losses, or may be."""
_WHITE = 0.995
"""A mask that covers this share of the image is white all over. Chosen by hand."""
_SPECK = 1e-4
"""A mask that covers less than this share of the image is no person: 10 x 10 pixels of a megapixel. Chosen by hand."""


@dataclass(frozen=True)
class ResizedMask:
    """A mask, resampled to the size of its image."""

    mask: ImageFile  # the file
    size: tuple[int, int]  # width and height, pixels

    @property
    def path(self) -> Path:
        """See LazyImage."""
        return self.mask.path

    def pixels(self) -> np.ndarray:
        """See LazyImage."""
        return cv2.resize(self.mask.pixels(), self.size, interpolation=cv2.INTER_LINEAR)


_FrameFiles = Mapping[str, Mapping[int, LazyImage]]


class MaskStatistics(NamedTuple):
    """What a mask covers by half or more: shares of the image, and of its border (the mean of the four sides)."""

    share: float
    border: float


def read_mask(file: LazyImage, camera: str, frame: int, label: MaskLabel | None = None) -> UInt8[np.ndarray, "h w"]:
    """Coverage of the person, 0..255.

    Args:
        file: an image file of any kind that `coverage` describes, or the alpha channel of one; others hold coverage.
        camera: that it belongs to.
        frame: its number.
        label: the person's label; None: find out.

    Raises:
        CaptureError: the file cannot be read, is no mask, or does not tell which of its labels is the person.
    """
    if isinstance(file, ResizedMask):
        return cv2.resize(read_mask(file.mask, camera, frame, label), file.size, interpolation=cv2.INTER_LINEAR)
    if not is_given(file):
        return samples(file, camera, frame)
    lossy = file.path.suffix.lower() in _LOSSY
    indexed = samples(file, camera, frame, file.indexed) if isinstance(file, ImageFile) and not lossy else None
    pixels, palette = indexed or (samples(file, camera, frame), None)
    where = {"file": file.path, "camera": camera, "frame": frame}
    if _is_opaque(file, pixels):
        hint = "give masks, or set rectify.masks: background or median to make them"
        what = "no mask: the alpha channel is opaque everywhere"
        raise CaptureError(what, code="opaque-alpha", hint=hint, **where)
    try:
        return coverage(pixels, label, palette, lossy=lossy and not isinstance(file, AlphaMask))
    except CaptureError as error:
        raise CaptureError(error.what, code=error.code, hint=error.hint, **where) from None


def is_given(file: LazyImage) -> bool:
    """Whether a mask is a file of the capture, not computed."""
    return isinstance(file, ImageFile | AlphaMask | ResizedMask)


def given_masks(root: Path, masks: _FrameFiles, images: _FrameFiles, frame: int) -> _FrameFiles:
    """The masks, or else the alpha channels of the images; a warning names cameras that have neither, if others do.

    Args:
        root: the capture's folder.
        masks: files by camera and frame.
        images: by camera and frame; the cameras that count.
        frame: in which an alpha channel is looked for.
    """
    found = {camera: masks[camera] for camera in images if camera in masks}
    for camera, by_frame in images.items():
        file = by_frame.get(frame)
        if camera not in masks and isinstance(file, ImageFile) and has_alpha(file.path):
            found[camera] = {number: AlphaMask(image.path) for number, image in by_frame.items()}
    found = _without_opaque(root, found, frame)
    if found and (missing := [camera for camera in images if camera not in found]):
        what = f"no masks of these cameras: {', '.join(missing)}; the others have masks"
        warn(what, code="cameras-without-masks", file=root)
    return found


def _without_opaque(root: Path, masks: _FrameFiles, frame: int) -> dict[str, Mapping[int, LazyImage]]:
    """The masks without those of cameras whose alpha channel is opaque everywhere in a frame, with a warning."""
    opaque = [
        camera
        for camera, by_frame in masks.items()
        if isinstance(file := by_frame.get(frame), AlphaMask) and _is_opaque(file, samples(file, camera, frame))
    ]
    if opaque:
        what = "no masks: the alpha channel of the images is opaque everywhere"
        warn(what, code="opaque-alphas", file=root, camera=opaque[0] if len(opaque) == 1 else None)
    return {camera: by_frame for camera, by_frame in masks.items() if camera not in opaque}


def _is_opaque(file: LazyImage, pixels: np.ndarray) -> bool:
    """Whether a mask is an alpha channel that is opaque everywhere, and so carries no information about the person."""
    return isinstance(file, AlphaMask) and bool(pixels.min() == 255)


def statistics(mask: UInt8[np.ndarray, "h w"]) -> MaskStatistics:
    """What a mask covers."""
    inside = is_person(mask)
    return MaskStatistics(np.count_nonzero(inside) / inside.size, border_share(inside))


def impossible(covered: MaskStatistics) -> CaptureError | None:
    """The error of a mask that cannot be a person, without its place; None for others."""
    share, border = f"{100 * covered.share:.3g} %", f"{100 * covered.border:.3g} %"
    if covered.share == 0:
        return CaptureError("the mask is empty: black all over", code="empty-mask")
    if covered.share >= _WHITE:
        what = f"the mask is white all over ({share} of the image)"
        hint = "give masks that are white where the person is, or set rectify.masks: background or median"
        return CaptureError(what, code="white-mask", hint=hint)
    if covered.border > MOST_BORDER:
        what = f"the mask looks inverted: it covers {share} of the image and {border} of its border"
        hint = "set rectify.mask_label (import: --mask-label) to the person's label, to 0 where the person is black"
        return CaptureError(what, code="inverted-mask", hint=hint)
    if covered.share < _SPECK:
        return CaptureError(f"the mask covers only {share} of the image: no person", code="empty-mask")
    return None
