"""Fabrics by family: the pattern and the weave of each name in the settings."""

from collections.abc import Callable

import numpy as np

from posegaussian.synthetic.clothing import lettering, patterns, weaves
from posegaussian.synthetic.clothing.cloth import Fabric
from posegaussian.synthetic.mesh.textures import Colour, hsv_to_rgb


def make_fabric(family: str, base: Colour, other: Colour, rng: np.random.Generator) -> Fabric:
    """A random fabric of a family, in up to two colours."""
    return FAMILIES[family](base, other, rng)


def _denim(base: Colour, _: Colour, rng: np.random.Generator) -> Fabric:
    indigo = hsv_to_rgb(rng.uniform(0.57, 0.63), rng.uniform(0.25, 0.7), rng.uniform(0.22, 0.75))
    indigo = indigo if rng.uniform() < 0.85 else np.full(3, rng.uniform(0.08, 0.6))
    return Fabric("denim", patterns.flat(indigo), weaves.twill(rng, 0.14), wear=0.22, creases=0.0013)


def _knit(base: Colour, rng: np.random.Generator) -> Fabric:
    width, height = ((8, 7), (12, 10), (18, 14))[rng.integers(3)]
    weave = weaves.stitches(width, height, rng.uniform(4e-4, 8e-4), rng)
    return Fabric("knit", patterns.flat(base), weave, creases=6e-4, roughness=0.9)


FAMILIES: dict[str, Callable[[Colour, Colour, np.random.Generator], Fabric]] = {
    "flat": lambda a, b, rng: Fabric(
        "flat", patterns.flat(a), weaves.jersey(rng, rng.uniform(0.2, 1.0)), creases=0.001
    ),
    "knit": lambda a, b, rng: _knit(a, rng),
    "rib": lambda a, b, rng: Fabric(
        "rib", patterns.flat(a), weaves.ribs(int(rng.choice([8, 12, 16])), 4e-4, rng), creases=6e-4, roughness=0.9
    ),
    "denim": _denim,
    "corduroy": lambda a, b, rng: Fabric(
        "corduroy", patterns.flat(a), weaves.ribs(int(rng.choice([6, 8, 10])), 5e-4, rng), roughness=0.9
    ),
    "leather": lambda a, b, rng: Fabric(
        "leather", patterns.flat(0.5 * a), weaves.hide(rng), wear=0.1, creases=0.0015, gloss=0.35, roughness=0.35
    ),
    "twill": lambda a, b, rng: Fabric("twill", patterns.flat(a), weaves.twill(rng), creases=0.001),
    "stripes": patterns.stripes,
    "plaid": patterns.plaid,
    "checks": patterns.checks,
    "dots": patterns.dots,
    "floral": patterns.floral,
    "print": patterns.printed,
    "camouflage": patterns.camouflage,
    "lettering": lettering.lettering,
    "logo": lettering.logo,
}
