"""The pictures of an inspection: masks, epipolar lines, and rectified pairs with scan lines."""

import colorsys
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.images import is_person
from posegaussian.preparation.mattes.hull import VisualHull
from posegaussian.report.pictures import Picture, box_around, cut, fitted

_HEIGHT = 520
"""Of the pictures on the page, pixels."""
_LINES = 7
_STEPS = 64
_DEPTHS = (0.5, 2.0)
"""Epipolar lines are drawn between these multiples of the person's distance."""


def palette(count: int) -> list[tuple[int, int, int]]:
    """Bright colours that are easily told apart."""
    hues = [colorsys.hsv_to_rgb(index / count, 0.85, 1.0) for index in range(count)]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in hues]


def shrunk(image: Picture, height: int = _HEIGHT) -> Picture:
    """At the page's size."""
    return fitted(image, max(1, round(image.shape[1] * height / image.shape[0])), height)


def mask_picture(image: Picture, mask: UInt8[np.ndarray, "h w"]) -> Picture:
    """The whole picture with its background dimmed, and the mask's outline."""
    dimmed = np.where(is_person(mask)[..., None], image, (0.35 * image + 20).astype(np.uint8))
    outlines, _ = cv2.findContours(is_person(mask).astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    dimmed = np.ascontiguousarray(dimmed)
    cv2.drawContours(dimmed, outlines, -1, (80, 255, 120), max(1, image.shape[0] // 500))
    return shrunk(dimmed)


def person_picture(image: Picture, mask: UInt8[np.ndarray, "h w"]) -> Picture:
    """The person cut out before green: soft edges and forgotten limbs show."""
    box, share = box_around(mask, margin=0.08), mask[..., None] / np.float32(255)
    green = np.array([40, 170, 80], np.float32)
    return shrunk(cut(np.rint(image * share + green * (1 - share)).astype(np.uint8), box), 360)


def hull_agreement(cameras: Mapping[str, SourceCamera], masks: Mapping[str, np.ndarray]) -> dict[str, float]:
    """By camera: the share of its mask that lies in the visual hull of all masks; {} where they agree on nobody."""
    seen = {name: is_person(mask) for name, mask in masks.items()}
    person = VisualHull(cameras).person(seen)
    if person is None:
        return {}
    return {name: float((mask & person.regions[name]).sum() / mask.sum()) for name, mask in seen.items()}


def epipolar_pictures(
    cameras: tuple[SourceCamera, SourceCamera],
    images: tuple[Picture, Picture],
    mask: UInt8[np.ndarray, "h w"],
    person: Float[np.ndarray, " 3"],
) -> tuple[Picture, Picture]:
    """Points of the person in the first image, and the lines that they must lie on in the second.

    Args:
        cameras: of the pair.
        images: what they filmed.
        mask: of the first image.
        person: where the person stands, metres.
    """
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
    return shrunk(drawn[0]), shrunk(drawn[1])


def _points(mask: np.ndarray) -> Float[np.ndarray, "n 2"]:
    """Pixels down the middle of a mask."""
    rows = np.flatnonzero(mask.any(1))
    chosen = rows[np.linspace(0, len(rows) - 1, _LINES + 2).round().astype(int)[1:-1]]
    return np.array([(np.median(np.flatnonzero(mask[row])) + 0.5, row + 0.5) for row in chosen])


def scan_lines(pictures: Sequence[Picture]) -> list[Picture]:
    """Rectified pictures with the same rows marked in both."""
    drawn = [np.ascontiguousarray(shrunk(picture, 420)) for picture in pictures]
    for row, colour in zip(np.linspace(0, 420, 12)[1:-1].astype(int), palette(10), strict=True):
        for picture in drawn:
            cv2.line(picture, (0, int(row)), (picture.shape[1], int(row)), colour, 1)
    return drawn


def _whole(point: Float[np.ndarray, " 2"]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
