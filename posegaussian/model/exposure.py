"""One colour correction for each view as a whole: cameras that differ in exposure and white balance are reconciled."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

_GAIN_RANGE, _BIAS_RANGE = 0.5, 0.1
_FLOOR = 0.02


class Exposure(nn.Module):
    """colour -> gain * colour + bias, predicted from what both views show of the same surface (docs/method.md)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.hidden = nn.Linear(12, width)
        self.affine = nn.Linear(width, 6)
        with torch.no_grad():
            self.affine.weight *= 0.01
            self.affine.bias.zero_()

    def forward(
        self,
        own: Float[Tensor, "b 2 3 h w"],
        matched: Float[Tensor, "b 2 3 h w"],
        trust: Float[Tensor, "b 2 h w"],
    ) -> tuple[Float[Tensor, "b 2 3"], Float[Tensor, "b 2 3"]]:
        """Gain and bias of each view.

        Args:
            own: colours of the view.
            matched: colours of the other view at the matches.
            trust: how far the match is believed.
        """
        with torch.no_grad():
            weights = (trust / trust.sum((-2, -1), keepdim=True).clamp_min(1))[:, :, None]
            here, there = ((colors * weights).sum((-2, -1)) for colors in (own, matched))
            spread = (((own - here[..., None, None]).square() * weights).sum((-2, -1)) + 1e-4).sqrt()
            ratio = ((there + _FLOOR) / (here + _FLOOR)).log()
            known = torch.cat([here, there, spread, ratio], dim=-1)
        gain, bias = self.affine(self.hidden(known.to(self.hidden.weight.dtype)).relu()).float().tanh().chunk(2, dim=-1)
        return (_GAIN_RANGE * gain).exp(), _BIAS_RANGE * bias
