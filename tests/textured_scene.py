"""A wall and a board with random textures before it, photographed without the library, and cameras turned a little."""

from dataclasses import replace

import cv2
import numpy as np
from filmed_boards import SIZE, TrueCamera, photograph

from posegaussian.geometry.lens import SourceCamera

_DOTS = 100.0
"""Dots of the textures in a metre."""


def source_of(camera: TrueCamera) -> SourceCamera:
    """The camera as the library holds it."""
    return SourceCamera(camera.matrix, np.append(camera.lens, 0.0), camera.pose, *SIZE)


def turned(camera: SourceCamera, pixels: float, way: float) -> SourceCamera:
    """The camera turned so that the image moves by some pixels; 0 is to the right, pi / 2 down."""
    turn = np.eye(4)
    about = np.array([-np.sin(way), np.cos(way), 0]) * pixels / camera.intrinsics[0, 0]
    turn[:3, :3] = cv2.Rodrigues(about)[0]
    return replace(camera, world_to_camera=turn @ camera.world_to_camera)


def _texture(seed: int, width: float, height: float) -> np.ndarray:
    """Blobs of several sizes."""
    random = np.random.default_rng(seed)
    shape = round(height * _DOTS), round(width * _DOTS)
    layers = [cv2.GaussianBlur(random.normal(0, 1, shape), (0, 0), s) * s for s in (1.5, 3.0, 6.0)]
    return np.clip(120 + 60 * sum(layers), 0, 255).astype(np.uint8)


def photographed(camera: TrueCamera) -> np.ndarray:
    """A grey image of the scene; the lens must be perfect."""
    image = None
    for seed, (width, height), middle, angle in (
        (1, (6, 3.5), (0, 1.6, 1.0), 0.0),
        (2, (0.9, 1.4), (0.1, 0, 0.8), 0.5),
    ):
        away = np.array([-np.sin(angle), np.cos(angle), 0.0])
        pose = np.eye(4)
        pose[:3, :3] = np.stack([np.cross([0, 0, -1.0], away), [0, 0, -1.0], away], axis=1)
        pose[:3, 3] = np.array(middle) - pose[:3, :2] @ (np.array([width, height]) / 2)
        plane = photograph(_texture(seed, width, height), camera, pose, 0.0, _DOTS, noise=1.5)
        if image is None:
            image = plane
        else:
            corners = np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0.0]])
            outline = camera.project(corners @ pose[:3, :3].T + pose[:3, 3])
            inside = cv2.fillConvexPoly(np.zeros(image.shape, np.uint8), np.rint(outline).astype(np.int32), 255)
            image = np.where(inside > 0, plane, image)
    assert image is not None
    return image


def person_mask(camera: TrueCamera) -> np.ndarray:
    """A tall ellipsoid about where the board stands, 255 inside."""
    points = np.random.default_rng(0).normal(size=(500, 3))
    points = points / np.linalg.norm(points, axis=1, keepdims=True) * [0.25, 0.2, 0.8] + [0, 0, 0.85]
    hull = cv2.convexHull(camera.project(points).astype(np.float32))
    return cv2.fillConvexPoly(np.zeros(SIZE[::-1], np.uint8), np.rint(hull).astype(np.int32), 255)
