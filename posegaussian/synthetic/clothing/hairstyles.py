"""Hairstyles: shells over the scalp, hanging curtains, tails and knots. Sizes are chosen by eye, metres."""

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.clothing.cuts import FAR, Field
from posegaussian.synthetic.clothing.drape import tube
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.head import AXIS, Head
from posegaussian.synthetic.mesh.material import Material, Texture
from posegaussian.synthetic.mesh.surface import Surface
from posegaussian.synthetic.mesh.textures import Colour, noise, smoothstep

LOWEST_HEM = 0.42
"""Height down to which hair may hang, in canonical size, metres."""


def bald(head: Head) -> list[Submesh]:
    """No hair."""
    return []


def crop(head: Head, thick: float = 0.005) -> list[Submesh]:
    """A few millimetres all over."""
    cut = hairline(head.front, head.nape, head.seed)
    return [_hair(head, head.shell(cut, lambda p: np.full(len(p), thick)), fine=0.6)]


def short(head: Head) -> list[Submesh]:
    """Short at the sides, longer on top, with a parting."""
    cut = hairline(head.front, head.nape, head.seed)
    side = head.rng.choice([-1, 1]) * head.rng.uniform(0.02, 0.045)
    volume = head.rng.uniform(0.014, 0.03)

    def thick(points):
        x, y, z = points.T
        top = np.clip((z - 0.93) / 0.05, 0, 1)
        parting = 1 - 0.65 * np.exp(-(((x - side) / 0.006) ** 2)) * (y < 0)
        quiff = 1 + 0.5 * np.clip((-0.08 - y) / 0.05, 0, 1)
        return (0.007 + volume * top * quiff) * parting * (1 + 0.3 * noise(points * [1, 0.5, 1], 0.016, head.seed))

    return [_hair(head, head.shell(cut, thick), parting=side)]


def curly(head: Head) -> list[Submesh]:
    """Curls, from close to the head to a large round mop."""
    cut = hairline(head.front, head.nape + 0.01, head.seed)
    volume = head.rng.uniform(0.018, 0.06)

    def thick(points):
        curls = noise(points, 0.02, head.seed) + 0.6 * noise(points, 0.011, head.seed + 1)
        high = np.clip((points[:, 2] - 0.84) / 0.07, 0.35, 1)
        return volume * high * (1 + 0.22 * curls)

    return [_hair(head, head.shell(cut, thick), curls=1.0)]


def bob(head: Head) -> list[Submesh]:
    """Hair to the chin or the neck."""
    return with_curtain(head, head.rng.uniform(0.77, 0.83), head.rng.uniform(0.01, 0.02))


def long(head: Head) -> list[Submesh]:
    """Hair to the shoulder blades."""
    return with_curtain(head, head.rng.uniform(0.56, 0.7), head.rng.uniform(0.009, 0.016))


def ponytail(head: Head) -> list[Submesh]:
    """Hair drawn back into a tail."""
    length, height = head.rng.uniform(0.14, 0.32), head.rng.uniform(0.92, 0.97)
    t = np.linspace(0, 1, 22)
    path = np.stack([0 * t, 0.055 + 0.075 * np.sin(np.minimum(2.2 * t, 1.9)), height - length * t**1.5], axis=1)
    radius = 0.024 * np.minimum(0.55 + 2.2 * t, 1) * np.sqrt(np.clip(1.02 - t, 0, 1)) + 0.002
    return [_tied(head), _hair(head, head.swept(path, radius))]


def bun(head: Head) -> list[Submesh]:
    """Hair drawn back into a knot."""
    height, size = head.rng.uniform(0.93, 1.0), head.rng.uniform(0.028, 0.042)
    t = np.linspace(-1, 1, 15)
    path = np.stack([0 * t, 0.055 + 0.55 * size + 0.8 * size * t, height + 0 * t], axis=1)
    radius = size * np.sqrt(np.clip(1.001 - t**2, 0, 1))
    return [_tied(head), _hair(head, head.swept(path, radius), curls=0.3)]


def with_curtain(head: Head, hem: float, thick: float) -> list[Submesh]:
    """A shell over the scalp, and hair that hangs from the widest part of the head down to a height."""
    cut = hairline(head.front, 0.87, head.seed)
    side = head.rng.uniform(-0.04, 0.04)

    def depth(points):
        parting = 1 - 0.6 * np.exp(-(((points[:, 0] - side) / 0.006) ** 2)) * (points[:, 2] > 0.97)
        return thick * parting * (1 + 0.2 * noise(points, 0.02, head.seed))

    shell = _hair(head, head.shell(cut, depth, grip=0.012), parting=side)
    return [shell, _hair(head, _curtain(head, hem, thick), parting=side)]


def _hair(head: Head, surface: Surface, parting: float | None = None, curls: float = 0.0, fine: float = 1.0) -> Submesh:
    return Submesh(surface, hair_material(head, parting, curls, fine))


def hair_material(head: Head, parting: float | None = None, curls: float = 0.0, fine: float = 1.0) -> Material:
    """The material of hair; arguments as for `strands`."""
    return Material("hair", strands(head.tone, head.seed, parting, curls, fine), 0.22, 0.45)


def _tied(head: Head) -> Submesh:
    """Hair drawn tightly over the scalp."""
    cut = hairline(head.front, 0.85, head.seed)
    return _hair(head, head.shell(cut, lambda p: 0.008 * (1 + 0.2 * noise(p, 0.02, head.seed))))


