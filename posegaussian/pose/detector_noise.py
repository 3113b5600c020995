"""The error model of a heatmap detector: simulated detections of joints whose true positions are known.

Fitted to a detector's output by tools/fit_error_model.py. Lengths are in cells of the detector's own maps, so that the
model holds at every image size. A joint's offset e_t in one view of frame t is, on either axis,

    e_t = s (sqrt(1 - q) a_t + sqrt(q) n_t),    a_t = m a_(t-1) + sqrt(1 - m^2) n'_t,    m = exp(-|x_t - x_(t-1)| / r),

with n, n' white noise of variance 1: a share q of the variance is jitter, independent in every frame. The rest depends
on the appearance: it is constant while the joint rests at x, and decorrelates over the reach r as the joint moves.
Scores and the widths of the blobs vary in the same way. A miss, or a swap of left and right, persists for another frame
with probability p m, and is drawn again otherwise.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posegaussian.errors import DetectorError
from posegaussian.pose.encode import gaussian_maps
from posegaussian.text import read_json
from posegaussian.types import JOINTS, StereoPair, Tensors

ASSETS = Path(__file__).parents[1] / "assets" / "detector"
JOINT_GROUPS = tuple(dict.fromkeys(name.split("_")[-1] for name in JOINTS))
"""Names of joints without their side: left and right share their parameters."""
GROUP_OF_JOINT = [JOINT_GROUPS.index(name.split("_")[-1]) for name in JOINTS]
"""Index of each joint's group."""
_SIDES = {"left": "right", "right": "left"}
MIRRORED_JOINT = [JOINTS.index("_".join(_SIDES.get(part, part) for part in name.split("_"))) for name in JOINTS]
"""Index of the same joint on the other side of the body; the nose is mirrored to itself."""
VISIBILITY_STATES = ("hidden", "seen")
_JOINT_KEYS = ("offset", "score", "score_spread", "width", "width_spread", "miss", "swap")
_SHARED_KEYS = ("jitter", "reach", "persistence", "lost_offset", "lost_score")
_PADDING, _ASPECT, _CELLS = 1.25, 192 / 256, 63
"""Box of the top-down detectors of MMPose: the mask's box times 1.25, of aspect ratio 192 / 256; with UDP, the centres
of the outermost of its 64 cells lie 63 cells apart over the height."""
_LEAST_WIDTH = 0.5
"""Smallest standard deviation of a simulated blob, cells: a narrower one could fall between two cells. By hand."""


@dataclass(frozen=True)
class ErrorModel(Tensors):
    """Statistics of a detector's errors by visibility (0: hidden, 1: seen) and joint; lengths in cells of its maps."""

    offset: Float[Tensor, "2 17"]  # standard deviation along either axis
    score: Float[Tensor, "2 17"]  # mean of the score
    score_spread: Float[Tensor, "2 17"]  # its standard deviation
    width: Float[Tensor, "2 17"]  # mean of the standard deviation of the map's blob
    width_spread: Float[Tensor, "2 17"]  # its standard deviation
    miss: Float[Tensor, "2 17"]  # probability that the joint is not found
    swap: Float[Tensor, "2 17"]  # probability that it is found at the joint on the other side of the body
    jitter: float  # share q of the variances that is independent in every frame
    reach: float  # distance r of motion over which the rest decorrelates
    persistence: float  # probability p that a miss or swap persists while the joint rests
    lost_offset: float  # standard deviation along either axis where the joint was missed
    lost_score: float  # mean of the score there


def read_error_model(name: str) -> ErrorModel:
    """An error model from its file.

    Args:
        name: a path, or `package:NAME` for one that ships here.

    Raises:
        DetectorError: the file is missing or is no error model.
    """
    path = ASSETS / name.removeprefix("package:") if name.startswith("package:") else Path(name)
    try:
        content = read_json(path)
        groups = [
            [content["joints"][JOINT_GROUPS[group]][state] for group in GROUP_OF_JOINT] for state in VISIBILITY_STATES
        ]
        values: dict[str, Any] = {
            key: torch.tensor([[float(joint[key]) for joint in row] for row in groups]) for key in _JOINT_KEYS
        }
        values |= {key: float(content["all"][key]) for key in _SHARED_KEYS}
        return ErrorModel(**values)
    except OSError as error:
        raise DetectorError(
            f"the error model cannot be read ({error.strerror})", code="unreadable-error-model", file=path
        ) from None
    except (KeyError, TypeError, ValueError) as error:
        hint = "make one with tools/fit_error_model.py"
        raise DetectorError(
            f"not an error model of heatmaps ({error})", code="invalid-error-model", file=path, hint=hint
        ) from None


