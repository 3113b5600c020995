"""The person alone on black, from an image as filmed and its matte; and the band that rectified images keep as filmed.

NumPy alone at import: the MMPose environment imports it, and has another OpenCV. Sums are of whole numbers, which are
exact in float32, so that every version gives the same bytes.
"""

import numpy as np

from posegaussian.geometry.masks import bounding_box, is_person

BAND = 0.04
"""Width of the band around the matte in which rectified images are kept as filmed, as a share of the person's height.
Chosen by hand: wider than the errors of mattes, which are a few pixels at 1024 px."""
_REACH = 3
"""Radius of the window in which the background of a soft edge is estimated, pixels. Chosen by hand."""
_LEAST_BAND = 2 * _REACH
"""Narrowest band, pixels: the windows of all soft pixels lie in it (the corner of one is 1.41 radii away)."""
_PURITY = 8
"""A pixel of coverage a has the weight (1 - a) ** _PURITY in that estimate. Chosen by hand: nearly pure background."""
_FALLBACK = np.float32(12.5)
"""Weight of the pixel itself, which is the estimate where there is no background in the window; 255 is the weight of
pure background. Chosen by hand."""
_WEIGHTS = np.rint(255 * (1 - np.arange(256) / 255) ** _PURITY).astype(np.float32)
"""Weights by coverage, 0..255, as whole numbers."""


def person_on_black(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Colours premultiplied by the coverage: images without the contribution of the background.

    A soft pixel shows `a F + (1 - a) B` (Porter and Duff, 1984), F being the person's colour and B the background's.
    `image * a` would darken it to `a a F + ...`. Here, B is estimated as the mean of the background nearby and
    subtracted, and `a F` is left. The person's colour is the result divided by the coverage.

    Args:
        images: (*b, h, w, 3), RGB, 8 bits, as filmed at least within a few pixels of the person.
        masks: (*b, h, w), coverage of the person, 0..255.

    Returns:
        (*b, h, w, 3), RGB, 8 bits; no colour exceeds the coverage.
    """
    if masks.ndim > 2:
        return np.stack([person_on_black(image, mask) for image, mask in zip(images, masks, strict=True)])
    result = np.where((masks == 255)[..., None], images, np.uint8(0))
    box = bounding_box((masks > 0) & (masks < 255))
    if box is not None:
        left, top = max(box[0] - _REACH, 0), max(box[1] - _REACH, 0)
        window = slice(top, box[3] + _REACH), slice(left, box[2] + _REACH)
        _subtract_background(result[window], images[window], masks[window])
    return result


def _subtract_background(result: np.ndarray, image: np.ndarray, mask: np.ndarray) -> None:
    """Write the soft pixels of `person_on_black` into the result."""
    import cv2  # the MMPose environment imports this file before it is needed

    side = (2 * _REACH + 1, 2 * _REACH + 1)
    weight = _WEIGHTS[mask]
    total = cv2.boxFilter(weight, -1, side, normalize=False)
    sums = cv2.boxFilter(weight[..., None] * image, -1, side, normalize=False)
    soft = (mask > 0) & (mask < 255)
    colour, coverage = image[soft].astype(np.float32), mask[soft, None].astype(np.float32)
    background = (sums[soft] + _FALLBACK * colour) / (total[soft, None] + _FALLBACK)
    alone = colour - (1 - coverage / np.float32(255)) * background
    result[soft] = np.rint(np.clip(alone, 0, coverage)).astype(np.uint8)


def band_around(mask: np.ndarray) -> np.ndarray:
    """Pixels of an image that are kept as filmed: the person's and those within `BAND` of the person's height.

    Args:
        mask: (h, w), coverage of the person, 0..255.

    Returns:
        (h, w), boolean; no pixel where the mask is empty.
    """
    import cv2  # see _subtract_background

    person = bounding_box(is_person(mask))
    if person is None:
        return mask > 0
    width = max(BAND * (person[3] - person[1]), _LEAST_BAND)
    return cv2.distanceTransform((mask == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= width
