"""Mattes of people in images of the stream, as the stage `people` finds them."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import PERSON
from posegaussian.pose.detectors.blazepose.crops import Crops, box_crops
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.pose.person import PRESENT
from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.models import load_matting_model

FIRST_CROP = 1.4
"""Side of the first crop, as against the box around the joints: the crown and the toes lie outside. Chosen by hand."""
_LEAST_OVERLAP = 0.5
"""Intersection over union with the truth below which somebody or something else was found. Chosen by hand."""
_VIEW = "view"
"""Name of the only camera."""


class MatteFinder:
    """Finds the mattes of people whose joints are known, in each image by itself.

    Args:
        device: where the networks run.
    """

    def __init__(self, device: torch.device):
        self._people = load_blazepose(device=device)
        any_camera = SourceCamera(np.eye(3), np.zeros(5), np.eye(4), 1, 1)  # Only several cameras are compared.
        self._matting = Matting({_VIEW: any_camera}, load_matting_model(device=str(device)), device=device)

    @torch.no_grad()
    def __call__(
        self, images: Float[Tensor, "n 3 h w"], joints: Float[Tensor, "n j 2"], truth: Float[Tensor, "n h w"]
    ) -> Float[Tensor, "n h w"]:
        """Coverage of the person in each image; the true one where nobody is found, or somebody else.

        Args:
            images: as filmed, RGB in [0, 1].
            joints: of the person, pixels.
            truth: the exact coverage.
        """
        crops = box_crops(torch.cat([joints.amin(1), joints.amax(1)], dim=-1), FIRST_CROP)
        found = truth.clone()
        for index, image in enumerate((255 * images).round().byte()):
            coverage = self._coverage(image, crops[index : index + 1])
            if coverage is not None and _overlap(coverage, truth[index]) >= _LEAST_OVERLAP:
                found[index] = coverage
        return found

    def _coverage(self, image: UInt8[Tensor, "3 h w"], crop: Crops) -> Float[Tensor, "h w"] | None:
        """Coverage of the person in a crop; None where nobody is."""
        (person,) = self._people.measure([image], crop).records()
        if not (person.score > PRESENT and np.isfinite(person.points).all()):
            return None
        pixels = image.movedim(0, -1).contiguous()
        mattes = self._matting.mattes({_VIEW: pixels.cpu().numpy()}, {_VIEW: person}, {_VIEW: pixels})
        matte = mattes.get(_VIEW)
        return None if matte is None else torch.from_numpy(matte.coverage).to(image.device) / 255


def _overlap(matte: Float[Tensor, "h w"], truth: Float[Tensor, "h w"]) -> float:
    """Intersection over union."""
    one, other = matte >= PERSON / 255, truth >= PERSON / 255
    return float((one & other).sum() / (one | other).sum().clamp_min(1))
