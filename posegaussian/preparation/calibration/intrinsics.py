"""Intrinsics and distortion of one camera from views of a board (Zhang, 2000), as a start of the bundle adjustment."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.errors import CalibrationError
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import View

COEFFICIENTS = 4
"""k1, k2, p1, p2. The next one, k3, is 0: where the board does not reach the corners of the image, it runs away."""
_LEAST_VIEWS = 4
"""Views that a camera needs: three determine focal lengths and centre, the fourth tells whether they agree."""
_FOCAL = 0.3, 12.0
"""Plausible focal lengths as shares of the image's longer side: fields of view of 118 to 5 degrees. By hand."""
_CENTRE = 0.25
"""The principal point lies this close to the middle, as a share of the image's longer side. Chosen by hand."""
_WORST_VIEW = 3.0
"""A view is rejected with an error of more than this times the median of the views. Chosen by hand."""
_LEAST_ERROR = 0.5
"""Errors below this, pixels, never reject a view. Chosen by hand."""
_ROUNDS = 3
"""Times that views are rejected; chosen by hand."""


def start_intrinsics(
    board: TargetBoard, views: Sequence[View], size: tuple[int, int]
) -> tuple[Float[np.ndarray, "3 3"], Float[np.ndarray, "4"]]:
    """Intrinsics, pixel centres at +0.5, and k1, k2, p1, p2 of a camera.

    Raises:
        CalibrationError: there are too few views, or they do not determine the lens.
    """
    camera = views[0].camera if views else None
    kept = list(views)
    for _ in range(_ROUNDS):
        if len(kept) < _LEAST_VIEWS:
            what = f"{len(kept)} usable images of the board, but {_LEAST_VIEWS} are needed"
            hint = "film the board longer: near and far, tilted to all sides, in all parts of the image"
            raise CalibrationError(what, code="few-views", camera=camera, hint=hint)
        points = [board.corners[view.ids].astype(np.float32)[:, None] for view in kept]
        pixels = [view.pixels.astype(np.float32)[:, None] for view in kept]
        with _one_thread():
            _, matrix, lens, _, _, _, _, errors = cv2.calibrateCameraExtended(
                points, pixels, size, np.eye(3), np.zeros(5), flags=cv2.CALIB_FIX_K3
            )
        errors = np.asarray(errors).ravel()
        good = errors <= max(_WORST_VIEW * float(np.median(errors)), _LEAST_ERROR)
        if good.all():
            break
        kept = [view for view, use in zip(kept, good, strict=True) if use]
    check_lens(matrix, size, str(camera))
    return matrix, np.asarray(lens).ravel()[:COEFFICIENTS]


def check_lens(matrix: Float[np.ndarray, "3 3"], size: tuple[int, int], camera: str) -> None:
    """Raise a CalibrationError where intrinsics are implausible."""
    longer = max(size)
    focal, centre = matrix[[0, 1], [0, 1]], matrix[:2, 2] - np.array(size) / 2
    hint = "check the board's numbers of squares; film it tilted by 30 degrees and more, in all parts of the image"
    if not (np.isfinite(focal).all() and _FOCAL[0] * longer <= focal.min() <= focal.max() <= _FOCAL[1] * longer):
        what = f"the focal lengths, {focal[0]:.0f} and {focal[1]:.0f} px, are implausible for images {longer} px long"
        raise CalibrationError(
            what, code="implausible-lens", camera=camera, hint=f"{hint}; fisheye lenses are not supported"
        )
    if not abs(centre).max() <= _CENTRE * longer:
        what = f"the principal point, {abs(centre).max():.0f} px off the middle, is implausible"
        raise CalibrationError(what, code="implausible-lens", camera=camera, hint=hint)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV in one thread: with several, `calibrateCamera` adds its sums up in the order in which they come."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
