"""The exponential moving average of the weights: what is validated and written."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """A second network that follows the first.

    Its decay after n updates is min(decay, (1 + n) / (10 + n)), so that it forgets the start.

    Args:
        network: to follow.
        decay: per step; 0 follows at once.
    """

    def __init__(self, network: nn.Module, decay: float):
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, network: nn.Module, done: int) -> None:
        """Move towards the network, which has taken `done` steps."""
        decay = min(self.decay, (1 + done) / (10 + done))
        move = get_ema_multi_avg_fn(decay)
        move(list(self.network.parameters()), list(network.parameters()), None)
