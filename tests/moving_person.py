"""A capture without masks of somebody who moves, filmed by two cameras; the networks know where they are."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from people_oracle import SIZE, Oracle, landmarks, numbered_capture

from posegaussian.captures.reading import read_capture
from posegaussian.pipeline import people
from posegaussian.preparation.mattes import found
from posegaussian.preparation.mattes.matte import Matte
from posegaussian.rendering import raw_pair

FRAMES = 3
PEOPLE = {frame: [landmarks(0.1 + 0.05 * frame, 0.1)] for frame in range(FRAMES)}


class Outlines:
    """In place of the matting network: the outline of the landmarks is the matte."""

    def __init__(self, *_):
        pass

    def mattes(self, images, people, there=None):
        return {name: Matte(_outline(person.points[:, :2]), 0.9) for name, person in people.items()}


def _outline(points: np.ndarray) -> np.ndarray:
    hull = cv2.convexHull(points.astype(np.int32))
    return np.asarray(cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.uint8), hull, 255))


def film(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Write the capture, and replace the networks."""
    numbered_capture(folder, {"00": -15, "01": 15}, FRAMES)
    random = np.random.default_rng(0)
    for path in sorted(folder.glob("images/*/*.png")):
        image = np.asarray(cv2.imread(str(path)))
        image[2:] = random.integers(0, 255, image[2:].shape)
        cv2.imwrite(str(path), image)
    cameras = read_capture(folder).cameras
    for module in (found, raw_pair):
        patch.setattr(module, "Matting", Outlines)
        patch.setattr(module, "load_matting_model", lambda *_: None)
    for module in (people, found):
        patch.setattr(module, "load_blazepose", lambda *_, **__: Oracle(cameras, PEOPLE))
    return folder
