"""People in images: both networks of BlazePose together."""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from posegaussian.pose.detectors.blazepose.crops import Crops
from posegaussian.pose.detectors.blazepose.landmarks import People, measure_people
from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.pose.detectors.blazepose.person_detector import FoundPeople, locate_people
from posegaussian.pose.detectors.blazepose.weights import load_network

ASSETS = Path(__file__).parents[3] / "assets" / "blazepose"
"""Folder of the networks that ship with the project."""
FULL = ASSETS / "pose_landmark_full.safetensors"
"""The landmark network that ships."""
REFINEMENTS = 2
"""How often a crop is corrected by its own landmarks. By hand: the detector's crops are rough on unusual people."""


@dataclass(frozen=True)
class BlazePose:
    """Both networks, on one device."""

    detector: Network
    landmarks: Network

    @property
    def device(self) -> torch.device:
        """Where both run."""
        return next(self.landmarks.parameters()).device

    def locate(self, images: "list[UInt8[Tensor, '3 _ _']]") -> list[FoundPeople]:
        """The people in each image, the surest first; images are RGB, of any sizes, on the networks' device."""
        return locate_people(self.detector, images)

    def measure(self, images: "list[UInt8[Tensor, '3 _ _']]", crops: Crops, refinements: int = REFINEMENTS) -> People:
        """Landmarks and matte of the person in one crop of each image; see `measure_people`."""
        return measure_people(self.landmarks, images, crops, refinements)


def load_blazepose(weights: Path | None = None, device: str | torch.device = "cpu") -> BlazePose:
    """Both networks, ready to use.

    Args:
        weights: of the landmark network, .safetensors or .tflite; None: the model `full`, which ships.
        device: where they run.

    Raises:
        WeightsError: the file is missing, damaged, or of something else.
    """
    files = (ASSETS / "pose_detection.safetensors", weights or FULL)
    detector, landmarks = (load_network(path).to(device) for path in files)
    return BlazePose(detector, landmarks)
