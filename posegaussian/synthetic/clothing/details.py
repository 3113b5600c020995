"""Details of garments: hems, stitches, buttons, zips, pockets. Each changes albedo and relief of a texture near it.

Sizes are chosen by eye, metres.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float

from posegaussian.synthetic.mesh.material import Texture
from posegaussian.synthetic.mesh.textures import Colour, Points, blend, soft_step

Values = Float[np.ndarray, "n 4"]
Detail = Callable[[Points, Values], None]
"""Changes the values of a texture (albedo and relief) at canonical points, in place."""


class Details:
    """Details, applied in order."""

    def __init__(self, *details: Detail):
        self.details = details

    def applied_to(self, texture: Texture) -> Texture:
        """A texture with the details added."""

        def sewn(points):
            values = texture(points)
            for detail in self.details:
                detail(points, values)
            return values

        return sewn


def patch(values: Values, share: np.ndarray, tone: np.ndarray, height: float) -> None:
    """Blend in a colour and add a height where `share` is 1, in place."""
    values[:, :3] = blend(values[:, :3], np.asarray(tone), share)
    values[:, 3] += share * height


def restricted(chosen: Callable[[Points], Bool[np.ndarray, "n"]], detail: Detail) -> Detail:
    """A detail that is evaluated only at the chosen points, which saves time; it must change nothing elsewhere."""

    def near(points, values):
        here = chosen(points)
        part = values[here]
        detail(points[here], part)
        values[here] = part

    return near


def stitched_hem(field: Callable[[Points], np.ndarray], width: float, thread: Colour | None = None) -> Detail:
    """A hem of this width along the border of a field: thicker cloth, and a stitch."""

    def detail(points, values):
        distance = field(points)
        near = distance < width + 0.008
        distance, part = distance[near], values[near]
        hem = soft_step(width - distance, 0.0015)
        stitch = np.exp(-(((distance - 0.85 * width) / 0.0012) ** 2))
        part[:, 3] += 7e-4 * hem - 5e-4 * stitch
        if thread is None:
            part[:, :3] *= (1 - 0.25 * stitch - 0.04 * hem)[:, None]
        else:
            part[:, :3] = blend(part[:, :3], thread, 0.8 * stitch)
        values[near] = part

    return detail


def seam(distance: Callable[[Points], np.ndarray], thread: Colour | None = None, width: float = 0.0014) -> Detail:
    """A seam where a distance is zero; with a thread, a bright double stitch beside it."""

    def detail(points, values):
        gap = abs(distance(points))
        near = gap < 7 * width + 0.005
        gap, part = gap[near], values[near]
        seam = np.exp(-((gap / width) ** 2))
        part[:, :3] *= (1 - 0.35 * seam)[:, None]
        part[:, 3] -= 8e-4 * seam
        if thread is not None:
            part[:, :3] = blend(part[:, :3], thread, 0.75 * np.exp(-(((gap - 0.005) / 0.0009) ** 2)))
        values[near] = part

    return detail


def ribbing(
    field: Callable[[Points], np.ndarray], width: float, tone: Colour | None, across: Callable[[Points], np.ndarray]
) -> Detail:
    """A ribbed band of this width along the border of a field; `across` counts metres along the border."""

    def detail(points, values):
        distance = field(points)
        near = distance < width + 0.011
        distance, part = distance[near], values[near]
        share = soft_step(width - distance, 0.0015)
        if tone is not None:
            part[:, :3] = blend(part[:, :3], tone, share)
        ribs = np.sin(2 * np.pi * across(points[near]) / 0.0045)
        part[:, :3] *= (1 + 0.1 * share * ribs - 0.2 * np.exp(-(((distance - width) / 0.0015) ** 2)))[:, None]
        part[:, 3] += share * (4e-4 * ribs + 3e-4)
        values[near] = part

    return detail


def buttons(low: float, high: float, count: int, tone: Colour, size: float = 0.0055) -> Detail:
    """A placket with a row of buttons in front."""

    def detail(points, values):
        x, y, z = points.T
        front = (y < 0) & (z > low - 0.05) & (z < high + 0.04)
        step = (high - low) / max(count - 1, 1)
        nearest = low + step * np.clip(np.round((z - low) / step), 0, count - 1)
        radius = np.hypot(x, z - nearest)
        disc = front * soft_step(size - radius, 0.0012)
        rim = front * np.exp(-(((radius - size) / 0.0012) ** 2))
        holes = disc * (abs(abs(x) - 0.0012) < 0.0007) * (abs(abs(z - nearest) - 0.0012) < 0.0007)
        for side in (-0.015, 0.015):
            seam = front * np.exp(-(((x - side) / 0.0012) ** 2))
            values[:, :3] *= (1 - 0.25 * seam)[:, None]
            values[:, 3] -= 4e-4 * seam
        values[:, 3] += front * 5e-4 * soft_step(0.015 - abs(x), 0.001)
        values[:, :3] *= (1 - 0.3 * rim)[:, None]
        patch(values, disc, tone, 0.0013)
        values[:, :3] *= (1 - 0.6 * holes)[:, None]

    return restricted(lambda p: (p[:, 1] < 0) & (abs(p[:, 0]) < 0.03), detail)


def zipper(low: float, high: float, metal: float) -> Detail:
    """A zip in front."""

    def detail(points, values):
        x, y, z = points.T
        front = ((y < 0) & (z > low) & (z < high)).astype(float)
        teeth = front * soft_step(0.0035 - abs(x), 0.001)
        bite = 0.5 + 0.5 * np.sin(2 * np.pi * (z / 0.004 + np.where(x > 0, 0.5, 0.0)))
        patch(values, teeth, metal * (0.6 + 0.4 * bite)[:, None] * np.ones(3), 0.0005)
        tape = front * soft_step(0.011 - abs(x), 0.001) * (1 - teeth)
        values[:, :3] *= (1 - 0.3 * tape)[:, None]
        values[:, 3] += 5e-4 * front * np.exp(-(((abs(x) - 0.012) / 0.002) ** 2))

    return restricted(lambda p: (p[:, 1] < 0) & (abs(p[:, 0]) < 0.03), detail)


def pocket(
    middle: tuple[float, float],
    size: tuple[float, float],
    back: bool = False,
    thread: Colour | None = None,
    both: bool = True,
) -> Detail:
    """Patch pockets at (x, z) of this size, on both sides or on the left one."""

    def detail(points, values):
        x, y, z = points.T
        here = (y > 0) if back else (y < 0)
        u, v = (abs(x) if both else x) - middle[0], z - middle[1]
        tip = 0.12 * np.clip(0.5 * size[0] - abs(u), 0, 1) * (v < 0)
        distance = np.minimum(0.5 * size[0] - abs(u), 0.5 * size[1] + tip - abs(v))
        inside = here * soft_step(distance, 0.0012)
        border = here * np.exp(-((distance / 0.0014) ** 2))
        stitch = here * np.exp(-(((distance - 0.004) / 0.0009) ** 2))
        values[:, 3] += 7e-4 * inside
        values[:, :3] *= (1 - 0.35 * border)[:, None]
        if thread is None:
            values[:, :3] *= (1 - 0.2 * stitch)[:, None]
        else:
            values[:, :3] = blend(values[:, :3], thread, 0.7 * stitch)

    reach = 0.5 * max(size) + 0.02
    return restricted(lambda p: abs(p[:, 2] - middle[1]) < reach, detail)


def slit(start: tuple[float, float], end: tuple[float, float]) -> Detail:
    """Two slanted pocket openings in front, from one (x, z) to another and mirrored."""

    def detail(points, values):
        x, y, z = points.T
        a, b = np.array(start), np.array(end)
        place = np.stack([abs(x), z], axis=1) - a
        axis = b - a
        along = np.clip(place @ axis / (axis @ axis), 0, 1)
        distance = np.where(y < 0.05, np.linalg.norm(place - along[:, None] * axis, axis=1), 1.0)
        mark = np.exp(-((distance / 0.0016) ** 2))
        values[:, :3] *= (1 - 0.55 * mark)[:, None]
        values[:, 3] += 6e-4 * np.exp(-(((distance - 0.004) / 0.003) ** 2)) - 1e-3 * mark

    low, high = min(start[1], end[1]) - 0.025, max(start[1], end[1]) + 0.025
    return restricted(lambda p: (p[:, 2] > low) & (p[:, 2] < high) & (p[:, 1] < 0.05), detail)


def drawstrings(tone: Colour, length: float) -> Detail:
    """Two drawstrings of a hood."""

    def detail(points, values):
        x, y, z = points.T
        wave = 0.032 + 0.004 * np.sin(z / 0.03) + 0.05 * np.clip(z - 0.66, 0, 1)
        front = (y < 0) & (z < 0.70) & (z > 0.68 - length)
        share = front * soft_step(0.0035 - abs(abs(x) - wave), 0.001)
        patch(values, share, tone * (0.85 + 0.15 * np.sin(z / 0.0009))[:, None], 0.003)

    return restricted(lambda p: (p[:, 1] < 0) & (abs(p[:, 0]) < 0.06), detail)


def belt_loops(low: float, high: float) -> Detail:
    """Loops of cloth over a waistband."""

    def detail(points, values):
        x, y, z = points.T
        angle = np.arctan2(x, -(y + 0.01))
        loop = abs((angle + np.pi / 7) % (2 * np.pi / 7) - np.pi / 7) * 0.15
        share = soft_step(0.006 - loop, 0.0012) * ((z > low) & (z < high))
        values[:, 3] += 0.002 * share
        values[:, :3] *= (1 - 0.3 * np.exp(-(((loop - 0.006) / 0.0012) ** 2)) * ((z > low) & (z < high)))[:, None]

    return restricted(lambda p: (p[:, 2] > low) & (p[:, 2] < high), detail)


def buckle(height: float, metal: Colour) -> Detail:
    """A belt's buckle."""

    def detail(points, values):
        x, y, z = points.T
        outer = np.maximum(abs(x) - 0.022, abs(z - height) - 0.018)
        frame = (y < 0) * soft_step(0.003 - abs(outer + 0.003), 0.001)
        pin = (y < 0) * soft_step(0.002 - abs(z - height), 0.001) * (abs(x) < 0.02)
        patch(values, np.maximum(frame, pin), metal, 0.003)

    return restricted(lambda p: (p[:, 1] < 0) & (abs(p[:, 0]) < 0.03), detail)
