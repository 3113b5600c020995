"""One colour correction per view, which reconciles cameras that differ in exposure and white balance."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_GAIN_RANGE, _BIAS_RANGE = 0.5, 0.1
"""The gain is at most exp(0.5), the bias at most 0.1 (colours are in [0, 1]). Chosen by hand."""
_COLOR_FLOOR = 0.02
"""Added to colours before their ratio, which would be noise in black. Chosen by hand."""
_WIDTH = 32
"""Width of the hidden layer. Chosen by hand."""


class Exposure(nn.Module):
    """colour -> gain * colour + bias, predicted from the colours of the same surface in both views (docs/method.md)."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(12, _WIDTH)
        self.affine = nn.Linear(_WIDTH, 6)
        with torch.no_grad():
            self.affine.weight *= 0.01
            self.affine.bias.zero_()

    def forward(
        self,
        own: Float[Tensor, "b 2 3 h w"],
        matched: Float[Tensor, "b 2 3 h w"],
        confidence: Float[Tensor, "b 2 h w"],
    ) -> tuple[Float[Tensor, "b 2 3"], Float[Tensor, "b 2 3"]]:
        """Gain and bias of each view.

        Args:
            own: colours of the view.
            matched: colours of the other view at the matches.
            confidence: of the matches, in [0, 1].
        """
        with torch.no_grad():
            weights = (confidence / confidence.sum((-2, -1), keepdim=True).clamp_min(1))[:, :, None]
            own_mean, matched_mean = ((colors * weights).sum((-2, -1)) for colors in (own, matched))
            deviation = (((own - own_mean[..., None, None]).square() * weights).sum((-2, -1)) + 1e-4).sqrt()
            ratio = ((matched_mean + _COLOR_FLOOR) / (own_mean + _COLOR_FLOOR)).log()
            statistics = torch.cat([own_mean, matched_mean, deviation, ratio], dim=-1).to(self.hidden.weight.dtype)
        gain, bias = self.affine(self.hidden(statistics).relu()).float().tanh().chunk(2, dim=-1)
        return (_GAIN_RANGE * gain).exp(), _BIAS_RANGE * bias