def _curtain(head: Head, hem: float, thick: float) -> Surface:
    heights = np.arange(0.975, hem, -0.006)
    angle = 2 * np.pi * np.arange(120) / 120
    below, offset = below_hair(head), head.offset
    directions = np.stack([np.sin(angle), -np.cos(angle)])
    reach = np.array([((below[abs(below[:, 2] - h) < 0.01][:, :2] - AXIS) @ directions).max(0) for h in heights])
    reach += thick + 0.012 * np.clip((0.8 - heights) / 0.08, 0, 1)[:, None]
    for i in range(1, len(heights)):
        reach[i] = np.maximum(reach[i], reach[i - 1] - 0.0008)
    apart = np.cos(angle[:, None] - angle[None])
    radius = np.where(apart > 0.5, reach[:, None, :] / np.maximum(apart, 0.5), np.inf).min(2)
    flat = np.stack([radius * np.sin(angle), AXIS[1] - radius * np.cos(angle)], axis=2)
    canonical = np.concatenate([flat, np.broadcast_to(heights[:, None, None], (*radius.shape, 1))], axis=2).reshape(
        -1, 3
    )
    locks = noise(canonical * [1, 1, 0.15], 0.02, head.seed)
    out = (canonical[:, :2] - AXIS) * (1 + 0.04 * locks)[:, None]
    place = np.concatenate([AXIS + out, canonical[:, 2:]], axis=1) + offset
    low = np.asarray(smoothstep((0.8 - canonical[:, 2]) / 0.14))[:, None]
    trunk = trunk_weights(head)
    grid = Surface(canonical, head.scale * place, (1 - low) * head.weights + low * trunk, tube(len(heights), 120))
    return grid.cut(_opening(head, canonical)).with_rim(0.004)


def below_hair(head: Head) -> Float[np.ndarray, "n 3"]:
    """Points of head, neck and clothed back that hair hangs over, in canonical size about the canonical head."""
    clothed = head.body.suit.rest + head.body.standoff[:, None] * head.body.normals
    rest = np.concatenate([head.scalp.rest, clothed]) / head.scale - head.offset
    return rest[(abs(rest[:, 0]) < 0.1) & (rest[:, 2] > LOWEST_HEM - 0.02)]


def trunk_weights(head: Head) -> Float[np.ndarray, "b"]:
    """Skinning weights of the skin between the shoulder blades."""
    x, y, z = head.skin.canonical.T
    return head.skin.weights[(abs(x) < 0.05) & (y > 0.02) & (z > 0.6) & (z < 0.72)].mean(0)


def _opening(head: Head, points) -> Float[np.ndarray, "n"]:
    """Field that is positive where hanging hair is: not in front of the face, and behind the shoulders below."""
    x, y, z = points.T
    line_y = np.interp(z, [0.6, 0.74, 0.80, 0.90, 0.96, 0.975], [0.02, 0.01, -0.075, -0.085, -0.10, -0.105])
    wavy = 0.006 * noise(points * [1, 1, 0.5], 0.02, head.seed + 5)
    shoulders = np.where(z < 0.76, 0.105 - abs(x), FAR)
    tips = z - points[:, 2].min() - 0.012 * (1 + noise(points, 0.01, head.seed + 6)) + 0.004
    return np.min([y - line_y + wavy, shoulders, tips], axis=0)


def strands(tone: Colour, seed: int, parting: float | None, curls: float, fine: float) -> Texture:
    """Fine streaks that run down from the crown, or away from a parting (its x, metres), and curls."""

    def texture(points):
        x, y, z = points[:, 0] - AXIS[0], points[:, 1] - AXIS[1], points[:, 2]
        turn = np.arctan2(x, -y)
        around = np.stack([0.09 * np.cos(turn), 0.09 * np.sin(turn), 0.12 * z + 0.0 * x], axis=1)
        if parting is not None:
            top = np.clip((z - 0.955) / 0.03, 0, 1)[:, None]
            across = np.stack([0.04 * np.sign(x - parting), 1.2 * y, 0.2 * abs(x - parting)], axis=1)
            around = np.where(top > 0.5, across, around)
        bent = around + 0.0025 * noise(points, 0.03, seed + 3)[:, None]
        thin = noise(bent, 0.0022, seed)
        lock = noise(bent, 0.009, seed + 1)
        curl = noise(points, 0.007, seed + 2)
        streak = (1 - curls) * (0.6 * thin + 0.4 * lock) + curls * curl
        broad = noise(points, 0.05, seed + 4)
        albedo = np.clip(tone * (1 + 0.3 * fine * streak + 0.12 * broad)[:, None] + 0.02 * (1 + streak[:, None]), 0, 1)
        relief = fine * ((1 - curls) * (3e-4 * thin + 9e-4 * lock) + curls * 1.6e-3 * curl)
        return np.concatenate([albedo, relief[:, None]], axis=1)

    return texture


def hairline(front: float, nape: float, seed: int) -> Field:
    """Scalp above a line from the forehead (at height `front`) over the ears to the nape (at height `nape`)."""

    def field(points):
        x, y, z = points.T
        share = np.clip((y + 0.15) / 0.2, 0, 1) ** 0.7
        ears = 0.022 * np.exp(-(((y + 0.055) / 0.025) ** 2)) * (abs(x) > 0.05)
        line = (
            front
            + share * (nape - front)
            + ears
            + 0.003 * noise(points, 0.012, seed)
            + 0.002 * noise(points, 0.004, seed)
        )
        return (z - line) / 1.2

    return field
