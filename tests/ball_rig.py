"""Four cameras around a ball, what they see of it, and windows around that."""

import cv2
import helpers
import numpy as np

from posegaussian.pose.person import MATTE, Person
from posegaussian.preparation.mattes.soft_hull import LIMIT
from posegaussian.preparation.mattes.window import Window

SIZE = (240, 192)
RIG = {
    name: helpers.source_camera(helpers.lens(azimuth, size=SIZE, zoom=0.8))
    for name, azimuth in zip("abcd", (-60, 0, 60, 140), strict=True)
}
CENTRE = np.array(helpers.CENTRE)
RADIUS = 0.35


def disc(camera, centre=CENTRE, radius=RADIUS):
    """Pixels whose rays meet a ball."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = camera.directions(np.stack([x.ravel(), y.ravel()], axis=1))
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    away = np.linalg.norm(np.cross(centre - camera.centre, rays), axis=1)
    return (away < radius).reshape(camera.height, camera.width)


def around(camera, mask, image=None):
    """The window around what a mask shows."""
    rows, columns = np.nonzero(mask)
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
    crop = np.array([camera.width / 2, camera.height / 2, camera.width, 0.2], np.float32)
    turn = cv2.getRotationMatrix2D((camera.width / 2 - 0.5, camera.height / 2 - 0.5), np.degrees(0.2), 1)
    upright = cv2.warpAffine(255 * mask.astype(np.uint8), turn, (camera.width, camera.height))
    square = np.zeros((camera.width, camera.width), np.uint8)
    top = (camera.width - camera.height) // 2
    square[top : top + camera.height] = upright
    matte = cv2.resize(square, (MATTE, MATTE), interpolation=cv2.INTER_AREA)
    sure, points = np.ones(33, np.float32), np.zeros((33, 3), np.float32)
    person = Person(1.0, points, sure, sure, crop, crop, matte, box)
    pixels = np.zeros((camera.height, camera.width, 3), np.uint8) if image is None else image
    window = Window.around(pixels, person, 300)
    assert window is not None
    return window


def logits_of(window, mask):
    """Certain log-odds of a mask, in the window's pixels."""
    return (LIMIT * (2 * window.resampled(255 * mask.astype(np.uint8)).astype(np.float32) / 255 - 1)).astype(np.float32)


def views(masks):
    windows = {name: around(RIG[name], mask) for name, mask in masks.items()}
    return windows, {name: logits_of(windows[name], mask) for name, mask in masks.items()}
