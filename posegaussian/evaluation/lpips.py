"""LPIPS v0.1 with AlexNet (Zhang et al. 2018). The user supplies the weights of AlexNet."""

from pathlib import Path

import torch
import torchmetrics.functional.image.lpips as published
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.errors import WeightsError
from posegaussian.io import store
from posegaussian.registry import METRICS

ALEXNET = "alexnet-owt-7be5be79.pth"
"""torchvision's AlexNet, https://download.pytorch.org/models/alexnet-owt-7be5be79.pth; the name carries its sha256."""
_MEAN = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]
_STD = torch.tensor([0.458, 0.448, 0.450])[:, None, None]
"""ImageNet's mean and standard deviation for images in [-1, 1], as in the scaling layer of the published LPIPS."""


class Lpips(nn.Module):
    """Weighted distance between unit-length AlexNet features after each of the five ReLUs.

    Args:
        backbone: state dict of torchvision's AlexNet.
        weights: state dict of the five linear layers, `lin<i>.model.1.weight`.
    """

    def __init__(self, backbone: dict[str, Tensor], weights: dict[str, Tensor]):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, 1, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, 1, 1),
            nn.ReLU(),
        )
        self.features.load_state_dict(
            {name.removeprefix("features."): value for name, value in backbone.items() if name.startswith("features.")}
        )
        self.weights = [weights[f"lin{i}.model.1.weight"] for i in range(5)]
        self.requires_grad_(False)

    def forward(self, image: Float[Tensor, "3 h w"], truth: Float[Tensor, "3 h w"]) -> float:
        """The distance of two RGB images in [0, 1]; NaN for images too small for AlexNet's last layer."""
        if min(image.shape[1:]) < METRICS["lpips"].smallest:
            return float("nan")
        x = (2 * torch.stack([image, truth]).float().cpu() - 1 - _MEAN) / _STD
        total, weights = 0.0, iter(self.weights)
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                unit = x / torch.sqrt(x.square().sum(1, keepdim=True) + 1e-8)
                total += float(((unit[0] - unit[1]).square() * next(weights)[0]).sum(0).mean())
        return total


def load_lpips(folder: Path) -> Lpips:
    """The metric, with AlexNet from the user's folder and the linear layers that ship with torchmetrics.

    Raises:
        FileNotFoundError: the file is not in the folder.
        WeightsError: the file's sha256 is not the published one.
    """
    path = folder / ALEXNET
    if not path.is_file():
        raise FileNotFoundError(f"no {ALEXNET} in {folder}")
    if not store.digest(path).startswith(path.stem.rsplit("-", 1)[1]):
        raise WeightsError(
            "not the published AlexNet weights: the sha256 differs",
            code="foreign-weights",
            file=path,
            hint="download it again",
        )
    linear = Path(published.__file__).parent / "lpips_models" / "alex.pth"
    return Lpips(*(torch.load(file, map_location="cpu", weights_only=True) for file in (path, linear)))
