"""What is known about one person in one image: the record that the detector of people makes."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from posegaussian.geometry.masks import is_person

LANDMARKS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""Names of the landmarks, as MediaPipe gives them; left is the person's own."""
COCO = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""The landmark of each of COCO's 17 joints (`posegaussian.types.JOINTS`). The names agree; `left_eye` is the middle of
the eye in both."""
PRESENT = 0.5
"""There is a person in a crop whose score exceeds this (MediaPipe's threshold)."""
MATTE = 256
"""Rows and columns of the matte."""


@dataclass(frozen=True, eq=False)
class Person:
    """One person in one image; positions are image pixels (x, y), pixel centres at +0.5."""

    score: float  # probability that there is a person, in [0, 1]
    # x and y of the 33 landmarks, and z, the depth behind the middle of the hips, in the same unit
    points: Float32[np.ndarray, "33 3"]
    visibility: Float32[np.ndarray, "33"]  # probability that a landmark lies in the image and nothing hides it
    presence: Float32[np.ndarray, "33"]  # probability that it lies in the image
    # the square that was looked at: x and y of its centre, its side, and the angle by which it is turned clockwise,
    # radians; the person stands upright in it
    crop: Float32[np.ndarray, "4"]
    # the square around the person as seen in the crop: where to look in the next frame
    next_crop: Float32[np.ndarray, "4"]
    matte: UInt8[np.ndarray, "256 256"]  # coverage of the person in the crop, 0..255; the edge is coarse
    # x0, y0, x1, y1 around the landmarks and around the pixels that the matte covers by half or more; it reaches beyond
    # the image where the person does
    box: Float32[np.ndarray, "4"]

    def coco(self) -> tuple[Float32[np.ndarray, "17 2"], Float32[np.ndarray, "17"]]:
        """COCO's joints in image pixels, and their scores in [0, 1]: the landmark's visibility times the person's."""
        return self.points[list(COCO), :2], self.visibility[list(COCO)] * np.float32(self.score)

    def image_matte(self, height: int, width: int) -> UInt8[np.ndarray, "height width"]:
        """Coverage of the person in the image, 0..255; 0 outside the crop.

        Args:
            height: of the image, pixels.
            width: of the image, pixels.
        """
        to_image = crop_to_image(self.crop, MATTE)
        to_image[:, 2] += 0.5 * to_image[:, :2].sum(1) - 0.5  # OpenCV counts from the centre of the first pixel
        return np.asarray(cv2.warpAffine(self.matte, to_image, (width, height), flags=cv2.INTER_LINEAR))


def crop_to_image(crop: np.ndarray, size: int) -> np.ndarray:
    """The map (2, 3) from positions in a crop of `size` cells, edges at 0 and `size`, to image pixels."""
    x, y, side, angle = map(float, crop)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([turn * (side / size), np.array([x, y]) - turn @ [side / 2, side / 2]])


def matte_box(crop: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The box (x0, y0, x1, y1) in image pixels around what a matte (n, n) in a crop covers by half; infinite if empty.

    The lower bounds are then +inf and the upper ones -inf, so that a union with another box is that box.
    """
    covered = is_person(matte)
    rows = np.flatnonzero(covered.any(1))
    if not len(rows):
        return np.array([np.inf, np.inf, -np.inf, -np.inf])
    to_image = crop_to_image(crop, len(matte))
    lines = covered[rows]  # the ends of rows lie outermost, however the crop is turned
    ends = lines.argmax(1), len(matte) - 1 - lines[:, ::-1].argmax(1)
    centres = np.concatenate([np.stack([columns, rows], axis=1) for columns in ends]) + 0.5
    pixels = centres @ to_image[:, :2].T + to_image[:, 2]
    half = float(crop[2]) / len(matte) / 2
    return np.concatenate([pixels.min(0) - half, pixels.max(0) + half])
