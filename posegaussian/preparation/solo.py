"""The person in the images of one camera alone, followed through the frames; no calibration is needed."""

from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float, UInt8

from posegaussian.pose.detectors.blazepose.crops import Crops
from posegaussian.pose.detectors.blazepose.finder import BlazePose
from posegaussian.pose.person import PRESENT, Person


def follow_alone(images: Iterable[UInt8[np.ndarray, "h w 3"]], model: BlazePose) -> Float[np.ndarray, "frames 33 3"]:
    """x, y (pixels, centres at +0.5) and visibility of the landmarks; visibility 0 where nobody is seen.

    Of several people, the one who is largest and surest is followed from the first frame on.
    """
    rows, person = [], None
    for image in images:
        tensor = torch.from_numpy(np.ascontiguousarray(image)).to(model.device).movedim(-1, 0)
        crops = None if person is None else torch.from_numpy(person.next_crop[None])
        person = _best(model, tensor, crops, 0) if crops is not None else None
        if person is None:
            person = _best(model, tensor, model.locate([tensor])[0].crops.rows(), 2)
        points = np.zeros((33, 3))
        if person is not None:
            points[:, :2], points[:, 2] = person.points[:, :2], person.visibility
        rows.append(points)
    return np.stack(rows) if rows else np.zeros((0, 33, 3))


def _best(model: BlazePose, image: torch.Tensor, rows: torch.Tensor, refinements: int) -> Person | None:
    """The largest and surest person in some crops; None where there is nobody."""
    rows = rows[torch.isfinite(rows).all(1)]
    if not len(rows):
        return None
    crops = Crops.of_rows(rows.to(model.device))
    found = [each for each in model.measure([image] * len(rows), crops, refinements).records() if each.score > PRESENT]
    return max(found, key=lambda each: each.score * float(each.crop[2]), default=None)
