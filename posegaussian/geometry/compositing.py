"""The person alone on black, from an image as filmed and its matte, and the way back.

Rectified stores hold images as filmed in a band around the matte. The person on black is estimated once, at the size of
the camera's image, and resampled; `with_background` puts the background back into soft pixels in such a way that
`person_on_black` returns exactly these values. Whole numbers alone: every machine gives the same bytes.

NumPy alone at import: the MMPose environment imports this file, and has another OpenCV.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np

from posegaussian.geometry.masks import bounding_box, is_person

BAND = 0.13
"""Width of the band around the matte in which rectified images are kept as filmed, as a share of the person's height,
so that a hand can be seen that the matte lacks. Of the pixels of lost hands and feet (three people of the split val,
two rigs) 96 % lie in a band of 0.1, 99 % in one of 0.12. Views of people 150 to 155 whose mattes lack half of their
hands and feet lose 0.6 dB with 0.13 and 1.9 dB with 0.1."""
REACH = 3
"""Radius of the window whose background is that of a soft pixel in its middle, pixels. Chosen by hand."""
LEAST_BAND = 2 * REACH
"""Narrowest band, pixels: the windows of all soft pixels lie in it (the corner of one is 1.41 radii away)."""


def person_on_black(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Colours premultiplied by the coverage: images without the contribution of the background.

    A soft pixel shows `a F + (1 - a) B` (Porter and Duff, 1984), F being the person's colour and B the background's.
    `image * a` would darken it to `a a F + ...`. Here `(1 - a) B` is subtracted, B being the mean of the pixels nearby
    that the person does not cover; where there are none, `image * a` it is. The person's own colour is the result
    divided by the coverage.

    Args:
        images: (*b, h, w, 3), RGB, 8 bits, as filmed within `band_around` the person; what lies beyond does not matter.
        masks: (*b, h, w), coverage of the person, 0..255.

    Returns:
        (*b, h, w, 3), RGB, 8 bits; no colour exceeds the coverage.
    """
    if masks.ndim > 2:
        return np.stack([person_on_black(image, mask) for image, mask in zip(images, masks, strict=True)])
    if (kernels := _kernels()) is not None:
        result = np.zeros(images.shape, np.uint8)
        kernels.person_on_black(np.ascontiguousarray(images), np.ascontiguousarray(masks), REACH, result)
        return result
    result = np.where((masks == 255)[..., None], images, np.uint8(0))
    window, soft, behind, known = _soft_pixels(images, masks)
    color, cover = images[window][soft].astype(np.int32), masks[window][soft, None].astype(np.int32)
    alone = np.where(known, np.clip(color - behind, 0, cover), (2 * cover * color + 255) // 510)
    result[window][soft] = alone.astype(np.uint8)
    return result


def with_background(person: np.ndarray, filmed: np.ndarray, mask: np.ndarray, exact: bool = True) -> np.ndarray:
    """An image as filmed of which `person_on_black` returns this person, to the bit.

    Only soft pixels differ from what was filmed, by what the estimate of their background is off. Where there is no
    background nearby, within the wide soft edge of a matte that was found, the colour is the person's divided by the
    coverage: noise where that is low, which a network that corrects mattes takes for something filmed.

    Args:
        person: (h, w, 3), RGB on black, 8 bits; where it is brighter than the mask, the mask counts.
        filmed: (h, w, 3), RGB, 8 bits.
        mask: (h, w), coverage of the person, 0..255.
        exact: False: soft pixels without background nearby are as filmed.

    Returns:
        (h, w, 3), RGB, 8 bits.
    """
    from posegaussian.geometry import compositing_kernels  # not in the MMPose environment, which lacks Numba

    result = np.empty(person.shape, np.uint8)
    compositing_kernels.with_background(person, filmed, mask, REACH, exact, result)
    return result


@cache
def _kernels() -> ModuleType | None:
    """The same compiled, in a tenth of the time; None without Numba, as in the MMPose environment."""
    try:
        return import_module("posegaussian.geometry.compositing_kernels")
    except ImportError:
        return None


def _soft_pixels(image: np.ndarray, mask: np.ndarray) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray, np.ndarray]:
    """A window of the image, its soft pixels, and `(1 - a) B` of each, 0..255, from the pixels without the person.

    Returns:
        rows and columns of the window;
        which of its pixels are soft, (h, w);
        contributions of the background, (n, 3), whole numbers;
        whether there is background nearby, (n, 1).
    """
    import cv2  # here, since the MMPose environment imports this file before it needs it

    box = bounding_box((mask > 0) & (mask < 255)) or (0, 0, 0, 0)
    left, top = max(box[0] - REACH, 0), max(box[1] - REACH, 0)
    window = slice(top, box[3] + REACH), slice(left, box[2] + REACH)
    image, mask = image[window], mask[window]
    side, soft = (2 * REACH + 1, 2 * REACH + 1), (mask > 0) & (mask < 255)
    clear = (mask == 0).astype(np.uint8)
    count = cv2.boxFilter(clear, cv2.CV_32S, side, normalize=False)[soft, None]
    behind = cv2.bitwise_and(image, image, mask=clear)
    sums = cv2.boxFilter(behind, cv2.CV_32S, side, normalize=False)[soft]
    scale = 255 * np.maximum(count, 1)
    return window, soft, (2 * (255 - mask[soft, None].astype(np.int32)) * sums + scale) // (2 * scale), count > 0


def band_around(mask: np.ndarray) -> np.ndarray:
    """Pixels of an image that are kept as filmed: the person's and those within `BAND` of the person's height.

    Args:
        mask: (h, w), coverage of the person, 0..255.

    Returns:
        (h, w), boolean; no pixel where the mask is empty.
    """
    from posegaussian.geometry import compositing_kernels  # not in the MMPose environment, which lacks Numba

    person, covered = bounding_box(is_person(mask)), bounding_box(mask)
    if person is None or covered is None:
        return mask > 0
    width = max(BAND * (person[3] - person[1]), LEAST_BAND)
    left, top = (max(int(covered[i] - width) - 1, 0) for i in range(2))
    window = slice(top, int(covered[3] + width) + 2), slice(left, int(covered[2] + width) + 2)
    band = np.zeros(mask.shape, bool)
    rows = np.arange(int(width) + 1)
    spread = np.sqrt(width**2 - rows**2).astype(np.int64)  # of a disc
    compositing_kernels.widen(np.ascontiguousarray(mask[window]), spread, band[window])
    return band
