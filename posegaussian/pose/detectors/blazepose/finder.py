"""People in images, and in consecutive frames of several cameras: both networks of BlazePose together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import UInt8
from torch import Tensor

from posegaussian.pose.detectors.blazepose.crops import Crops
from posegaussian.pose.detectors.blazepose.landmarks import People, measure_people
from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.pose.detectors.blazepose.person_detector import FoundPeople, find_people
from posegaussian.pose.detectors.blazepose.weights import load_network
from posegaussian.pose.person import PRESENT
from posegaussian.types import stack

ASSETS = Path(__file__).parents[3] / "assets" / "blazepose"
"""Folder of the networks that ship with the project."""
REFINEMENTS = 2
"""How often a crop is corrected by its own landmarks. By hand: the detector's crops are rough on unusual people."""


@dataclass(frozen=True)
class BlazePose:
    """Both networks, on one device.

    Args:
        detector: finds people in whole images.
        landmarks: measures the person in a crop.
    """

    detector: Network
    landmarks: Network

    @property
    def device(self) -> torch.device:
        """Where both run."""
        return next(self.landmarks.parameters()).device

    def locate(self, images: "list[UInt8[Tensor, '3 _ _']]") -> list[FoundPeople]:
        """The people in each image, the surest first; images are RGB, of any sizes, on the networks' device."""
        return find_people(self.detector, images)

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
    files = (ASSETS / "pose_detection.safetensors", weights or ASSETS / "pose_landmark_full.safetensors")
    detector, landmarks = (load_network(path).to(device) for path in files)
    return BlazePose(detector, landmarks)


class Tracker:
    """The person in consecutive frames of several cameras.

    A camera's crop comes from its frame before. Where there is none, or nobody is in it any more, the detector looks at
    the whole image, and its surest person is followed.

    Args:
        model: both networks.

    Attributes:
        crops: where the next frame is looked at, by camera; a caller that knows better may set them.
    """

    def __init__(self, model: BlazePose):
        self.model = model
        self.crops: dict[str, Crops] = {}

    def update(self, images: "Mapping[str, UInt8[Tensor, '3 _ _']]") -> dict[str, People]:
        """The person in each camera's next frame; cameras in which nobody is are missing.

        Args:
            images: RGB, by camera.
        """
        found = self._measure(images, {name: self.crops[name] for name in images if name in self.crops})
        lost = [name for name in images if name not in found]
        located = self.model.locate([images[name] for name in lost]) if lost else []
        starts = {name: people.crops[0] for name, people in zip(lost, located, strict=True) if len(people.scores)}
        found |= self._measure(images, starts)
        self.crops = {name: person.next_crops for name, person in found.items()}
        return {name: found[name] for name in images if name in found}

    def _measure(self, images: "Mapping[str, UInt8[Tensor, '3 _ _']]", crops: Mapping[str, Crops]) -> dict[str, People]:
        """The people in crops, where there are any."""
        if not crops:
            return {}
        people = self.model.measure([images[name] for name in crops], stack(list(crops.values())))
        return {name: people[index] for index, name in enumerate(crops) if people.score[index] > PRESENT}
