"""Pixels near the bones of the person: what surely is their own, and not of somebody or something behind them."""

import cv2
import numpy as np
from jaxtyping import Bool, Float

from posegaussian.preparation.mattes.network import BONES
from posegaussian.preparation.mattes.window import Window

_REACH = 0.04
"""Distance from a bone, as a share of the window's longer side: half the width of a thigh. Of 0.02, 0.03 and 0.04, the
smaller ones gave a mean IoU that is higher by up to 0.001 on people 101 to 108 of `val`, but with them a part of a
lifted leg was lost on the demo footage."""
_HEAD = 0.07
"""Radius of the head, likewise; 0.06 to 0.08 gave the same there."""
_ABOVE = 0.3
"""How far the middle of the head lies above the ears, as a share of their distance from the shoulders. By hand."""
_FAR = 4096.0
"""Pixels beyond which nothing is drawn: OpenCV takes no larger ones in all versions."""
_EARS, _SHOULDERS = [7, 8], [11, 12]


def near_skeleton(window: Window) -> Bool[np.ndarray, "h w"]:
    """Pixels of a window near the bones, or in the head, whether these are seen or hidden."""
    drawn, longer = np.zeros((window.height, window.width), np.uint8), max(window.width, window.height)
    points = np.clip(window.points(), -_FAR, _FAR)
    for first, second in BONES:
        cv2.line(drawn, _pixel(points[first]), _pixel(points[second]), 1, max(1, round(2 * _REACH * longer)))
    ears, shoulders = points[_EARS].mean(0), points[_SHOULDERS].mean(0)
    cv2.circle(drawn, _pixel(ears + _ABOVE * (ears - shoulders)), round(_HEAD * longer), 1, cv2.FILLED)
    return drawn > 0


def _pixel(point: Float[np.ndarray, "2"]) -> tuple[int, int]:
    """OpenCV counts from the centre of the first pixel."""
    return round(point[0] - 0.5), round(point[1] - 0.5)
