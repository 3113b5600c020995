"""Hair and headgear: shells over the scalp, curtains that hang from it, tails and knots, caps."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.clothing.drape import Figure, tube
from posegaussian.synthetic.clothing.fabrics import make_fabric
from posegaussian.synthetic.clothing.garments import FAR, Field, Piece
from posegaussian.synthetic.clothing.sewing import Sewn, edge, line, ribbing
from posegaussian.synthetic.clothing.wardrobe import cloth_colour
from posegaussian.synthetic.mesh.material import Material, Texture
from posegaussian.synthetic.mesh.mesh import vertex_normals
from posegaussian.synthetic.mesh.surface import Surface, join
from posegaussian.synthetic.mesh.textures import Colour, noise, smooth

AXIS = np.array([0.0, -0.045])
"""Where the vertical axis of the head stands on the canonical body (x, y), metres."""
STYLES = {
    "bald": 0.05,
    "crop": 0.16,
    "short": 0.2,
    "curly": 0.12,
    "bob": 0.12,
    "long": 0.13,
    "ponytail": 0.09,
    "bun": 0.07,
}
HEADGEAR = {"cap": 0.07, "beanie": 0.06}


def make_hair(
    figure: Figure, skin: Surface, tone: Colour, male: bool, settings: PeopleSettings, rng: np.random.Generator
) -> list[Piece]:
    """A head of hair, or a cap over cropped hair; men seldom wear theirs long.

    Args:
        figure: the dressed person, over whose shoulders long hair falls.
        skin: the person's skin at rest.
        tone: colour of the hair.
        male: sex of the person.
        settings: which styles are allowed.
        rng: of all choices.
    """
    every = STYLES | HEADGEAR
    shares = {name: every[name] for name in settings.hair or every}
    if settings.hair is None:
        for name in ("bob", "long", "ponytail", "bun") if male else ("bald", "crop"):
            shares[name] *= 0.2
    weights = np.array(list(shares.values()))
    style = list(shares)[rng.choice(len(shares), p=weights / weights.sum())]
    head = Head(figure, skin, tone, int(rng.integers(1 << 30)), rng)
    return getattr(head, style)()


class Head:
    """One person's head, and the styles that it may wear."""

    def __init__(self, figure: Figure, skin: Surface, tone: Colour, seed: int, rng: np.random.Generator):
        above = skin.canonical[:, 2] > 0.74
        faces = skin.faces[above[skin.faces].all(1)]
        self.scalp = replace(skin, faces=faces).compact()
        self.skin, self.figure = skin, figure
        self.scale = float(np.ptp(self.scalp.rest[:, 2]) / np.ptp(self.scalp.canonical[:, 2]))
        self.tone, self.seed, self.rng = tone, seed, rng
        self.front = rng.uniform(0.962, 0.975)
        self.nape = rng.uniform(0.815, 0.84)
        self.weights = self.scalp.weights[self.scalp.canonical[:, 2].argmax()]

    def bald(self) -> list[Piece]:
        """Nothing."""
        return []

    def crop(self, thick: float = 0.005) -> list[Piece]:
        """A few millimetres all over."""
        cut = hairline(self.front, self.nape, self.seed)
        return [self._piece(self._shell(cut, lambda p: np.full(len(p), thick)), fine=0.6)]

    def short(self) -> list[Piece]:
        """Short at the sides, longer on top, with a parting."""
        cut = hairline(self.front, self.nape, self.seed)
        side = self.rng.choice([-1, 1]) * self.rng.uniform(0.02, 0.045)
        volume = self.rng.uniform(0.014, 0.03)

        def thick(points):
            x, y, z = points.T
            top = np.clip((z - 0.93) / 0.05, 0, 1)
            parting = 1 - 0.65 * np.exp(-(((x - side) / 0.006) ** 2)) * (y < 0)
            quiff = 1 + 0.5 * np.clip((-0.08 - y) / 0.05, 0, 1)
            return (0.007 + volume * top * quiff) * parting * (1 + 0.3 * noise(points * [1, 0.5, 1], 0.016, self.seed))

        return [self._piece(self._shell(cut, thick), parting=side)]

    def curly(self) -> list[Piece]:
        """Curls, from close to the head to a large round mop."""
        cut = hairline(self.front, self.nape + 0.01, self.seed)
        volume = self.rng.uniform(0.018, 0.06)

        def thick(points):
            curls = noise(points, 0.02, self.seed) + 0.6 * noise(points, 0.011, self.seed + 1)
            high = np.clip((points[:, 2] - 0.84) / 0.07, 0.35, 1)
            return volume * high * (1 + 0.22 * curls)

        return [self._piece(self._shell(cut, thick), curls=1.0)]

    def bob(self) -> list[Piece]:
        """Hair to the chin or the neck."""
        return self._with_curtain(self.rng.uniform(0.77, 0.83), self.rng.uniform(0.01, 0.02))

    def long(self) -> list[Piece]:
        """Hair to the shoulder blades."""
        return self._with_curtain(self.rng.uniform(0.56, 0.7), self.rng.uniform(0.009, 0.016))

    def ponytail(self) -> list[Piece]:
        """Hair drawn back into a tail."""
        length, height = self.rng.uniform(0.14, 0.32), self.rng.uniform(0.92, 0.97)
        t = np.linspace(0, 1, 22)
        path = np.stack([0 * t, 0.055 + 0.075 * np.sin(np.minimum(2.2 * t, 1.9)), height - length * t**1.5], axis=1)
        radius = 0.024 * np.minimum(0.55 + 2.2 * t, 1) * np.sqrt(np.clip(1.02 - t, 0, 1)) + 0.002
        return [self._tied(), self._piece(self._swept(path, radius))]

    def bun(self) -> list[Piece]:
        """Hair drawn back into a knot."""
        height, size = self.rng.uniform(0.93, 1.0), self.rng.uniform(0.028, 0.042)
        t = np.linspace(-1, 1, 15)
        path = np.stack([0 * t, 0.055 + 0.55 * size + 0.8 * size * t, height + 0 * t], axis=1)
        radius = size * np.sqrt(np.clip(1.001 - t**2, 0, 1))
        return [self._tied(), self._piece(self._swept(path, radius), curls=0.3)]

    def cap(self) -> list[Piece]:
        """A cap with a visor over cropped hair."""
        rng = self.rng
        cut = brim(0.944, 0.90)
        family = ("flat", "denim", "twill", "camouflage", "corduroy")[rng.integers(5)]
        fabric = make_fabric(family, cloth_colour(rng), cloth_colour(rng), rng)

        def panels(points):
            angle = np.arctan2(points[:, 0], -(points[:, 1] - AXIS[1]))
            return 0.08 * abs((angle + np.pi / 6) % (np.pi / 3) - np.pi / 6)

        texture = Sewn(edge(cut, 0.01), line(panels)).onto(fabric.cut(self.seed))
        crown = self._shell(cut, lambda p: 0.01 + 0.012 * np.clip((p[:, 2] - 0.94) / 0.05, 0, 1), grip=0.006)
        look = Material("hair", texture, fabric.gloss, fabric.roughness)
        plain = replace(look, texture=fabric.cut(self.seed))
        return [*self.crop(0.004), Piece(crown.rimmed(0.003), look), Piece(self._visor(0.944), plain)]

    def beanie(self) -> list[Piece]:
        """A knitted cap with a folded band, over cropped or long hair."""
        rng = self.rng
        low = rng.uniform(0.9, 0.915)
        cut = brim(0.95, low)
        fabric = make_fabric(("knit", "rib")[rng.integers(2)], cloth_colour(rng), cloth_colour(rng), rng)

        def around(points):
            return 0.09 * np.arctan2(points[:, 0], -(points[:, 1] - AXIS[1]))

        def thick(points):
            inside = cut(points)
            return (
                0.011
                + 0.005 * np.clip((0.045 - inside) / 0.003, 0, 1)
                + 0.01 * np.clip((points[:, 2] - 0.98) / 0.04, 0, 1)
            )

        shell = self._shell(cut, thick, grip=0.003)
        look = Material("hair", Sewn(ribbing(cut, 0.045, None, around)).onto(fabric.cut(self.seed)), 0.02, 0.9)
        under = self.crop() if rng.uniform() < 0.6 else self._with_curtain(rng.uniform(0.65, 0.8), 0.008)
        return [*under, Piece(shell.rimmed(0.004), look)]

    def _piece(self, surface: Surface, parting: float | None = None, curls: float = 0.0, fine: float = 1.0) -> Piece:
        return Piece(surface, Material("hair", strands(self.tone, self.seed, parting, curls, fine), 0.22, 0.45))

    def _tied(self) -> Piece:
        """Hair drawn tightly over the scalp."""
        cut = hairline(self.front, 0.85, self.seed)
        return self._piece(self._shell(cut, lambda p: 0.008 * (1 + 0.2 * noise(p, 0.02, self.seed))))

    def _rigid(self, surface: Surface) -> Surface:
        """Following the head alone."""
        return replace(surface, weights=np.tile(self.weights, (len(surface.rest), 1)))

    def _shell(self, cut: Field, thick: Callable, grip: float = 0.018) -> Surface:
        """A layer over the scalp, thinning towards its line within `grip` metres."""
        points = self.scalp.canonical
        inside = np.clip(cut(points) / grip, 0, 1)
        depth = 0.0015 + np.sqrt(inside) * thick(points)
        shape = self.scalp.inflated(self.scale * depth)
        return self._rigid(shape.cut(cut(points)))

    def _with_curtain(self, hem: float, thick: float) -> list[Piece]:
        """A shell over the scalp, and hair that hangs from the widest part of the head down to a height."""
        cut = hairline(self.front, 0.87, self.seed)
        side = self.rng.uniform(-0.04, 0.04)

        def depth(points):
            parting = 1 - 0.6 * np.exp(-(((points[:, 0] - side) / 0.006) ** 2)) * (points[:, 2] > 0.97)
            return thick * parting * (1 + 0.2 * noise(points, 0.02, self.seed))

        shell = self._piece(self._shell(cut, depth, grip=0.012), parting=side)
        return [shell, self._piece(self._curtain(hem, thick), parting=side)]

    def _curtain(self, hem: float, thick: float) -> Surface:
        heights = np.arange(0.975, hem, -0.006)
        angle = 2 * np.pi * np.arange(120) / 120
        below, offset = self._below_hair(), self._offset
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
        locks = noise(canonical * [1, 1, 0.15], 0.02, self.seed)
        out = (canonical[:, :2] - AXIS) * (1 + 0.04 * locks)[:, None]
        place = np.concatenate([AXIS + out, canonical[:, 2:]], axis=1) + offset
        low = np.asarray(smooth((0.8 - canonical[:, 2]) / 0.14))[:, None]
        trunk = self._trunk_weights()
        grid = Surface(canonical, self.scale * place, (1 - low) * self.weights + low * trunk, tube(len(heights), 120))
        return grid.cut(self._opening(canonical)).rimmed(0.004)

    @property
    def _offset(self) -> Float[np.ndarray, "3"]:
        """From a canonical place on the head to the place on this person, in canonical size."""
        top = self.scalp.canonical[:, 2].argmax()
        return self.scalp.rest[top] / self.scale - self.scalp.canonical[top]

    def _below_hair(self) -> Float[np.ndarray, "n 3"]:
        """Points of head, neck and clothed back that hair hangs over, in canonical size about the canonical head."""
        clothed = self.figure.suit.rest + self.figure.outside[:, None] * self.figure.normals
        rest = np.concatenate([self.scalp.rest, clothed]) / self.scale - self._offset
        return rest[(abs(rest[:, 0]) < 0.1) & (rest[:, 2] > 0.45)]

    def _trunk_weights(self) -> Float[np.ndarray, "b"]:
        """Those of the skin between the shoulder blades."""
        x, y, z = self.skin.canonical.T
        return self.skin.weights[(abs(x) < 0.05) & (y > 0.02) & (z > 0.6) & (z < 0.72)].mean(0)

    def _opening(self, points) -> Float[np.ndarray, "n"]:
        """Positive where hanging hair is: not before the face, behind the shoulders below."""
        x, y, z = points.T
        line_y = np.interp(z, [0.6, 0.74, 0.80, 0.90, 0.96, 0.975], [0.02, 0.01, -0.075, -0.085, -0.10, -0.105])
        wavy = 0.006 * noise(points * [1, 1, 0.5], 0.02, self.seed + 5)
        shoulders = np.where(z < 0.76, 0.105 - abs(x), FAR)
        tips = z - points[:, 2].min() - 0.012 * (1 + noise(points, 0.01, self.seed + 6)) + 0.004
        return np.min([y - line_y + wavy, shoulders, tips], axis=0)

    def _swept(self, path, radius) -> Surface:
        """A tube along a path over the canonical head."""
        angle = 2 * np.pi * np.arange(28) / 28
        axis = np.gradient(path, axis=0)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        across = np.tile([1.0, 0, 0], (len(path), 1))
        second = np.cross(axis, across)
        ring = np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * second[:, None]
        canonical = (path[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
        locks = 0.003 * noise(canonical * [1, 1, 0.25], 0.012, self.seed)
        out = ring.reshape(-1, 3) * (locks * np.repeat(np.minimum(radius / 0.01, 1), len(angle)))[:, None]
        weights = np.tile(self.weights, (len(canonical), 1))
        faces = tube(len(path), len(angle))[:, ::-1]
        return Surface(canonical, self.scale * (canonical + out + self._offset), weights, faces)

    def _visor(self, height: float) -> Surface:
        """The visor of a cap: a curved sheet before the forehead."""
        scalp = self.scalp
        near = abs(scalp.canonical[:, 2] - height) < 0.012
        angle, share = np.linspace(-1.0, 1.0, 41), np.linspace(0, 1, 12)
        directions = np.stack([np.sin(angle), -np.cos(angle)])
        reach = ((scalp.canonical[near][:, :2] - AXIS) @ directions).max(0) + 0.006
        out = self.rng.uniform(0.055, 0.075) * np.cos(angle * np.pi / 2 / 1.02) ** 0.6
        radius = reach + share[:, None] * out
        drop = 0.03 * share[:, None] ** 1.5 + 0.03 * (1 - np.cos(angle)) * (1 + share[:, None])
        x, y = radius * np.sin(angle), AXIS[1] - radius * np.cos(angle)
        canonical = np.stack([x, y, height + 0.012 - drop], axis=2).reshape(-1, 3)
        row, column = np.meshgrid(np.arange(11), np.arange(40), indexing="ij")
        a = (row * 41 + column).ravel()
        faces = np.concatenate([np.stack([a, a + 41, a + 1], axis=1), np.stack([a + 1, a + 41, a + 42], axis=1)])
        upper = Surface(
            canonical, self.scale * (canonical + self._offset), np.tile(self.weights, (len(canonical), 1)), faces
        )
        upper = upper if vertex_normals(upper.rest, faces)[:, 2].mean() > 0 else replace(upper, faces=faces[:, ::-1])
        lower = replace(upper, rest=upper.rest - [0, 0, 0.003], faces=upper.faces[:, ::-1])
        return join([upper.rimmed(0.003), lower])


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


def brim(front: float, back: float) -> Field:
    """Above the rim of a cap, from the forehead to the back of the head."""
    return lambda points: points[:, 2] - front - np.clip((points[:, 1] + 0.14) / 0.2, 0, 1) * (back - front)
