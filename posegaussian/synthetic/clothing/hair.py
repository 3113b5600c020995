"""Hair: a hairstyle, or headgear over hair."""

from collections.abc import Callable

import numpy as np

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.clothing import hairstyles, headgear, loose_hair
from posegaussian.synthetic.clothing.drape import ClothedBody
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.head import Head
from posegaussian.synthetic.mesh.surface import Surface
from posegaussian.synthetic.mesh.textures import Colour

Style = Callable[[Head], list[Submesh]]
STYLES: dict[str, tuple[float, Style]] = {
    "bald": (0.05, hairstyles.bald),
    "crop": (0.16, hairstyles.crop),
    "short": (0.2, hairstyles.short),
    "curly": (0.12, hairstyles.curly),
    "bob": (0.12, hairstyles.bob),
    "long": (0.13, hairstyles.long),
    "ponytail": (0.09, hairstyles.ponytail),
    "bun": (0.07, hairstyles.bun),
    "cap": (0.07, headgear.cap),
    "beanie": (0.06, headgear.beanie),
    "loose": (0.1, loose_hair.loose),
    "hat": (0.05, headgear.hat),
    "helmet": (0.04, headgear.helmet),
}
"""Share (before normalisation) and function of each style; chosen by hand."""
UNNAMED = tuple(STYLES)[:10]
"""The styles that are drawn where the settings name none: those before `loose`."""


def make_hair(
    body: ClothedBody, skin: Surface, tone: Colour, male: bool, settings: PeopleSettings, rng: np.random.Generator
) -> list[Submesh]:
    """Submeshes of a random style of hair or headgear; long styles are rare on men, bald and crop on women."""
    shares = {name: STYLES[name][0] for name in settings.hair or UNNAMED}
    if settings.hair is None:
        for name in ("bob", "long", "ponytail", "bun") if male else ("bald", "crop"):
            shares[name] *= 0.2
    weights = np.array(list(shares.values()))
    style = list(shares)[rng.choice(len(shares), p=weights / weights.sum())]
    head = Head(body, skin, tone, int(rng.integers(1 << 30)), rng)
    return STYLES[style][1](head)
