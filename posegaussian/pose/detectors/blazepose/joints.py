"""BlazePose as a detector of COCO's 17 joints on rectified images, for the stage `heatmaps`."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32, Float64

from posegaussian.config import DetectorSettings
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.download import ensure_file
from posegaussian.pose.detectors.base import JOINT_COUNT, Detection, Detector, LoadedDetector
from posegaussian.pose.detectors.blazepose.crops import box_crops
from posegaussian.pose.detectors.blazepose.finder import ASSETS, BlazePose, load_blazepose
from posegaussian.pose.person import PRESENT, Person
from posegaussian.registry import DETECTORS
from posegaussian.types import Camera

_BOX_PADDING = 1.4
"""Side of the first crop as against the longer side of the mask's box; it is then corrected by its own landmarks.
Chosen on 128 images of people 100 to 115 (validation): PCK@0.05 of visible joints is 0.998; with a padding of 1.25
0.994; without a correction 0.995, with two 0.992."""
_REFINEMENTS = 1
_GREY = 128
"""What the black around the person is replaced by: the network was trained on photographs with a background. With
black, PCK is 0.987."""
SIGMA, ROWS, COLUMNS, PADDING = 2.0, 64, 48, 1.25
"""The heatmaps are Gaussians as MMPose's top-down models are trained to make them: of a standard deviation of 2 cells,
in 64 x 48 cells over the mask's box, padded to this and to their shape; UDP: the outermost centres lie on its edges."""


def load(settings: DetectorSettings, device: str) -> LoadedDetector:
    """The landmark network of the settings on a device; missing weights are downloaded.

    Raises:
        DetectorError: the weights are missing and cannot be downloaded.
        WeightsError: they are damaged, or of something else.
    """
    name = settings.weights or DETECTORS[settings.kind].weights
    path = ASSETS / name.removeprefix("package:") if name.startswith("package:") else Path(name)
    weights = ensure_file(path, settings.url, settings.sha256)
    return LoadedDetector(joint_detector(load_blazepose(weights, device)), {"weights": weights})


def joint_detector(model: BlazePose) -> Detector:
    """A detector of the person's joints in boxes of images that are black around the person.

    A joint's score is its landmark's visibility times the score of the person. Where there is no person, all scores and
    heatmaps are zero.
    """

    def detect(image: np.ndarray, box: np.ndarray) -> Detection:
        filled = np.where(image.any(axis=-1, keepdims=True), image, np.uint8(_GREY))
        crops = box_crops(torch.from_numpy(box[None]).float(), _BOX_PADDING).to(model.device)
        seen = torch.from_numpy(filled).to(model.device).movedim(-1, 0)
        (person,) = model.measure([seen], crops, _REFINEMENTS).records()
        keypoints, scores = (values.astype(np.float64) for values in person.coco())
        return _with_maps(keypoints, scores * (person.score > PRESENT), box)

    return detect


@dataclass(frozen=True, eq=False)
class KnownJoints:
    """A detector that knows the joints without the image."""

    keypoints: Float64[np.ndarray, "17 2"]  # pixels
    scores: Float64[np.ndarray, "17"]  # in [0, 1]

    def __call__(self, image: np.ndarray, box: np.ndarray) -> Detection:
        """The joints, with heatmaps over a box; see `Detector`."""
        return _with_maps(self.keypoints, self.scores, box)


def joints_of(person: Person | None, source: SourceCamera, view: Camera) -> KnownJoints:
    """A detector that knows the person of a rectified view, because they were found in the camera's own image.

    Args:
        person: in the image of `source`; None where nobody was found there.
        source: the camera, with its lens.
        view: the rectified camera at the same place.
    """
    return projected_joints(None if person is None else person.coco(), source, view)


def projected_joints(
    found: tuple[Float32[np.ndarray, "17 2"], Float32[np.ndarray, "17"]] | None, source: SourceCamera, view: Camera
) -> KnownJoints:
    """A detector as `joints_of` makes it, from a person's joints and scores in the camera's own image."""
    keypoints, scores = np.zeros((JOINT_COUNT, 2)), np.zeros(JOINT_COUNT)
    if found is not None:
        joints, values = found
        projected = source.seen_from_here(joints.astype(np.float64), view)
        known = np.isfinite(projected).all(1)
        keypoints[known], scores[known] = projected[known], values[known]
    return KnownJoints(keypoints, scores)


def _with_maps(keypoints: np.ndarray, scores: np.ndarray, box: np.ndarray) -> Detection:
    """The detection with a Gaussian for each joint, whose peak is the joint's score."""
    extent = box[2:] - box[:2]
    height = PADDING * max(extent[1], extent[0] * ROWS / COLUMNS)
    padded = np.array([height * COLUMNS / ROWS, height])
    first, pitch = (box[:2] + box[2:] - padded) / 2, padded / (COLUMNS - 1, ROWS - 1)
    cells = (keypoints - first) / pitch
    across, down = (
        np.exp(-0.5 * ((np.arange(count) - cells[:, axis, None]) / SIGMA) ** 2)
        for axis, count in enumerate((COLUMNS, ROWS))
    )
    return Detection(scores[:, None, None] * down[:, :, None] * across[:, None, :], first, pitch, keypoints, scores)
