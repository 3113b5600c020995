"""Materials of a room: a texture with three colours."""

import colorsys

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.rooms import textures

RGB = Float[np.ndarray, "3"]
WOODS = (
    (0.62, 0.45, 0.29),
    (0.5, 0.33, 0.2),
    (0.72, 0.58, 0.42),
    (0.36, 0.23, 0.15),
    (0.8, 0.72, 0.6),
    (0.56, 0.5, 0.44),
)
"""Oak, walnut, beech, wenge, birch, weathered grey; by eye."""
METALS = ((0.55, 0.56, 0.58), (0.12, 0.12, 0.13), (0.8, 0.8, 0.8), (0.35, 0.36, 0.38))
"""Steel, black and white paint, dark steel; by eye."""


class Palette:
    """Collects the materials of a room."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self._order = {name: number for number, name in enumerate(textures.names())}
        self._rows: list[np.ndarray] = []

    def add(self, texture: str, first, second=None, third=None, period: float | None = None, glow: float = 0.0) -> int:
        """A new material; returns its index.

        Args:
            texture: name.
            first: RGB of the base.
            second: RGB of the second share; default: the first, darker.
            third: RGB of the third share; default: the first, much darker.
            period: metres after which the texture repeats; default: the texture's own.
            glow: emitted light; at 1 a white surface is white without any lamp.
        """
        base = np.asarray(first, float)
        others = [
            base * factor if value is None else np.asarray(value, float)
            for value, factor in ((second, 0.8), (third, 0.5))
        ]
        numbers = [self._order[texture], period or textures.period(texture), glow, 0.0]
        self._rows.append(np.concatenate([base, *others, numbers]))
        return len(self._rows) - 1

    def rows(self) -> Float[np.ndarray, "m 13"]:
        """All materials."""
        return np.stack(self._rows)

    def tint(self, saturation=(0.05, 0.5), value=(0.35, 0.8), hue=(0.0, 1.0)) -> RGB:
        """A random colour."""
        h, s, v = (float(self.rng.uniform(*bounds)) for bounds in (hue, saturation, value))
        return np.array(colorsys.hsv_to_rgb(h % 1, s, v))

    def pick(self, colours) -> RGB:
        """One of some colours, a little varied."""
        chosen = np.array(colours[self.rng.integers(len(colours))])
        return np.clip(chosen * self.rng.uniform(0.88, 1.1) * (1 + 0.02 * self.rng.standard_normal(3)), 0.03, 0.92)

    def wood(self, texture: str = "wood") -> int:
        """Wood of a random kind."""
        tone = self.pick(WOODS)
        return self.add(
            texture,
            tone,
            tone * self.rng.uniform(0.6, 0.8),
            period=textures.period(texture) * self.rng.uniform(0.8, 1.2),
        )

    def metal(self) -> int:
        """Painted or bare metal."""
        return self.add("metal", self.pick(METALS))

    def paint(self, value=(0.6, 0.88)) -> RGB:
        """A colour of walls: mostly pale, sometimes strong."""
        if self.rng.uniform() < 0.2:
            return self.tint((0.2, 0.55), (0.3, 0.7))
        return self.tint((0.0, 0.2), value, (0.02, 0.2) if self.rng.uniform() < 0.6 else (0.3, 0.75))

    def fabric(self, texture: str = "fabric") -> int:
        """Upholstery or curtains."""
        tone = self.tint((0.05, 0.6), (0.2, 0.8))
        return self.add(texture, tone, tone * self.rng.uniform(0.75, 0.95))
