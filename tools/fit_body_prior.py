"""Fit the numbers of the disparity prior (model/constants.py) to streamed people.

    python tools/fit_body_prior.py --people 28 --steps 120

People of the training split are photographed at 256 px on pairs of all baselines, their joints found by the error model
of the detector. A Student t likelihood of the true disparities, given estimate and spread, is maximised by Adam; pixels
that the other view does not see count twice. Prints the numbers, and the errors on other people before and after.
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
from posegaussian.pose.detector_noise import imitate, read_error_model
from posegaussian.synthetic.dataset.compose import compose
from posegaussian.synthetic.dataset.sample import Sample
from posegaussian.synthetic.people.cast import Cast
from posegaussian.synthetic.people.preparation import prepare, texel_for
from posegaussian.types import StereoPair

NAMES = ("skin_offset", "silhouette_sigma", "joint_sigma", "joint_noise", "score_power", "surprise_scale")
NAMES += ("depth_order", "half_evidence")
"""The constants that are fitted. `falloff` stays as it is: as the `alpha` of an operation it takes no gradient."""
SIZES = ("radius", "inset", "spread")
"""What is fitted of every capsule."""
BASELINES = ((10.0, 20.0), (20.0, 30.0), (30.0, 45.0), (45.0, 60.0))
"""Degrees."""
FIRST_PERSON, SECONDS = 20_000, 2
FREEDOM = 4.0
"""Degrees of freedom of the t distribution."""


def main() -> None:
    """Photograph, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=28, help="to fit to; a third as many more to test on")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--batch", type=int, default=16, help="pairs per step")
    args = parser.parse_args()
    known = list(photographed(range(FIRST_PERSON, FIRST_PERSON + args.people)))
    others = list(photographed(range(FIRST_PERSON + args.people, FIRST_PERSON + args.people + -(-args.people // 3))))
    model = Fitted()
    report("before", model, others)
    optimizer = torch.optim.Adam(model.parameters())
    random = np.random.default_rng(0)
    for step in range(args.steps):
        optimizer.param_groups[0]["lr"] = 0.03 * min(1.0, 2 - 2 * step / args.steps)
        chosen = random.choice(len(known), args.batch, replace=False)
        loss = torch.stack([surprise(model(known[i][0]), known[i][1]) for i in chosen]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    report("after", model, others)
    model.print_constants()


def photographed(seeds: range) -> Iterator[tuple[StereoPair, Sample]]:
    """Two pairs of every person and bin of baselines, with the detector's errors."""
    errors = read_error_model("package:errors.json")
    settings = StreamSettings(size=(256, 256), target_size=(16, 16), still=1.0)
    for seed in seeds:
        cast = Cast.of(prepare(seed, settings.people, SECONDS * settings.fps, settings.fps, texel_for(256)))
        for number, baseline in enumerate(2 * BASELINES):
            random = np.random.default_rng([seed, number])
            sample = compose(cast, random, replace(settings, rig=replace(settings.rig, baseline=baseline)), frames=1)
            yield imitate(sample.pair, sample.joints2d, sample.joint_visible > 0, 1, errors, random), sample


class Fitted(nn.Module):
    """The estimate with all its numbers as logarithms that can be learned."""

    def __init__(self):
        super().__init__()
        prior = DISPARITY_PRIOR
        self.numbers = nn.ParameterDict({name: _logarithm(getattr(prior, name)) for name in NAMES})
        self.sizes = _logarithm([[getattr(capsule, name) for name in SIZES] for capsule in prior.capsules])
        self.spreads = _logarithm([link.spread for link in prior.links])

    def forward(self, pair: StereoPair) -> PriorEstimate:
        """The estimate with the numbers as they are now."""
        return DisparityPrior(4, constants=self.constants()).estimate(pair)

    def constants(self) -> DisparityPriorConstants:
        """The numbers as they are now, tensors in place of the floats that are fitted."""
        prior = DISPARITY_PRIOR
        capsules = tuple(
            replace(capsule, **dict(zip(SIZES, sizes, strict=True)))
            for capsule, sizes in zip(prior.capsules, self.sizes.exp(), strict=True)
        )
        links = tuple(
            replace(link, spread=spread) for link, spread in zip(prior.links, self.spreads.exp(), strict=True)
        )
        numbers = {name: value.exp() for name, value in self.numbers.items()}
        return replace(prior, capsules=capsules, links=links, **numbers)

    @torch.no_grad()
    def print_constants(self) -> None:
        """Print what is fitted as it stands in posegaussian/model/constants.py."""
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
    """Of the cells whose middle is the person: error and spread in pixels, pixels per metre, seen by the other view."""
    known = sample.valid[..., 2::4, 2::4] > 0
    error = estimate.disparity - sample.disparity[..., 2::4, 2::4]
    seen = sample.visible[..., 2::4, 2::4] > 0
    return error[known], estimate.sigma[known], estimate.pixels_per_metre[known], seen[known]


def surprise(estimate: PriorEstimate, sample: Sample) -> Float[Tensor, ""]:
    """-log of the likelihood of the truth, in metres, up to a constant."""
    error, spread, per_metre, seen = errors_of(estimate, sample)
    likelihood = (spread / per_metre).log() + (FREEDOM + 1) / 2 * ((error / spread).square() / FREEDOM).log1p()
    weight = 2.0 - seen.float()
    return (weight * likelihood).sum() / weight.sum()


@torch.no_grad()
def report(name: str, model: Fitted, samples: list[tuple[StereoPair, Sample]]) -> None:
    """Print mean errors, of all pixels and of those that the other view does not see."""
    parts = zip(*(errors_of(model(pair), sample) for pair, sample in samples), strict=True)
    error, spread, per_metre, seen = (torch.cat(part) for part in parts)
    for which, chosen in (("all", seen | ~seen), ("half-occluded", ~seen)):
        pixels, metres = 4 * error[chosen].abs().mean(), (error / per_metre)[chosen].abs()
        within = ((error / spread)[chosen].abs() < 1).float().mean()
        print(
            f"{name}, {which}: {pixels:.1f} px at 1024 px, {100 * metres.mean():.1f} cm (median"
            f" {100 * metres.median():.1f}), {100 * within:.0f} % within one standard deviation"
        )


if __name__ == "__main__":
    main()
