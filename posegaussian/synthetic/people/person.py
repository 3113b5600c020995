"""Somebody from a seed: body, skin, hair, clothes and movement."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.body.body import BodyModel, bone_transforms, load_body, refined_body, skin
from posegaussian.synthetic.body.face import make_eyes, make_skin, skin_tone
from posegaussian.synthetic.clothing.drape import Figure
from posegaussian.synthetic.clothing.garments import Piece
from posegaussian.synthetic.clothing.hair import make_hair
from posegaussian.synthetic.clothing.wardrobe import Tailor
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.mesh import Mesh, vertex_normals
from posegaussian.synthetic.mesh.surface import Surface, join, strongest
from posegaussian.synthetic.motion.motion import MOVES, Motion, make_motion
from posegaussian.synthetic.motion.poses import Skeleton
from posegaussian.synthetic.people.splits import shape_codes

OVERLAP = 0.03
"""How far skin reaches under a hem, metres."""
DEFAULT = PeopleSettings()
HAIR_COLOURS = np.array(
    [[0.08, 0.06, 0.05], [0.22, 0.13, 0.08], [0.42, 0.25, 0.12], [0.72, 0.55, 0.32], [0.55, 0.54, 0.53]]
)


@dataclass(frozen=True)
class Person:
    """A dressed person.

    Args:
        body: the body model.
        heads: where each bone starts at rest, metres.
        surface: skin and clothes at rest, in one.
        material_ids: index into `materials`, of each face.
        materials: the material of each kind of surface.
        anchors: vertices of the bare body at rest that the joints are regressed from.
        regressor: COCO-17 joints as weighted means of the anchors.
        soles: lowest vertices of the shoes at rest: what stands on the floor.
        skeleton: the bones that move it.
        motion: how the person moves.
    """

    body: BodyModel
    heads: Float[np.ndarray, "b 3"]
    surface: Surface
    material_ids: Int[np.ndarray, "f"]
    materials: tuple[Material, ...]
    anchors: Surface
    regressor: Float[np.ndarray, "17 n"]
    soles: Surface
    skeleton: Skeleton
    motion: Motion

    def transforms(self, time: float) -> Float[np.ndarray, "b 3 4"]:
        """What moves rest points with each bone into the world at a time in seconds; the soles touch the floor."""
        rotations, shift = self.skeleton.pose(*self.motion.at(time))
        transforms = bone_transforms(self.body.parents, self.heads, rotations)
        transforms[:, :, 3] += shift
        soles = skin(self.soles.rest, self.soles.weights, transforms)
        transforms[:, 2, 3] -= soles[:, 2].min()
        return transforms

    def posed(self, time: float) -> Mesh:
        """The person at a time in seconds."""
        transforms = self.transforms(time)
        vertices = skin(self.surface.rest, self.surface.weights, transforms)
        anchors = skin(self.anchors.rest, self.anchors.weights, transforms)
        return Mesh(
            vertices=vertices,
            normals=vertex_normals(vertices, self.surface.faces),
            faces=self.surface.faces,
            canonical=self.surface.canonical,
            material_ids=self.material_ids,
            materials=self.materials,
            joints=self.regressor @ anchors,
        )


def make_person(seed: int, settings: PeopleSettings = DEFAULT) -> Person:
    """Somebody; the same seed and settings give the same person."""
    rng = np.random.default_rng([seed, 17])
    body = load_body()
    code, male = _shape_code(body, seed, rng)
    vertices, heads = body.rest(code)
    scale = float(rng.uniform(*settings.height) / np.ptp(vertices[body.surfaces["skin"].ravel(), 2]))
    suit, bare, eyes = (
        refined_body(name).shaped(scale * vertices[np.unique(body.surfaces[name])]) for name in ("suit", "skin", "eyes")
    )
    figure = Figure.bare(suit, scale)
    pieces = Tailor(figure, settings, male, rng).outfit()
    hair = HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))] * rng.uniform(0.8, 1.2)
    pieces += make_hair(figure, bare, hair, male, settings, rng)
    beard = rng.uniform(0, 1) * (rng.uniform() < 0.5) * male
    pieces += [
        Piece(_bare(bare, pieces), make_skin(skin_tone(rng), hair, beard, rng)),
        Piece(eyes, make_eyes(rng)),
    ]
    parts = [strongest(piece.surface) for piece in pieces]
    used = np.flatnonzero(body.regressor.any(0))
    soles = _soles(parts[0])
    return Person(
        body=body,
        heads=scale * heads,
        surface=join(parts),
        material_ids=np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts]),
        materials=tuple(piece.material for piece in pieces),
        anchors=Surface(body.mean[used], scale * vertices[used], body.weights[used], np.empty((0, 3), np.int64)),
        regressor=body.regressor[:, used],
        soles=soles,
        skeleton=Skeleton(body, scale * heads, float(soles.rest[:, 2].min()), _clearance(figure, body, scale * heads)),
        motion=make_motion(_movement(settings, rng), scale, rng),
    )


def _soles(shoes: Surface) -> Surface:
    """Some vertices of the lowest part of the shoes."""
    low = np.flatnonzero(shoes.rest[:, 2] < shoes.rest[:, 2].min() + 0.02)[::8]
    return Surface(shoes.canonical[low], shoes.rest[low], shoes.weights[low], np.empty((0, 3), np.int64))


def _movement(settings: PeopleSettings, rng: np.random.Generator) -> str:
    names = list(settings.motions or MOVES)
    shares = np.array([MOVES[name] for name in names])
    return names[rng.choice(len(names), p=shares / shares.sum())]


def _clearance(figure: Figure, body: BodyModel, heads: Float[np.ndarray, "b 3"]) -> float:
    """The least angle from the vertical at which hanging arms clear trunk, hips and clothes, radians."""
    shoulder = heads[body.bones.index("upperarm01.L")]
    chosen = figure.trunk_and_legs & (abs(figure.places[:, 1]) < 0.06)
    points = (figure.suit.rest + figure.outside[:, None] * figure.normals)[chosen]
    points = np.concatenate([points, *(hung for hung, _ in figure.hung)])
    below = shoulder[2] - points[:, 2]
    reached = (below > 0.2 * figure.scale) & (below < 0.66 * figure.scale)
    arm = 0.055 * figure.scale
    angles = np.arctan2(abs(points[reached, 0]) + arm - shoulder[0], below[reached])
    return float(np.clip(angles.max(), 0.08, 0.6))


def _bare(skin: Surface, pieces: list[Piece]) -> Surface:
    """Skin that can be seen, and a little more of it under each hem."""
    for piece in pieces:
        if piece.covers is not None:
            skin = skin.cut(OVERLAP - piece.covers(skin.canonical))
    return skin


def _shape_code(body: BodyModel, seed: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, "k"], bool]:
    """Between two adults of one sex, and which."""
    sexes = body.traits[:, body.trait_names.index("gender")] < 0.5
    allowed = shape_codes(seed, len(body.codes))
    first = rng.choice(allowed)
    second = rng.choice(allowed[sexes[allowed] == sexes[first]])
    share = rng.uniform(0, 0.5)
    return (1 - share) * body.codes[first] + share * body.codes[second], bool(sexes[first])
