"""Interface of the 2D pose detectors, and the heatmaps of one frame by any of them.

NumPy alone: the environment of a detector has other versions of torch, and no jaxtyping.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posegaussian.config import DetectorSettings
from posegaussian.geometry.compositing import person_on_black
from posegaussian.geometry.masks import bounding_box, is_person
from posegaussian.pose.heatmaps import STRIDE, resample_maps
from posegaussian.registry import DETECTORS, resolve

JOINT_COUNT = 17
"""Number of COCO's key points: `posegaussian.types.JOINTS`, which needs torch."""


@dataclass(frozen=True)
class Detection:
    """Output of a detector for one person; all positions in image pixels, centres at +0.5."""

    maps: np.ndarray  # (17, rows, columns), in the frame of the detector's own box
    first: np.ndarray  # (x, y) of the centre of the maps' first cell
    pitch: np.ndarray  # (x, y) distance between the centres of their cells
    keypoints: np.ndarray  # (17, 2), x and y
    scores: np.ndarray  # (17,), in [0, 1]


Detector = Callable[[np.ndarray, np.ndarray], Detection]
"""(RGB image (h, w, 3), box (x0, y0, x1, y1) without padding) -> Detection."""


@dataclass(frozen=True)
class LoadedDetector:
    """A detector, and the files that it was loaded from, by their role (such as `weights`)."""

    detect: Detector
    files: Mapping[str, Path]


def load_detector(settings: DetectorSettings, device: str = "cpu") -> LoadedDetector:
    """A detector, ready to use.

    Args:
        settings: of the model; their kind is a name of `registry.DETECTORS`.
        device: cpu, cuda or cuda:N; those of other environments run on the CPU in any case.

    Raises:
        DetectorError: the detector's package, configuration or weights are missing.
        WeightsError: its weights cannot be used.
    """
    return resolve(DETECTORS[settings.kind].path)(settings, device)


def detect_frame(images: np.ndarray, masks: np.ndarray, detectors: Sequence[Detector]) -> dict[str, np.ndarray]:
    """Heatmaps and joints of the person in each view of one frame; zeros where the mask is empty.

    Args:
        images: RGB (views, h, w, 3), 8 bits, as filmed around the person; the detector sees the person on black.
        masks: coverage (views, h, w), 0..255.
        detectors: one for each view, which may be the same.

    Returns:
        Arrays by name, stacked over the views, as the heatmaps store holds them: `heatmaps` (17, h / 4, w / 4) in
        [0, 1], `keypoints` (17, 2) in pixels, `scores` (17,), and `boxes` (4,) of the masks.
    """
    return detect_person(person_on_black(images, masks), masks, detectors)


def detect_person(alone: np.ndarray, masks: np.ndarray, detectors: Sequence[Detector]) -> dict[str, np.ndarray]:
    """What `detect_frame` returns, from images (views, h, w, 3) of the person on black."""
    views = [_view(*each) for each in zip(alone, masks, detectors, strict=True)]
    return {name: np.stack([view[name] for view in views]) for name in views[0]}


def _view(image: np.ndarray, mask: np.ndarray, detect: Detector) -> dict[str, np.ndarray]:
    height, width = mask.shape
    edges = bounding_box(is_person(mask))
    if edges is None:
        shapes = {"heatmaps": (JOINT_COUNT, height // STRIDE, width // STRIDE), "keypoints": (JOINT_COUNT, 2)}
        return {name: np.zeros(shape) for name, shape in {**shapes, "scores": JOINT_COUNT, "boxes": 4}.items()}
    box = np.array(edges, dtype=np.float64)
    found = detect(image, box)
    maps = resample_maps(found.maps, found.first, found.pitch, width, height).clip(0.0, 1.0)
    return {"heatmaps": maps, "keypoints": found.keypoints, "scores": found.scores, "boxes": box}
