"""How steady a video is; pictures RGB in [0, 1], display-referred (sRGB), background black, frames first."""

from itertools import pairwise

import cv2
import numpy as np
from jaxtyping import Float
from torch import Tensor

_FARNEBACK = (0.5, 3, 15, 3, 5, 1.2, 0)
"""Pyramid scale, levels, window, iterations, neighbourhood, its sigma, flags."""


def static_jitter(video: Float[Tensor, "t 3 h w"], mask: Float[Tensor, "1 h w"]) -> float:
    """Mean over the mask of each value's standard deviation over time, in 8-bit levels, of a subject that stands still.

    Args:
        video: what was rendered.
        mask: coverage of the subject; where it is above 0 counts.
    """
    spread = 255 * video.clamp(0, 1).std(0, correction=0)
    inside = (mask > 0).expand_as(spread)
    return float(spread[inside].mean()) if bool(inside.any()) else 0.0


def tof(video: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> float:
    """tOF (Chu et al. 2020): mean distance in pixels between the optical flows (Farneback) of both videos."""
    pairs = zip(_flows(_grey(video)), _flows(_grey(truth)), strict=True)
    return float(np.mean([np.linalg.norm(made - true, axis=-1).mean() for made, true in pairs]))


def warping_error(video: Float[Tensor, "t 3 h w"], truth: Float[Tensor, "t 3 h w"]) -> float:
    """Root mean square difference, in 8-bit levels, of each frame from the one before warped by the truth's flow.

    Counts pixels of the person that no flow contradicts: where the flow there and back returns to within
    0.01 (|there|^2 + |back|^2) + 0.5 squared pixels (Sundaram et al. 2010).
    """
    grey, frames = _grey(truth), list(_bytes(video).astype(np.float32))
    there, back = _flows(grey[::-1])[::-1], _flows(grey)
    total, count = 0.0, 0
    for t, (to_before, to_after) in enumerate(zip(there, back, strict=True), start=1):
        returned = to_before + _warped(to_after, to_before)
        lengths = (to_before**2).sum(-1) + (_warped(to_after, to_before) ** 2).sum(-1)
        known = ((returned**2).sum(-1) < 0.01 * lengths + 0.5) & (grey[t] > 0)
        total += float(((frames[t] - _warped(frames[t - 1], to_before)) ** 2).mean(-1)[known].sum())
        count += int(known.sum())
    return (total / max(count, 1)) ** 0.5


def _bytes(video: Float[Tensor, "t 3 h w"]) -> np.ndarray:
    return (255 * video.clamp(0, 1)).round().permute(0, 2, 3, 1).byte().cpu().numpy()


def _grey(video: Float[Tensor, "t 3 h w"]) -> list[np.ndarray]:
    return [cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in _bytes(video)]


def _flows(frames: list[np.ndarray]) -> list[np.ndarray]:
    """From each frame to the next."""
    return [cv2.calcOpticalFlowFarneback(a, b, None, *_FARNEBACK) for a, b in pairwise(frames)]  # type: ignore[call-overload]


def _warped(values: np.ndarray, flow: np.ndarray) -> np.ndarray:
    """What lies where the flow points."""
    height, width = flow.shape[:2]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(np.ascontiguousarray(values), columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
