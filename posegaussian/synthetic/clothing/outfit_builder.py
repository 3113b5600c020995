"""Random outfits: garments with random cuts, fabrics and details, from the inside outwards.

Sizes are canonical, in metres, chosen by eye on contact sheets.
"""

from dataclasses import dataclass

import numpy as np

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.clothing import cuts
from posegaussian.synthetic.clothing import garments as g
from posegaussian.synthetic.clothing.cloth import Fabric
from posegaussian.synthetic.clothing.details import (
    Details,
    belt_loops,
    buckle,
    buttons,
    drawstrings,
    pocket,
    ribbing,
    seam,
    slit,
    stitched_hem,
    zipper,
)
from posegaussian.synthetic.clothing.drape import ClothedBody
from posegaussian.synthetic.clothing.fabrics import make_fabric
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.outfits import FABRICS_BY_GARMENT, choose_kinds, cloth_colour
from posegaussian.synthetic.mesh.textures import Colour, hsv_to_rgb, unroll

WHITE = np.array([0.93, 0.92, 0.9])


@dataclass
class OutfitBuilder:
    """Builder of the clothes of one body; one random generator draws all choices."""

    body: ClothedBody
    settings: PeopleSettings
    male: bool
    rng: np.random.Generator

    def build(self) -> list[Submesh]:
        """All clothes of the person, shoes included, from the inside outwards."""
        kinds = choose_kinds(self.settings, self.male, self.rng)
        submeshes = [self.shoes()]
        if kinds.top == "dress":
            return [*submeshes, *self.dress(), *self.outer(kinds.outer)]
        tucked = kinds.legs == "skirt" or (kinds.top in ("shirt", "vest", "tshirt") and self.rng.uniform() < 0.25)
        low = self.rng.uniform(0.125, 0.165) if not tucked else 0.215 if kinds.legs == "skirt" else 0.16
        upper = lambda: self.upper(kinds.top, low, tucked)  # noqa: E731
        lower = lambda: self.lower(kinds.legs or "trousers")  # noqa: E731
        for dress in (upper, lower) if tucked else (lower, upper):
            submeshes += dress()
        return [*submeshes, *self.outer(kinds.outer)]

    def fabric(self, kind: str) -> Fabric:
        """A random fabric for a kind of garment."""
        families = self.settings.fabrics or FABRICS_BY_GARMENT[kind]
        family = families[self.rng.integers(len(families))]
        base = cloth_colour(self.rng)
        other = cloth_colour(self.rng)
        if abs(base - other).max() < 0.25:
            other = np.clip(base + (0.5 if base.mean() < 0.5 else -0.45), 0, 1)
        return make_fabric(family, base, other, self.rng)

    def seed(self) -> int:
        """A random seed of folds and noise."""
        return int(self.rng.integers(1 << 30))

    def shoes(self) -> Submesh:
        """Trainers, leather shoes or boots."""
        rng = self.rng
        family = ("flat", "leather", "twill")[rng.integers(3)]
        upper = make_fabric(family, cloth_colour(rng), WHITE, rng)
        ankle, thick = float(rng.choice([-0.735, -0.70, -0.64])), rng.uniform(0.0, 0.012)
        sole = np.full(3, rng.choice([0.1, 0.92])) if rng.uniform() < 0.8 else cloth_colour(rng)
        return g.shoes(self.body, ankle, thick, upper, sole, np.full(3, rng.choice([0.1, 0.9])), self.seed())

    def upper(self, kind: str, low: float, tucked: bool) -> list[Submesh]:
        """A top of one kind down to a height."""
        rng, fabric, seed = self.rng, self.fabric(kind), self.seed()
        long = rng.uniform(0.9, 0.99)
        neck = cuts.round_neck(rng.uniform(0.083, 0.097), rng.uniform(0.015, 0.05))
        hem = cuts.above(low, 0.03 if kind == "shirt" and not tucked else 0.0)
        wide = lambda points: 0.15 * np.arctan2(points[:, 0], -points[:, 1])  # noqa: E731
        if kind == "vest":
            neck = cuts.round_neck(rng.uniform(0.092, 0.105), rng.uniform(0.05, 0.1))
            cut = cuts.intersection(hem, neck, cuts.sleeves(rng.uniform(0.04, 0.09)))
            return [
                g.top(
                    self.body,
                    kind,
                    fabric,
                    cut,
                    0.007,
                    0.05,
                    seed,
                    Details(stitched_hem(cut, 0.009)),
                    tucked=tucked,
                )
            ]
        if kind == "tshirt":
            if rng.uniform() < 0.25:
                neck = cuts.v_neck(0.09, rng.uniform(0.06, 0.1))
            cut = cuts.intersection(hem, neck, cuts.sleeves(rng.uniform(0.26, 0.46)))
            ring = ribbing(neck, 0.016, None if rng.uniform() < 0.7 else cloth_colour(rng), wide)
            ease = rng.uniform(0.009, 0.02)
            return [
                g.top(
                    self.body,
                    kind,
                    fabric,
                    cut,
                    ease,
                    0.06,
                    seed,
                    Details(stitched_hem(cut, 0.018), ring),
                    tucked=tucked,
                )
            ]
        if kind == "shirt":
            sleeve = long if rng.uniform() < 0.7 else rng.uniform(0.3, 0.42)
            return self._shirt(fabric, hem, seed, sleeve, tucked)
        if kind == "sweater":
            if rng.uniform() < 0.3:
                neck = cuts.high_neck(rng.uniform(0.76, 0.79))
            cut = cuts.intersection(hem, neck, cuts.sleeves(long))
            ends = cuts.intersection(hem, cuts.sleeves(long))
            details = Details(ribbing(neck, 0.022, None, wide), ribbing(ends, 0.045, None, wide))
            return [g.top(self.body, kind, fabric, cut, rng.uniform(0.013, 0.022), 0.048, seed, details, tucked=tucked)]
        cut = cuts.intersection(hem, cuts.round_neck(0.085, 0.02), cuts.sleeves(long))
        middle = zipper(low, 0.69, rng.uniform(0.4, 0.9)) if rng.uniform() < 0.4 else stitched_hem(cut, 0.01)
        details = Details(
            ribbing(cuts.intersection(hem, cuts.sleeves(long)), 0.05, None, wide),
            slit((0.055, low + 0.14), (0.1, low + 0.06)),
            middle,
            drawstrings(WHITE if rng.uniform() < 0.6 else cloth_colour(rng), rng.uniform(0.1, 0.2)),
        )
        body = g.top(self.body, kind, fabric, cut, rng.uniform(0.016, 0.024), 0.05, seed, details, tucked=tucked)
        return [body, g.hood(self.body, fabric, seed)]

    def _shirt(self, fabric: Fabric, hem: cuts.Field, seed: int, sleeve: float, tucked: bool) -> list[Submesh]:
        rng = self.rng
        cut = cuts.intersection(hem, cuts.high_neck(0.745), cuts.sleeves(sleeve))
        button = WHITE if rng.uniform() < 0.6 else cloth_colour(rng)
        details = [stitched_hem(cut, 0.008), buttons(0.2, 0.685, 7, button)]
        if sleeve > 0.8:
            details.append(seam(lambda points: cuts.sleeves(sleeve)(points) - 0.06))
        if rng.uniform() < 0.6:
            details.append(pocket((0.085, 0.5), (0.095, 0.11), both=bool(rng.uniform() < 0.3)))
        shirt = g.top(
            self.body,
            "shirt",
            fabric,
            cut,
            rng.uniform(0.009, 0.017),
            0.05,
            seed,
            Details(*details),
            tucked=tucked,
        )
        return [shirt, g.collar(self.body, fabric, rng.uniform(0.012, 0.03), seed)]

    def lower(self, kind: str) -> list[Submesh]:
        """Trousers, shorts or a skirt."""
        rng, fabric, seed = self.rng, self.fabric(kind), self.seed()
        if kind == "skirt":
            hem, waist = rng.uniform(-0.5, -0.12), rng.uniform(0.24, 0.29)
            flare = rng.uniform(-0.05, 0.02) if rng.uniform() < 0.5 else rng.uniform(0.1, 0.35)
            flutes = rng.uniform(0.004, 0.022) if flare > 0.05 else 0.0
            cut = cuts.intersection(cuts.above(hem), cuts.beneath(waist))
            details = Details(stitched_hem(cut, 0.02), seam(lambda points: points[:, 2] - waist + 0.035))
            return [g.hanging(self.body, kind, fabric, waist, hem, flare, flutes, seed, details)]
        waist = rng.uniform(0.19, 0.225)
        thread = hsv_to_rgb(0.09, 0.75, 0.75) if fabric.name == "denim" and rng.uniform() < 0.7 else None
        if kind == "shorts":
            end, knee, ankle = rng.uniform(-0.27, -0.12), rng.uniform(0.08, 0.105), 0.09
        else:
            end, knee = rng.uniform(-0.745, -0.685), rng.uniform(0.06, 0.09)
            ankle = knee + rng.uniform(-0.02, 0.035)
        cut = cuts.intersection(cuts.beneath(waist), cuts.above(end))
        details = [stitched_hem(cut, 0.022, thread), seam(lambda points: points[:, 2] - waist + 0.038, thread)]
        details += [
            slit((0.075, waist - 0.04), (0.145, waist - 0.12)),
            _side_seam(thread),
            belt_loops(waist - 0.04, waist),
        ]
        details.append(seam(lambda p: np.where((p[:, 1] < 0) & (p[:, 2] > 0.08), p[:, 0] - 0.004, 1.0), None, 0.002))
        if thread is not None or (kind == "trousers" and rng.uniform() < 0.7):
            details.append(pocket((0.08, waist - 0.11), (0.12, 0.13), back=True, thread=thread))
        submeshes = [g.legwear(self.body, kind, fabric, cut, knee, ankle, seed, Details(*details))]
        if rng.uniform() < 0.4:
            belt = make_fabric("leather", cloth_colour(rng), WHITE, rng)
            metal = buckle(waist - 0.02, np.array([0.75, 0.72, 0.6]))
            submeshes.append(
                g.band(
                    self.body,
                    "belt",
                    belt,
                    waist - 0.036,
                    waist - 0.004,
                    seed,
                    Details(metal),
                    lambda p: cuts.FAR - 0 * p[:, 0],
                )
            )
        return submeshes

    def dress(self) -> list[Submesh]:
        """A bodice and a skirt of one fabric, or a straight dress."""
        rng, fabric, seed = self.rng, self.fabric("dress"), self.seed()
        waist = rng.uniform(0.27, 0.34)
        neck = cuts.round_neck(rng.uniform(0.088, 0.11), rng.uniform(0.03, 0.09))
        arms = (
            cuts.sleeves(0.06)
            if rng.uniform() < 0.3
            else cuts.sleeves(float(rng.choice([0.3, 0.5, 0.97])) + rng.uniform(-0.06, 0.02))
        )
        cut = cuts.intersection(cuts.above(waist - 0.03), neck, arms)
        details = [stitched_hem(cuts.intersection(neck, arms), 0.012)]
        if rng.uniform() < 0.3:
            details.append(buttons(waist + 0.04, 0.62, 5, cloth_colour(rng)))
        bodice = g.top(self.body, "dress", fabric, cut, 0.008, 0.055, seed, Details(*details), girth=0.17)
        hem, flare = rng.uniform(-0.62, -0.18), rng.uniform(0.1, 0.4) * bool(rng.uniform() < 0.5)
        lower = Details(stitched_hem(cuts.above(hem), 0.02))
        flutes = rng.uniform(0.006, 0.024) if flare else 0.003
        return [bodice, g.hanging(self.body, "dress", fabric, waist, hem, flare, flutes, seed, lower)]

    def outer(self, kind: str | None) -> list[Submesh]:
        """A jacket or a coat, open, zipped or buttoned; nothing for None."""
        if kind is None:
            return []
        rng, fabric, seed = self.rng, self.fabric(kind), self.seed()
        gap = rng.uniform(0.03, 0.075) if rng.uniform() < 0.55 else 0.0
        long = cuts.sleeves(rng.uniform(0.93, 1.0))
        neck = cuts.high_neck(rng.uniform(0.735, 0.76)) if gap == 0 else cuts.round_neck(0.09, 0.03)
        long_coat = kind == "coat"
        hanging = long_coat or bool(self.body.hanging)
        low = 0.29 if hanging else rng.uniform(0.12, 0.16)
        parts = [neck, long] + ([cuts.opening(gap, 0.7)] if gap else [])
        cut = cuts.intersection(cuts.above(low - (0.03 if hanging else 0)), *parts)
        trim = stitched_hem(cuts.intersection(cuts.above(-9.0 if hanging else low), *parts), 0.012)
        details = [trim, slit((0.08, 0.24), (0.13, 0.16)) if not hanging else seam(lambda p: 1 + 0 * p[:, 0])]
        if gap == 0:
            closed = (
                buttons(low, 0.66, 6, cloth_colour(rng), 0.009) if rng.uniform() < 0.5 else zipper(low - 0.3, 0.72, 0.8)
            )
            details.append(closed)
        if rng.uniform() < 0.4:
            details.append(pocket((0.09, 0.5), (0.1, 0.1)))
        wide = lambda points: 0.15 * np.arctan2(points[:, 0], -points[:, 1])  # noqa: E731
        if not hanging and rng.uniform() < 0.4:
            details.append(ribbing(cuts.intersection(cuts.above(low), long), 0.05, None, wide))
        ease = rng.uniform(0.018, 0.026)
        submeshes = [g.top(self.body, kind, fabric, cut, ease, 0.058, seed, Details(*details), girth=0.17)]
        if hanging:
            hem = rng.uniform(-0.45, -0.05) if long_coat else rng.uniform(0.08, 0.15)
            lower = Details(
                stitched_hem(cuts.intersection(cuts.above(hem), *([cuts.opening(gap, 0.7)] if gap else [])), 0.02),
                slit((0.11, 0.22), (0.15, 0.1)),
            )
            if gap == 0:
                lower.details += (seam(lambda p: np.where(p[:, 1] < 0, p[:, 0] - 0.015, 1.0)),)
            skirt = g.hanging(self.body, kind, fabric, low, hem, rng.uniform(0.05, 0.2), 0.004, seed, lower)
            submeshes.append(_opened(skirt, gap))
        submeshes.append(g.collar(self.body, fabric, rng.uniform(0.01, 0.035), seed))
        return submeshes


def _opened(submesh: Submesh, gap: float) -> Submesh:
    """The lower half of a coat, open in front."""
    if gap == 0:
        return submesh
    field = cuts.opening(gap, 0.7)
    surface = submesh.surface.cut(field(submesh.surface.canonical))
    return Submesh(surface, submesh.material, cuts.intersection(submesh.covers or field, lambda p: field(p) - 0.05))


def _side_seam(thread: Colour | None):
    return seam(lambda points: abs(unroll(points, True)[:, 0]) - 5.0 - 0.08 * np.pi / 2, thread)
