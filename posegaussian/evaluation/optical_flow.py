"""Optical flow between two grey images (Farneback 2003), by OpenCV."""

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from posegaussian.evaluation.farneback import ITERATIONS, LEVELS, RADIUS, SIGMA, WINDOW
from posegaussian.geometry.masks import bounding_box

_CELL = 2**LEVELS
"""Pixels of the image in one of the coarsest image of the pyramid."""
_ROOM = 64
"""Pixels around the person in which OpenCV looks for flow: on built-in people of 1024 px the temporal metrics of a
frame differ from those of the whole image by 5e-6 of their value, in 0.6 of the time; with 48 pixels by 1.5e-3."""


def optical_flow(previous: UInt8[np.ndarray, "h w"], current: UInt8[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w 2"]:
    """The flow (x, y) from one image to the next, pixels; 0 far from both people, where nothing is looked at.

    Args:
        previous: black where nobody is.
        current: likewise.
    """
    (height, width), box = previous.shape, bounding_box(np.maximum(previous, current) > 0)
    flow = np.zeros((height, width, 2), np.float32)
    if box is not None:
        rows, columns = _widened(box[1], box[3], height), _widened(box[0], box[2], width)
        first, second = (np.ascontiguousarray(image[rows, columns]) for image in (previous, current))
        settings = (0.5, LEVELS, WINDOW, ITERATIONS, RADIUS, SIGMA, 0)
        flow[rows, columns] = cv2.calcOpticalFlowFarneback(first, second, None, *settings)  # type: ignore[call-overload]
    return flow


def _widened(start: int, end: int, length: int) -> slice:
    """Where an axis is looked at: whole cells of the coarsest image of the pyramid, with room around the person."""
    if length % _CELL:
        return slice(0, length)
    return slice(max(start - _ROOM, 0) // _CELL * _CELL, min(-(-(end + _ROOM) // _CELL) * _CELL, length))
