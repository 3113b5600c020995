"""The constants of the disparity prior and the temporal filter: what inference depends on and training does not learn.

Weights files contain them (`weights.save_weights`), so that weights behave the same in later versions. No field has a
default: a file that lacks one is refused.
"""

from dataclasses import dataclass

from pydantic import ConfigDict

from posegaussian.model.skeleton import Capsule, Link


@dataclass(frozen=True)
class DisparityPriorConstants:
    """The constants of `DisparityPrior` (docs/method.md, equation 4)."""

    row_smoothing: float
    """Standard deviation of the smoothing of silhouettes over rows (share of the image's height)."""
    width_tolerance: float
    """A row whose two silhouettes differ in width by this share of the wider one weighs exp(-1/2) as much."""
    skin_offset: float
    """How much nearer than the silhouettes' middle the skin is, metres."""
    silhouette_sigma: float
    """Standard deviation of the silhouettes' estimate, metres."""
    joint_sigma: float
    """Standard deviation of a joint from the silhouettes' estimate, metres."""
    joint_noise: float
    """Standard deviation of a joint in one view, along either axis (share of the person's height)."""
    score_power: float
    """A joint's weight is the product of its scores to this power."""
    surprise_scale: float
    """The squared error, in variances, that halves a joint's weight."""
    rounds: int
    """How often the depths of linked joints are averaged."""
    link_share: float
    """Share of the links' precision that counts in the variance of a joint: linked joints are uncertain, too."""
    falloff: float
    """A capsule's weight falls with this power of 1 + (distance / radius)^2."""
    depth_order: float
    """A capsule that is nearer by this much has e times the weight, metres."""
    half_evidence: float
    """The sum of the capsules' evidence at which the confidence in their estimate is one half."""
    skin_floor: float
    """Lower bound of 1 - (distance / radius)^2, which limits how far the skin curves away."""
    sigma_growth: float
    """The variance of the skin grows by this share per unit of (distance / radius)^2."""
    sigma_reach: float
    """The (distance / radius)^2 beyond which that variance is constant."""
    capsules: tuple[Capsule, ...]
    """The body's parts."""
    links: tuple[Link, ...]
    """Which joints' depths depend on each other."""


@dataclass(frozen=True)
class TemporalFilterConstants:
    """The constants of the temporal filter: when the pose is still, and how much is averaged (equations 2 and 13)."""

    cut_overlap: float
    """Heatmaps of consecutive frames that share less than this part of their mass belong to different shots."""
    neighbourhood: int
    """The stillness is the least in a square of this many cells, since cloth moves with the limb beside it. Odd."""
    full_stillness: float
    """The gate's value, as a share of that without motion, from which on motion is taken for noise of the detector."""
    stillness_power: int
    """Exponent of that share: a half-open gate is far from still."""
    max_weight: float
    """The largest weight of the frame before."""
    prior_tolerance: float
    """Changes of the disparity prior below this share of its standard deviation are averaged away."""
    stillness_margin: float
    """The tolerance of colours is the learned one at a stillness of 1 - this, and four times that at full stillness."""


@dataclass(frozen=True)
class InferenceConstants:
    """All constants in a weights file."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)  # of the parts, too

    prior: DisparityPriorConstants
    """Of the disparity prior."""
    temporal_filter: TemporalFilterConstants
    """Of the temporal filter."""


DISPARITY_PRIOR = DisparityPriorConstants(
    # Chosen by hand.
    row_smoothing=0.04,
    width_tolerance=0.2,
    rounds=2,
    link_share=0.5,
    skin_floor=0.02,
    sigma_growth=0.3,
    sigma_reach=20.0,
    # All constants below were fitted by tools/fit_body_prior.py to streamed people of the training split with the
    # detector's errors. docs/method.md, "Disparity prior", has their errors on 14 other people.
    skin_offset=0.072,
    silhouette_sigma=0.091,
    joint_sigma=0.124,
    joint_noise=0.006,
    score_power=0.35,
    surprise_scale=4.1,
    falloff=12.7,
    depth_order=0.057,
    half_evidence=0.22,
    capsules=(
        Capsule("head", "nose", 0.0, 0.065, 0.004, 0.006),
        Capsule("chest", "head", 0.5, 0.092, 0.077, 0.022),
        Capsule("chest", "head", 0.0, 0.095, 0.041, 0.028),
        Capsule("left_shoulder", "right_shoulder", 0.0, 0.090, 0.105, 0.030),
        Capsule("left_hip", "right_hip", 0.0, 0.117, 0.143, 0.028),
        Capsule("chest", "seat", 0.0, 0.126, 0.155, 0.024),
        Capsule("shoulder", "hip", 0.0, 0.047, 0.077, 0.010),
        Capsule("shoulder", "other_hip", 0.0, 0.083, 0.121, 0.007),
        Capsule("shoulder", "elbow", 0.0, 0.063, 0.049, 0.017),
        Capsule("elbow", "wrist", 0.0, 0.059, 0.031, 0.012),
        Capsule("elbow", "wrist", 0.375, 0.061, 0.024, 0.019),
        Capsule("hip", "knee", 0.0, 0.091, 0.088, 0.043),
        Capsule("knee", "ankle", 0.0, 0.053, 0.068, 0.022),
        Capsule("knee", "ankle", 0.25, 0.081, 0.049, 0.049),
    ),
    links=(
        Link("nose", "eye", 0.044),
        Link("nose", "ear", 0.114),
        Link("eye", "ear", 0.067),
        Link("left_eye", "right_eye", 0.079),
        Link("left_ear", "right_ear", 0.044),
        Link("ear", "shoulder", 0.061),
        Link("shoulder", "elbow", 0.124),
        Link("elbow", "wrist", 0.160),
        Link("shoulder", "hip", 0.153),
        Link("hip", "knee", 0.087),
        Link("knee", "ankle", 0.067),
    ),
)
"""The disparity prior of the weights that ship."""
TEMPORAL_FILTER = TemporalFilterConstants(
    # Chosen by hand.
    cut_overlap=0.1,
    # Chosen on validation people by tools/tune_temporal_filter.py: docs/results/ablations.md.
    max_weight=0.9,
    prior_tolerance=0.2,
    stillness_margin=0.4,
    neighbourhood=5,
    full_stillness=0.97,
    stillness_power=6,
)
"""The temporal filter of the weights that ship."""
DEFAULTS = InferenceConstants(DISPARITY_PRIOR, TEMPORAL_FILTER)
"""Those of the weights that ship, and of all files from before files contained constants."""
