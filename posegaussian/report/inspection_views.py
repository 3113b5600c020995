"""The images of an inspection page: masks, epipolar lines, and rectified pairs with scan lines."""

import colorsys
from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.pose.person import Person
from posegaussian.report.images import RGBImage, box_around, padded_crop, resized

_HEIGHT = 520
"""Height of the images on the page, pixels. Chosen by hand."""
_CUTOUT_HEIGHT = 360
"""Height of the images of the person alone, pixels. Chosen by hand."""
_RECTIFIED_HEIGHT = 420
"""Height of the rectified images, pixels. Chosen by hand."""
_SCAN_LINES = 10
"""Rows that are marked in a rectified pair. Chosen by hand."""
_LINES = 7
"""Epipolar lines for each pair, each in its own colour. Chosen by hand."""
_STEPS = 64
"""Segments of an epipolar line: it is curved where there is lens distortion."""
_DEPTHS = (0.5, 2.0)
"""Epipolar lines are drawn between these multiples of the person's distance. Chosen by hand."""


def palette(count: int) -> list[tuple[int, int, int]]:
    """Bright RGB colours that are easy to distinguish: equally spaced hues."""
    hues = [colorsys.hsv_to_rgb(index / count, 0.85, 1.0) for index in range(count)]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in hues]


def resize_to_height(image: RGBImage, height: int = _HEIGHT) -> RGBImage:
    """Image resampled to a height; the aspect ratio is kept."""
    return resized(image, max(1, round(image.shape[1] * height / image.shape[0])), height)


def mask_overlay(image: RGBImage, mask: UInt8[np.ndarray, "h w"]) -> RGBImage:
    """Image with a dimmed background and the outline of the mask."""
    dimmed = np.where(is_person(mask)[..., None], image, (0.35 * image + 20).astype(np.uint8))
    outlines, _ = cv2.findContours(is_person(mask).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    dimmed = np.ascontiguousarray(dimmed)
    cv2.drawContours(dimmed, outlines, -1, (80, 255, 120), max(1, image.shape[0] // 500))
    return resize_to_height(dimmed)


def found_person(image: RGBImage, person: Person) -> RGBImage:
    """Image with the coarse matte and the landmarks of the person who was found in it."""
    dotted, radius = image.copy(), max(2, image.shape[0] // 200)
    for x, y in person.points[:, :2].round().astype(int).tolist():
        cv2.circle(dotted, (x, y), radius, (255, 210, 40), -1)
    return mask_overlay(dotted, person.image_matte(*image.shape[:2]))


def person_cutout(image: RGBImage, mask: UInt8[np.ndarray, "h w"]) -> RGBImage:
    """The person in front of green, where soft edges and missing limbs are easy to see."""
    box, share = box_around(mask, margin=0.08), mask[..., None] / np.float32(255)
    green = np.array([40, 170, 80], np.float32)
    return resize_to_height(
        padded_crop(np.rint(image * share + green * (1 - share)).astype(np.uint8), box), _CUTOUT_HEIGHT
    )


def draw_epipolar_lines(
    cameras: tuple[SourceCamera, SourceCamera],
    images: tuple[RGBImage, RGBImage],
    mask: UInt8[np.ndarray, "h w"],
    person: Float[np.ndarray, " 3"],
) -> tuple[RGBImage, RGBImage]:
    """The first image with points of the person, and the second one with the epipolar lines of these points."""
    first, second = cameras
    drawn = [image.copy() for image in images]
    points = _points(is_person(mask))
    distance = float(np.linalg.norm(person - first.centre))
    for point, ray, colour in zip(points, first.directions(points), palette(len(points)), strict=True):
        size = max(3, drawn[0].shape[0] // 110)
        cv2.circle(drawn[0], _whole(point), size, colour, -1, cv2.LINE_AA)
        cv2.circle(drawn[0], _whole(point), size, (0, 0, 0), max(1, size // 4), cv2.LINE_AA)
        depths = np.geomspace(*_DEPTHS, _STEPS) * distance
        line = first.centre + depths[:, None] * ray / np.linalg.norm(ray)
        line = line[(line - second.centre) @ second.rotation[2] > 0.05 * distance]
        if len(line) > 1:
            course = np.clip(np.rint(second.project(line)), -1e5, 1e5).astype(np.int32)
            cv2.polylines(drawn[1], [course], False, colour, max(2, drawn[1].shape[0] // 400), cv2.LINE_AA)
    return resize_to_height(drawn[0]), resize_to_height(drawn[1])


def _points(mask: np.ndarray) -> Float[np.ndarray, "n 2"]:
    """Pixels along the middle of a mask, from top to bottom."""
    rows = np.flatnonzero(mask.any(1))
    chosen = rows[np.linspace(0, len(rows) - 1, _LINES + 2).round().astype(int)[1:-1]]
    return np.array([(np.median(np.flatnonzero(mask[row])) + 0.5, row + 0.5) for row in chosen])


def draw_scan_lines(images: Sequence[RGBImage]) -> list[RGBImage]:
    """Rectified images with the same rows marked in all of them."""
    drawn = [np.ascontiguousarray(resize_to_height(image, _RECTIFIED_HEIGHT)) for image in images]
    rows = np.linspace(0, _RECTIFIED_HEIGHT, _SCAN_LINES + 2)[1:-1].astype(int)
    for row, colour in zip(rows, palette(_SCAN_LINES), strict=True):
        for image in drawn:
            cv2.line(image, (0, int(row)), (image.shape[1], int(row)), colour, 1)
    return drawn


def _whole(point: Float[np.ndarray, " 2"]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
