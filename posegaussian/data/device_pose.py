"""Heatmaps of known joints, computed on a device and left there: a third of the time of a frame on a core."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from posegaussian.geometry.masks import PERSON
from posegaussian.locks import DEVICE
from posegaussian.pose.detectors.base import JOINT_COUNT, Detector
from posegaussian.pose.heatmaps import STRIDE, axis_weights


def device_pose(masks: UInt8[Tensor, "2 h w"], detectors: Sequence[Detector]) -> dict[str, Tensor]:
    """Heatmaps, key points and scores, a batch of one, on the device of the masks; see `detect_person`.

    Args:
        masks: coverage of the person in both views, 0..255.
        detectors: of each view; they know the joints without the image, as those of `joints_of` do.
    """
    height, width = masks.shape[1:]
    person = masks >= PERSON
    heatmaps = torch.zeros(1, 2, JOINT_COUNT, height // STRIDE, width // STRIDE, device=masks.device)
    keypoints, scores = np.zeros((1, 2, JOINT_COUNT, 2), np.float32), np.zeros((1, 2, JOINT_COUNT), np.float32)
    lines = torch.cat([person.any(1), person.any(2)], dim=1).cpu().numpy()  # at once: each copy waits for the device
    boxes = [_edges(*np.split(line, [width])) for line in lines]
    for view, (box, detect) in enumerate(zip(boxes, detectors, strict=True)):
        if box is None:
            continue
        found = detect(np.empty((0, 0, 3), np.uint8), box)
        sizes, samples = (width, height), found.maps.shape[:0:-1]
        across, down = (
            torch.from_numpy(axis_weights(sizes[axis] // STRIDE, samples[axis], found.first[axis], found.pitch[axis]))
            for axis in range(2)
        )
        maps = torch.from_numpy(found.maps.astype(np.float32)).to(masks.device)
        heatmaps[0, view] = _resampled(maps, down.to(masks.device), across.to(masks.device))
        keypoints[0, view], scores[0, view] = found.keypoints, found.scores
    arrays = {"keypoints": keypoints, "scores": scores}
    return {"heatmaps": heatmaps, **{name: torch.from_numpy(each).to(masks.device) for name, each in arrays.items()}}


def _resampled(
    maps: Float[Tensor, "17 r c"], down: Float[Tensor, "h r"], across: Float[Tensor, "w c"]
) -> Float[Tensor, "17 h w"]:
    with DEVICE.shared():
        return (down @ maps @ across.T).clamp(0, 1)


def _edges(columns: Bool[np.ndarray, " w"], rows: Bool[np.ndarray, " h"]) -> Float[np.ndarray, "4"] | None:
    """Edges (x0, y0, x1, y1) of the box around the person; None where there is nobody."""
    if not columns.any():
        return None
    x, y = np.flatnonzero(columns), np.flatnonzero(rows)
    return np.array([x[0], y[0], x[-1] + 1, y[-1] + 1], np.float64)
