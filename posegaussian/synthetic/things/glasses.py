"""Glasses: two rims, a bridge and temples, with dark lenses in sunglasses. Sizes are chosen by eye, metres."""

import numpy as np

from posegaussian.synthetic.body.face import EYE
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.mesh.surface import Surface
from posegaussian.synthetic.mesh.textures import hsv_to_rgb
from posegaussian.synthetic.things.finishes import plain
from posegaussian.synthetic.things.shapes import Mesh, capped, joined, rod
from posegaussian.synthetic.things.wearer import Wearer

CLEAR = 0.004
"""Distance of the middle of the wire from the skin beyond its own radius, metres."""
EAR = np.array([-0.045, 0.909])
"""Where the temples rest above the left ear of the mean body (y, z), metres; read off the body asset."""


def glasses(wearer: Wearer) -> list[Submesh]:
    """Frames without visible glass."""
    return _worn(wearer, False)


def sunglasses(wearer: Wearer) -> list[Submesh]:
    """Frames with dark lenses."""
    return _worn(wearer, True)


def _worn(wearer: Wearer, dark: bool) -> list[Submesh]:
    rng, head = wearer.rng, wearer.head()
    wire = rng.uniform(0.0009, 0.0024)
    width, height = rng.uniform(0.022, 0.027), rng.uniform(0.015, 0.023)
    power, drop = rng.uniform(2, 5), rng.uniform(-0.002, 0.003)
    angle = np.linspace(0, 2 * np.pi, 41)
    c, s = np.cos(angle), np.sin(angle)
    swell = (abs(c) ** power + abs(s) ** power) ** (-1 / power)
    outline = np.column_stack([EYE[0] + 0.002 + width * swell * c, EYE[1] - drop + height * swell * s])
    plane = _before(head.scalp.canonical, outline) - CLEAR - wire
    rim = np.column_stack([outline[:, 0], np.full(len(outline), plane), outline[:, 1]])
    rim[:, 1] += 0.9 * np.clip(outline[:, 0] - EYE[0], 0, 1) ** 2 / 0.03  # wraps around the face a little
    rim[:, 1] = np.minimum(rim[:, 1], _skin_before(head.scalp.canonical, outline) - CLEAR - wire)
    inner = rim[abs(angle - np.pi).argmin()]
    across = np.linspace(-1, 1, 9)
    bridge = np.column_stack(
        [across * inner[0], inner[1] - 0.003 * (1 - across**2), inner[2] + 0.004 * (1 - across**2)]
    )
    outer = rim[0]
    share = np.linspace(0, 1, 12)
    temple = np.column_stack(
        [0 * share, outer[1] + share * (EAR[0] - outer[1]), outer[2] + share * (EAR[1] - outer[2])]
    )
    temple[:, 0] = outer[0] + share * (_beside(head.scalp.canonical, temple) + CLEAR - outer[0])
    temple[:, 0] = np.maximum(temple[:, 0], np.array([_beside(head.scalp.canonical, p[None]) for p in temple]) + wire)
    hook = temple[-1] + np.column_stack([0 * share, 0.03 * share, -0.02 * share**2])
    temple = np.concatenate([temple, hook[1:]])
    parts: list[Mesh] = [capped(bridge, wire)]
    for side in (1, -1):
        mirror = np.array([side, 1, 1.0])
        parts += [rod(rim * mirror, wire), capped(temple * mirror, 1.1 * wire)]
    metal = rng.uniform() < 0.5
    tone = hsv_to_rgb(rng.uniform(), rng.uniform(0, 0.5), rng.choice([0.06, 0.12, 0.5]))
    frame = plain("glasses", tone, 0.5 if metal else 0.25, 0.25)
    found = [Submesh(_on_head(head, joined(*parts)), frame)]
    if dark:
        lenses = joined(*(_lens(rim * [side, 1, 1], side) for side in (1, -1)))
        shade = plain("glasses", hsv_to_rgb(rng.uniform(), 0.3, rng.uniform(0.02, 0.08)), 0.6, 0.12)
        found.append(Submesh(_on_head(head, lenses), shade))
    return found


def _on_head(head, mesh: Mesh) -> Surface:
    """A mesh in canonical axes, moved and scaled to this head."""
    points, faces = mesh
    return head.rigid(Surface(points, head.scale * (points + head.offset), np.zeros((len(points), 1)), faces))


def _lens(rim: np.ndarray, side: int) -> Mesh:
    """A bulging pane within a rim, as a fan of rings."""
    middle = rim[:-1].mean(0) - [0, 0.002, 0]
    share = np.linspace(0, 1, 5)[1:, None, None]
    points = np.concatenate([middle[None], (middle + share * (rim[:-1] - middle)).reshape(-1, 3)])
    count = len(rim) - 1
    i, ring = np.arange(count), 1 + count * np.arange(3)[:, None]
    following = (i + 1) % count
    a, b, c, d = (x.ravel() for x in (ring + i, ring + following, ring + count + i, ring + count + following))
    fan = np.stack([np.zeros(count, int), 1 + i, 1 + following], 1)
    faces = np.concatenate([fan, np.stack([a, c, b], 1), np.stack([b, c, d], 1)])
    return points, faces if side < 0 else faces[:, ::-1]


def _before(points: np.ndarray, outline: np.ndarray) -> float:
    """The front of the nose's root and the brows, within the inner half of the outline."""
    inner = outline[outline[:, 0] < EYE[0]]
    return float(_skin_before(points, inner).min())


def _skin_before(points: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """The frontmost skin (smallest y) at each place of an outline (x, z)."""
    face = points[points[:, 1] < -0.09]
    near = (abs(abs(face[:, 0])[None] - outline[:, :1]) < 0.006) & (abs(face[:, 2][None] - outline[:, 1:]) < 0.006)
    return np.where(near, face[:, 1], -0.09).min(1)


def _beside(points: np.ndarray, path: np.ndarray) -> float:
    """How far the head reaches to the left around the last point of a path."""
    y, z = path[-1, 1:]
    near = (abs(points[:, 1] - y) < 0.012) & (abs(points[:, 2] - z) < 0.006)
    return float(points[near, 0].max(initial=0.0))
