"""Outfits: which kinds of garments go together, of what fabrics, in what colours."""

from dataclasses import dataclass

import numpy as np

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.mesh.textures import Colour, hsv_to_rgb

TOPS = {"tshirt": 0.3, "shirt": 0.28, "sweater": 0.18, "hoodie": 0.14, "vest": 0.1}
OUTER = {"jacket": 0.6, "coat": 0.4}
LEGS = {"trousers": 0.55, "shorts": 0.2, "skirt": 0.25}
"""Shares of the kinds in each slot; chosen by hand."""
FABRICS_BY_GARMENT = {
    "tshirt": ("flat", "stripes", "dots", "floral", "print", "camouflage", "lettering", "logo", "rib", "checks"),
    "shirt": ("flat", "plaid", "checks", "stripes", "denim", "dots", "floral", "print", "twill", "corduroy"),
    "sweater": ("knit", "rib", "flat", "stripes", "logo", "checks", "plaid"),
    "hoodie": ("flat", "lettering", "logo", "camouflage", "stripes", "print"),
    "vest": ("flat", "rib", "stripes", "print", "lettering", "dots", "logo"),
    "jacket": ("denim", "leather", "twill", "flat", "corduroy", "camouflage", "plaid"),
    "coat": ("twill", "flat", "plaid", "leather", "checks", "knit"),
    "trousers": ("denim", "denim", "twill", "flat", "corduroy", "plaid", "camouflage", "leather", "checks", "stripes"),
    "shorts": ("denim", "twill", "flat", "camouflage", "checks", "floral", "plaid", "stripes"),
    "skirt": ("flat", "denim", "plaid", "floral", "dots", "print", "leather", "corduroy", "stripes", "checks", "twill"),
    "dress": ("floral", "dots", "flat", "stripes", "print", "plaid", "checks", "knit", "denim", "twill", "rib"),
}
"""Fabrics of each kind of garment where the settings name none; listed twice means twice as often."""


@dataclass(frozen=True)
class OutfitKinds:
    """Kinds of garments of an outfit."""

    top: str
    legs: str | None
    outer: str | None


def choose_kinds(settings: PeopleSettings, male: bool, rng: np.random.Generator) -> OutfitKinds:
    """Random kinds of garments: among those that the settings name, or, in slots without a name, any."""
    named = set(settings.garments or ())
    tops = {k: v for k, v in TOPS.items() if k in named}
    legs = {k: v for k, v in LEGS.items() if k in named}
    outer = {k: v for k, v in OUTER.items() if k in named}
    anything = settings.garments is None
    dress = "dress" in named and (not (tops or legs) or rng.uniform() < 0.3)
    dress |= anything and rng.uniform() < (0.02 if male else 0.26)
    worn = _draw_one(outer or OUTER, rng)
    # An outer garment that is the only kind named is always worn.
    if not outer:
        worn = worn if anything and rng.uniform() < 0.3 else None
    if dress:
        return OutfitKinds("dress", None, worn)
    return OutfitKinds(
        _draw_one(tops or TOPS, rng), _draw_one(legs or (LEGS | {"skirt": 0.01} if male else LEGS), rng), worn
    )


def _draw_one(shares: dict[str, float], rng: np.random.Generator) -> str:
    names, weights = list(shares), np.array(list(shares.values()))
    return names[rng.choice(len(names), p=weights / weights.sum())]


def cloth_colour(rng: np.random.Generator) -> Colour:
    """A random colour of cloth: many neutrals and dark blues, some bright; never the colour of skin."""
    kind = rng.uniform()
    if kind < 0.38:
        return hsv_to_rgb(
            rng.uniform(), rng.uniform(0, 0.12), rng.choice([0.07, 0.2, 0.45, 0.7, 0.9]) + rng.uniform(-0.05, 0.05)
        )
    if kind < 0.55:
        return hsv_to_rgb(rng.uniform(0.55, 0.68), rng.uniform(0.3, 0.7), rng.uniform(0.12, 0.5))
    hue = rng.uniform(0.15, 0.97) if rng.uniform() < 0.9 else rng.uniform(0.0, 0.02)
    return hsv_to_rgb(hue, rng.uniform(0.3, 0.9), rng.uniform(0.25, 0.9))
