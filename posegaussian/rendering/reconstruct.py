"""Model and splatting joined: the Gaussians of a pair, frame after frame, and pictures of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.errors import BackendError
from posegaussian.model.network import PoseGaussian
from posegaussian.model.streaming import Stream
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.types import Camera, Gaussians, Rendering, StereoPair


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
        raise BackendError(
            f"no such device: {name}", code="unknown-device", hint="use auto, cpu, cuda or cuda:N"
        ) from None


@dataclass(frozen=True)
class Moment:
    """What the network makes of a pair at a frame.

    Args:
        pair: index of the pair among those of its frame.
        frame: index of the frame, from 0.
        gaussians: the visible ones.
        disparity: of both views, pixels.
        masks: coverage of the person in both views.
        cameras: the rectified ones.
    """

    pair: int
    frame: int
    gaussians: Gaussians
    disparity: Float[np.ndarray, "2 h w"]
    masks: Float[Tensor, "2 1 h w"]
    cameras: Camera


def reconstruct(
    network: PoseGaussian,
    frames: Iterable[Iterable[StereoPair]],
    device: torch.device,
    stabilizer: bool = True,
) -> Iterator[list[Moment]]:
    """Frame after frame what the network makes of each pair.

    Args:
        network: that reconstructs.
        frames: in the order of time; each gives its pairs, batches of one, always in the same order.
        device: where the network is.
        stabilizer: whether each pair goes on from the temporal state of its frame before, or starts anew.
    """
    stream = Stream(network, "graph" if device.type == "cuda" else "eager", patient=True)
    states: dict[int, Tensor | None] = {}
    for frame, pairs in enumerate(frames):
        moments = []
        for pair, stereo in enumerate(pairs):
            inputs = stereo.to(device)
            stream.resume(states.get(pair))
            found = stream(inputs)
            states[pair] = stream.state() if stabilizer else None
            disparity = found.disparity.float().cpu().numpy()
            moments.append(
                Moment(pair, frame, found.gaussians.compact(), disparity, inputs.masks[0], inputs.cameras[0])
            )
        yield moments


def picture(gaussians: Gaussians, camera: Camera, backend: str = "auto") -> Rendering:
    """Render one set of Gaussians before black."""
    with torch.inference_mode():
        return rasterize(gaussians, camera.to(gaussians.means), backend=backend, semantics=ANTIALIASED)


def to_bytes(values: Float[Tensor, "c h w"]) -> UInt8[np.ndarray, "h w c"]:
    """Values in [0, 1] as 8 bits, channels last."""
    return (values.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()
