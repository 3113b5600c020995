"""A matting network with normalisation, to train it on: in files, normalisation is merged into the convolutions."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.preparation.mattes.network import MattingNetwork


@torch.no_grad()
def with_normalisation(merged: MattingNetwork, inputs: Float[Tensor, "b 5 h w"]) -> MattingNetwork:
    """A network that computes the same as `merged`, with the statistics of some inputs in its normalisation.

    Args:
        merged: of `load_matting_network`.
        inputs: like those that the network will be trained on.
    """
    network, weights = MattingNetwork().to(inputs.device).eval(), merged.state_dict()
    network.load_state_dict(weights, strict=False)
    hooks = []
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            module.bias.copy_(weights[name.removesuffix("1") + "0.bias"])  # that of the convolution before it
            hooks.append(module.register_forward_pre_hook(_fit))
    network(inputs)
    for hook in hooks:
        hook.remove()
    return network


def _fit(normalisation: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
    """Take the statistics of the features that come, and scale and bias that undo the normalisation by them."""
    variance, mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
    assert normalisation.running_mean is not None and normalisation.running_var is not None
    normalisation.running_mean.copy_(mean)
    normalisation.running_var.copy_(variance)
    normalisation.weight.copy_((variance + normalisation.eps).sqrt())
    normalisation.bias.add_(mean)
