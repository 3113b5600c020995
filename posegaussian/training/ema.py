"""The exponential moving average (EMA) of the weights, which is validated and written."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """A copy of a network whose parameters are the moving average of the network's.

    The decay after n updates is min(decay, (1 + n) / (10 + n)), as in TensorFlow's ExponentialMovingAverage with
    `num_updates`: the random start soon has no weight in the average.

    Args:
        network: whose parameters are averaged.
        decay: per step; 0 copies the parameters.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: nn.Module, done: int) -> None:
        """Update the average with the parameters of the network after `done` steps."""
        decay = min(self.decay, (1 + done) / (10 + done))
        average = get_ema_multi_avg_fn(decay)
        average(list(self.network.parameters()), list(network.parameters()), None)
