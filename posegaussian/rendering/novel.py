"""Model and splatting joined: the Gaussians of a pair, frame after frame, and pictures of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from posegaussian.errors import BackendError
from posegaussian.rendering.pairs import read_pair
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.store import Reader
from posegaussian.types import Camera, Gaussians, Rendering


def pick_device(name: str) -> torch.device:
    """The device that a user names; `auto` is CUDA where there is one, else the CPU.

    Raises:
        BackendError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError):
        raise BackendError(f"no such device: {name}", hint="use auto, cpu, cuda or cuda:N") from None


@dataclass(frozen=True)
class Moment:
    """What the network makes of a pair at a frame (indices of the file): visible Gaussians and both disparities."""

    pair: int
    frame: int
    gaussians: Gaussians
    disparity: Float[np.ndarray, "2 h w"]


def reconstruct(
    network: nn.Module, rectified: Reader, heatmaps: Reader | None, pairs: Iterable[int], device: torch.device
) -> Iterator[Moment]:
    """Each pair's frames through the network in order, each with the temporal state that the one before it left."""
    for pair in pairs:
        state: Any = None
        for frame in range(len(rectified["frames"])):
            with torch.inference_mode():
                result = network(read_pair(rectified, heatmaps, pair, frame).to(device), state)
            state = result.state
            gaussians = result.gaussians[0].to(torch.float32).compact()
            yield Moment(pair, frame, gaussians, result.disparity[0].float().cpu().numpy())


def picture(gaussians: Gaussians, camera: Camera, backend: str = "auto") -> Rendering:
    """Render one set of Gaussians before black."""
    with torch.inference_mode():
        return rasterize(gaussians, camera.to(gaussians.means), backend=backend, semantics=ANTIALIASED)


def to_bytes(values: Float[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w c"]:
    """Values in [0, 1] as 8 bits, channels last."""
    return (values.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