def simulate_detector(
    pair: StereoPair,
    joints: Float[Tensor, "b 2 17 2"],
    visible: Bool[Tensor, "b 2 17"],
    frames: int,
    model: ErrorModel,
    random: np.random.Generator,
    error_scale: float = 1.0,
) -> StereoPair:
    """The pair with simulated heatmaps, key points and scores of a detector.

    Args:
        pair: images and masks, clips of consecutive frames.
        joints: true positions, rectified pixels.
        visible: whether the joints are visible.
        frames: number of frames of a clip.
        model: the error model.
        random: draws the errors on the CPU, so that they are the same on every device.
        error_scale: multiplies offsets and the probabilities of misses and swaps.
    """
    cell = cell_size(pair.masks)[..., None]
    draws = _Draws(joints / cell[..., None], frames, model, random)

    def of(table: Float[Tensor, "2 17"]) -> Float[Tensor, "b 2 17"]:
        hidden, seen = table.to(joints)
        return torch.where(visible, seen, hidden)

    missed = draws.uniform() < error_scale * of(model.miss)
    swapped = draws.uniform() < error_scale * of(model.swap)
    error = torch.where(missed, joints.new_tensor(model.lost_offset), error_scale * of(model.offset))
    places = torch.where(swapped[..., None], joints[:, :, MIRRORED_JOINT], joints)
    places = places + (cell * error)[..., None] * torch.stack([draws.normal(), draws.normal()], dim=-1)
    score = of(model.score) + of(model.score_spread) * draws.normal()
    score = torch.where(missed, 2 * model.lost_score * draws.uniform(), score).clamp(0, 1)
    width = (of(model.width) + of(model.width_spread) * draws.normal()).clamp_min(_LEAST_WIDTH)
    maps = gaussian_maps(places, score, *pair.masks.shape[-2:], sigma=width * cell / 4)
    return replace(pair, heatmaps=maps, keypoints=places, scores=score)


def cell_size(masks: Float[Tensor, "b 2 1 h w"]) -> Float[Tensor, "b 2"]:
    """Size in pixels of one cell of the detector's maps; 1 where the mask is empty."""
    inside = masks[:, :, 0] > 0.5
    height, width = _extent(inside.any(-1)), _extent(inside.any(-2))
    return (_PADDING * torch.maximum(height, width / _ASPECT) / _CELLS).where(height > 0, torch.ones_like(height))


def _extent(line: Bool[Tensor, "b 2 n"]) -> Float[Tensor, "b 2"]:
    """Number of entries from the first to the last true one."""
    return ((line.cumsum(-1) > 0) & (line.flip(-1).cumsum(-1) > 0).flip(-1)).sum(-1).float()


class _Draws:
    """Random numbers of clips, (clips * frames, 2, 17), correlated over the frames as the model defines."""

    def __init__(self, joints: Float[Tensor, "b 2 17 2"], frames: int, model: ErrorModel, random: np.random.Generator):
        self.model, self.random, self.like = model, random, joints
        clips = joints.unflatten(0, (-1, frames))
        self.shape = clips.shape[:4]
        moved = torch.linalg.vector_norm(clips[:, 1:] - clips[:, :-1], dim=-1)
        self.correlation = torch.exp(-moved / model.reach)

    def normal(self) -> Float[Tensor, "b 2 17"]:
        """Normal, of variance 1: partly correlated over the frames, partly independent in every frame."""
        new = self._tensor(self.random.standard_normal(self.shape))
        correlated = [new[:, 0]]
        for t, m in enumerate(self.correlation.unbind(1), start=1):
            correlated.append(m * correlated[-1] + (1 - m.square()).sqrt() * new[:, t])
        q, jitter = self.model.jitter, self._tensor(self.random.standard_normal(self.shape))
        return ((1 - q) ** 0.5 * torch.stack(correlated, dim=1) + q**0.5 * jitter).flatten(0, 1)

    def uniform(self) -> Float[Tensor, "b 2 17"]:
        """Uniform in [0, 1): each keeps its value of the frame before, or is drawn again."""
        new, stay = (self._tensor(self.random.random(self.shape)) for _ in range(2))
        values = [new[:, 0]]
        for t, m in enumerate(self.correlation.unbind(1), start=1):
            values.append(torch.where(stay[:, t] < self.model.persistence * m, values[-1], new[:, t]))
        return torch.stack(values, dim=1).flatten(0, 1)

    def _tensor(self, values: np.ndarray) -> Float[Tensor, "c f 2 17"]:
        return torch.from_numpy(values.astype(np.float32)).to(self.like, non_blocking=True)
