"""Somebody from a seed: body, skin, hair, clothes and movement."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from posegaussian.captures.synthetic import garments, motion, textures
from posegaussian.captures.synthetic.body import BodyModel, bone_transforms, load_body, skin
from posegaussian.captures.synthetic.garments import Garment
from posegaussian.captures.synthetic.mesh import Mesh, Texture, vertex_normals
from posegaussian.captures.synthetic.surface import Surface

OVERLAP = 0.03
"""How far skin and lower layers reach under a hem, metres."""


@dataclass(frozen=True)
class Person:
    """A dressed person at rest, and how they move."""

    body: BodyModel
    heads: Float[np.ndarray, "b 3"]
    joints: Surface
    surface: Surface
    pieces: Int[np.ndarray, "f"]
    textures: tuple[Texture, ...]
    motion: motion.Motion

    def posed(self, time: float) -> Mesh:
        """The mesh at a time in seconds, its lowest point on the floor."""
        rotations = self.motion.rotations(time, self.body, self.heads)
        transforms = bone_transforms(self.body.parents, self.heads, rotations)
        vertices = skin(self.surface.rest, self.surface.weights, transforms)
        joints = self.body.regressor[:, self.regressor_vertices] @ skin(
            self.joints.rest, self.joints.weights, transforms
        )
        shift = np.array([*(-self.heads[0, :2]), -vertices[:, 2].min()])
        return Mesh(
            vertices + shift,
            vertex_normals(vertices, self.surface.faces),
            self.surface.faces,
            self.surface.canonical,
            self.pieces,
            self.textures,
            joints + shift,
        )

    @property
    def regressor_vertices(self) -> Int[np.ndarray, "n"]:
        """Vertices of the body that the joints are regressed from."""
        return np.flatnonzero(self.body.regressor.any(0))


def make_person(seed: int) -> Person:
    """Somebody; the same seed gives the same person."""
    rng = np.random.default_rng([seed, 17])
    body = load_body()
    vertices, heads = body.rest(_shape_code(body, rng))
    scale = rng.uniform(1.58, 1.84) / np.ptp(vertices[body.surfaces["skin"].ravel(), 2])
    whole = Surface(body.mean, scale * vertices, body.weights, np.empty((0, 3), np.int64))

    def piece(name):
        return Surface(whole.canonical, whole.rest, whole.weights, body.surfaces[name]).compact()

    parts, looks = [], []
    bare = piece("skin")
    for garment in _wardrobe(seed, rng):
        source = piece(garment.surface).subdivided()
        part = source.inflated(garment.ease(source.canonical)).cut(garment.field(source.canonical))
        parts.append(part)
        looks.append(garment.texture)
        bare = bare.cut(OVERLAP - garment.field(bare.canonical))
    parts += [bare, piece("eyes")]
    tone = textures.colour(rng.uniform(0.05, 0.08), rng.uniform(0.3, 0.55), rng.uniform(0.35, 0.95))
    looks += [textures.plain(tone, rng, 0.04), textures.plain(np.ones(3) * 0.9, rng, 0)]
    counts = np.cumsum([0, *(len(part.rest) for part in parts)])
    surface = Surface(
        np.concatenate([part.canonical for part in parts]),
        np.concatenate([part.rest for part in parts]),
        np.concatenate([part.weights for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, counts, strict=False)]),
    )
    pieces = np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts])
    used = np.flatnonzero(body.regressor.any(0))
    joints = Surface(body.mean[used], whole.rest[used], body.weights[used], np.empty((0, 3), np.int64))
    return Person(body, scale * heads, joints, surface, pieces, tuple(looks), motion.make_motion(seed - 1, rng))


def _shape_code(body: BodyModel, rng: np.random.Generator) -> Float[np.ndarray, "k"]:
    """Between two adults of the same sex."""
    column = body.trait_names.index("gender")
    first = rng.integers(len(body.codes))
    alike = np.flatnonzero((body.traits[:, column] > 0.5) == (body.traits[first, column] > 0.5))
    share = rng.uniform(0, 0.5)
    return (1 - share) * body.codes[first] + share * body.codes[rng.choice(alike)]


def _wardrobe(seed: int, rng: np.random.Generator) -> list[Garment]:
    """What the person wears, from the outside in."""
    hue = rng.uniform(0, 1)
    first = textures.colour(hue, rng.uniform(0.5, 0.9), rng.uniform(0.4, 0.9))
    second = textures.colour(hue + rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.8), rng.uniform(0.6, 1.0))
    top = textures.PATTERNS[(seed - 1) % len(textures.PATTERNS)](first, second, rng)
    hem = rng.uniform(0.06, 0.14)
    sleeve = rng.choice([rng.uniform(0.3, 0.45), rng.uniform(0.9, 1.0)])
    bottom = textures.denim(textures.colour(0.6, 0.6, rng.uniform(0.25, 0.6)), rng)
    end = rng.choice([-0.22, -0.7, -0.7])
    folds = int(rng.integers(1 << 30))
    return [
        Garment("suit", garments.shirt(hem, sleeve, 0.085), garments.loose(0.014, 0.015, hem, folds), top),
        Garment("suit", garments.trousers(hem + OVERLAP, end), garments.loose(0.008, 0.012, end, folds + 9), bottom),
        Garment(
            "suit",
            garments.shoes(-0.73),
            lambda points: np.full(len(points), 0.006),
            textures.plain(np.ones(3) * 0.2, rng),
        ),
    ]
