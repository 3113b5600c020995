"""Parts of the network that are not trained."""

from collections.abc import Iterable

from torch import nn

from posegaussian.errors import TrainingError


def freeze(network: nn.Module, names: Iterable[str]) -> None:
    """Let parts of the network keep their weights.

    Raises:
        TrainingError: there is no such part.
    """
    parts = dict(network.named_children())
    for name in names:
        if name not in parts:
            raise TrainingError(
                f"the network has no part `{name}`, which `train.frozen` names",
                code="unknown-part",
                hint=f"its parts: {', '.join(parts)}",
            )
        parts[name].requires_grad_(False)
