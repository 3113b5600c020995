"""Fit the constants of the disparity prior (model/constants.py) to streamed people.

    python tools/fit_body_prior.py --people 28 --steps 120

People of the training split are rendered at 256 px in pairs of all baselines; the error model of the detector gives
their joints. Adam maximises a Student t likelihood of the true disparities given mean and sigma of the prior; pixels
that the other view does not see count twice. Prints the constants, and the errors on other people before and after.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from posegaussian.config import StreamSettings
from posegaussian.model.constants import DISPARITY_PRIOR, DisparityPriorConstants
from posegaussian.model.disparity_prior import DisparityPrior, PriorEstimate
from posegaussian.pose.detector_noise import read_error_model, simulate_detector
from posegaussian.synthetic.dataset.clips import render_clip
from posegaussian.synthetic.dataset.sample import Sample
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.types import StereoPair

NAMES = ("skin_offset", "silhouette_sigma", "joint_sigma", "joint_noise", "score_power", "surprise_scale")
NAMES += ("depth_order", "half_evidence")
"""The constants that are fitted. `falloff` is not: as the `alpha` of an operation it gets no gradient."""
SIZES = ("radius", "inset", "spread")
"""The fields of every capsule that are fitted."""
BASELINES = ((10.0, 20.0), (20.0, 30.0), (30.0, 45.0), (45.0, 60.0))
"""Degrees."""
FIRST_PERSON, SECONDS = 20_000, 2
"""First seed of the people, which are of the training split, and length of their tracks."""
FREEDOM = 4.0
"""Degrees of freedom of the t distribution. Chosen by hand."""


def main() -> None:
    """Render people, fit the constants, print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=28, help="to fit to; a third as many more are for testing")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=16, help="pairs per step")
    args = parser.parse_args()
    known = list(rendered_pairs(range(FIRST_PERSON, FIRST_PERSON + args.people)))
    others = list(rendered_pairs(range(FIRST_PERSON + args.people, FIRST_PERSON + args.people + -(-args.people // 3))))
    model = FittedPrior()
    report("before", model, others)
    optimizer = torch.optim.Adam(model.parameters())
    random = np.random.default_rng(0)
    for step in range(args.steps):
        optimizer.param_groups[0]["lr"] = 0.03 * min(1.0, 2 - 2 * step / args.steps)
        chosen = random.choice(len(known), args.batch, replace=False)
        loss = torch.stack([negative_log_likelihood(model(known[i][0]), known[i][1]) for i in chosen]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    report("after", model, others)
    model.print_constants()


def rendered_pairs(seeds: range) -> Iterator[tuple[StereoPair, Sample]]:
    """Two pairs of every person and bin of baselines, with joints that have the detector's errors."""
    errors = read_error_model("package:errors.json")
    settings = StreamSettings(size=(256, 256), target_size=(16, 16), still=1.0)
    for seed in seeds:
        subject = Subject.of(
            prepare_subject(seed, settings.people, SECONDS * settings.fps, settings.fps, texel_for(256))
        )
        for number, baseline in enumerate(2 * BASELINES):
            random = np.random.default_rng([seed, number])
            sample = render_clip(
                subject, random, replace(settings, rig=replace(settings.rig, baseline=baseline)), frames=1
            )
            yield simulate_detector(sample.pair, sample.joints2d, sample.joint_visible > 0, 1, errors, random), sample


class FittedPrior(nn.Module):
    """The prior with the logarithms of its constants as parameters."""

    def __init__(self):
        super().__init__()
        prior = DISPARITY_PRIOR
        self.scalars = nn.ParameterDict({name: _logarithm(getattr(prior, name)) for name in NAMES})
        self.sizes = _logarithm([[getattr(capsule, name) for name in SIZES] for capsule in prior.capsules])
        self.spreads = _logarithm([link.spread for link in prior.links])

    def forward(self, pair: StereoPair) -> PriorEstimate:
        """The prior with the current constants."""
        return DisparityPrior(4, constants=self.constants()).estimate(pair)

    def constants(self) -> DisparityPriorConstants:
        """The current constants, with tensors in place of the floats that are fitted."""
        prior = DISPARITY_PRIOR
        capsules = tuple(
            replace(capsule, **dict(zip(SIZES, sizes, strict=True)))
            for capsule, sizes in zip(prior.capsules, self.sizes.exp(), strict=True)
        )
        links = tuple(
            replace(link, spread=spread) for link, spread in zip(prior.links, self.spreads.exp(), strict=True)
        )
        scalars = {name: value.exp() for name, value in self.scalars.items()}
        return replace(prior, capsules=capsules, links=links, **scalars)

    @torch.no_grad()
    def print_constants(self) -> None:
        """Print the fitted constants in the format of posegaussian/model/constants.py."""
        constants = self.constants()
        for name in NAMES:
            print(f"    {name}={getattr(constants, name):.3g},")
        for it in constants.capsules:
            sizes = ", ".join(f"{getattr(it, name):.3f}" for name in SIZES)
            print(f'        Capsule("{it.start}", "{it.end}", {it.beyond}, {sizes}),')
        for link in constants.links:
            print(f'        Link("{link.first}", "{link.second}", {link.spread:.3f}),')


def _logarithm(values) -> nn.Parameter:
    return nn.Parameter(torch.tensor(values, dtype=torch.float32).log())


def errors_of(estimate: PriorEstimate, sample: Sample) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Error, sigma (both in pixels), pixels per metre and visibility in the other view, of all cells on the person."""
    known = sample.valid[..., 2::4, 2::4] > 0
    error = estimate.disparity - sample.disparity[..., 2::4, 2::4]
    visible = sample.visible[..., 2::4, 2::4] > 0
    return error[known], estimate.sigma[known], estimate.pixels_per_metre[known], visible[known]


def negative_log_likelihood(estimate: PriorEstimate, sample: Sample) -> Float[Tensor, ""]:
    """Negative logarithm of the likelihood of the true disparity, up to a constant."""
    error, sigma, per_metre, visible = errors_of(estimate, sample)
    likelihood = (sigma / per_metre).log() + (FREEDOM + 1) / 2 * ((error / sigma).square() / FREEDOM).log1p()
    weight = 2.0 - visible.float()
    return (weight * likelihood).sum() / weight.sum()


@torch.no_grad()
def report(name: str, model: FittedPrior, samples: list[tuple[StereoPair, Sample]]) -> None:
    """Print the mean errors of all pixels, and of those that the other view does not see."""
    parts = zip(*(errors_of(model(pair), sample) for pair, sample in samples), strict=True)
    error, sigma, per_metre, visible = (torch.cat(part) for part in parts)
    for which, chosen in (("all", visible | ~visible), ("half-occluded", ~visible)):
        pixels, metres = 4 * error[chosen].abs().mean(), (error / per_metre)[chosen].abs()
        within = ((error / sigma)[chosen].abs() < 1).float().mean()
        print(
            f"{name}, {which}: {pixels:.1f} px at 1024 px, {100 * metres.mean():.1f} cm (median"
            f" {100 * metres.median():.1f}), {100 * within:.0f} % within one standard deviation"
        )


if __name__ == "__main__":
    main()
