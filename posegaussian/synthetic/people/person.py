"""A person from a seed: body, skin, hair, clothes and movement."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from posegaussian.config import PeopleSettings
from posegaussian.synthetic.body.body import (
    BodyModel,
    bone_transforms,
    linear_blend_skinning,
    load_body,
    subdivided_body,
)
from posegaussian.synthetic.body.face import make_eyes, make_skin, skin_tone
from posegaussian.synthetic.clothing.drape import ClothedBody
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.hair import make_hair
from posegaussian.synthetic.clothing.outfit_builder import OutfitBuilder
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.surface import Surface, join, limit_influences
from posegaussian.synthetic.motion.motion import MOVEMENT_SHARES, NAMED_SHARES, Motion, make_motion
from posegaussian.synthetic.motion.poses import Skeleton
from posegaussian.synthetic.people.splits import shape_codes
from posegaussian.synthetic.things.grips import held_still
from posegaussian.synthetic.things.things import hold, wear
from posegaussian.synthetic.things.wearer import Wearer

OVERLAP = 0.03
"""How far skin reaches under a hem, metres; chosen by hand."""
DEFAULT = PeopleSettings()
_GLOSS_STREAM, _THINGS_STREAM = 43, 47
"""Second part of the random seeds of highlights and things; arbitrary numbers that no other stream of a person has."""
HAIR_COLOURS = np.array(
    [[0.08, 0.06, 0.05], [0.22, 0.13, 0.08], [0.42, 0.25, 0.12], [0.72, 0.55, 0.32], [0.55, 0.54, 0.53]]
)
"""Black, two browns, blond and grey, RGB; chosen by eye."""


@dataclass(frozen=True)
class Person:
    """A dressed person."""

    body: BodyModel  # the body model
    heads: Float[np.ndarray, "b 3"]  # where each bone starts at rest, metres
    surface: Surface  # skin, hair and clothes at rest, as one surface
    material_ids: Int[np.ndarray, "f"]  # index into `materials`, of each face
    materials: tuple[Material, ...]  # the material of each kind of surface
    anchors: Surface  # vertices of the bare body at rest that the joints are regressed from
    regressor: Float[np.ndarray, "17 n"]  # COCO-17 joints as weighted means of the anchors
    soles: Surface  # lowest vertices of the shoes at rest, which stand on the floor
    skeleton: Skeleton  # turns movements into rotations of the bones
    motion: Motion  # how the person moves
    # inner corners of the calibration board in the person's hands at rest, metres; none without a board
    board: Float[np.ndarray, "c 3"]

    def transforms(self, time: float) -> Float[np.ndarray, "b 3 4"]:
        """Transform of each bone from the rest pose to the world at a time in seconds; the soles touch the floor."""
        rotations, shift = self.skeleton.pose(*self.motion.at(time))
        transforms = bone_transforms(self.body.parents, self.heads, rotations)
        transforms[:, :, 3] += shift
        soles = linear_blend_skinning(self.soles.rest, self.soles.weights, transforms)
        transforms[:, 2, 3] -= soles[:, 2].min()
        return transforms


def make_person(seed: int, settings: PeopleSettings = DEFAULT, movement: str | None = None) -> Person:
    """A person; the same seed and settings give the same person, whose movement may be chosen."""
    rng = np.random.default_rng([seed, 17])
    body = load_body()
    code, male = _shape_code(body, seed, rng)
    vertices, heads = body.rest(code)
    scale = float(rng.uniform(*settings.height) / np.ptp(vertices[body.surfaces["skin"].ravel(), 2]))
    suit, bare, eyes = (
        subdivided_body(name).shaped(scale * vertices[np.unique(body.surfaces[name])])
        for name in ("suit", "skin", "eyes")
    )
    clothed = ClothedBody.unclothed(suit, scale)
    submeshes = OutfitBuilder(clothed, settings, male, rng).build()
    hair = HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))] * rng.uniform(0.8, 1.2)
    submeshes += make_hair(clothed, bare, hair, male, settings, rng)
    beard = rng.uniform(0, 1) * (rng.uniform() < 0.5) * male
    submeshes += [
        Submesh(_bare(bare, submeshes), make_skin(skin_tone(rng), hair, beard, rng)),
        Submesh(eyes, make_eyes(rng)),
    ]
    wearer = Wearer(body, scale * heads, clothed, bare, list(submeshes), np.random.default_rng([seed, _THINGS_STREAM]))
    submeshes += wear(wearer, settings)
    soles = _soles(limit_influences(submeshes[0].surface))
    skeleton = Skeleton(body, scale * heads, float(soles.rest[:, 2].min()), _clearance(clothed, body, scale * heads))
    held = hold(wearer, skeleton, settings)
    submeshes += held.submeshes
    parts = [limit_influences(submesh.surface) for submesh in submeshes]
    used = np.flatnonzero(body.regressor.any(0))
    return Person(
        body=body,
        heads=scale * heads,
        surface=join(parts),
        material_ids=np.repeat(np.arange(len(parts)), [len(part.faces) for part in parts]),
        materials=_polished([submesh.material for submesh in submeshes], settings, seed),
        anchors=Surface(body.mean[used], scale * vertices[used], body.weights[used], np.empty((0, 3), np.int64)),
        regressor=body.regressor[:, used],
        soles=soles,
        skeleton=skeleton,
        motion=held_still(make_motion(movement or _movement(settings, rng), scale, rng), held.angles),
        board=held.corners,
    )


def _polished(materials: list[Material], settings: PeopleSettings, seed: int) -> tuple[Material, ...]:
    """The materials with highlights as strong as the settings say."""
    rng = np.random.default_rng([seed, _GLOSS_STREAM])
    factors = rng.uniform(*settings.gloss, size=len(materials))
    return tuple(replace(each, gloss=min(each.gloss * f, 1.0)) for each, f in zip(materials, factors, strict=True))


def _soles(shoes: Surface) -> Surface:
    """Some vertices of the lowest part of the shoes."""
    low = np.flatnonzero(shoes.rest[:, 2] < shoes.rest[:, 2].min() + 0.02)[::8]
    return Surface(shoes.canonical[low], shoes.rest[low], shoes.weights[low], np.empty((0, 3), np.int64))


def _movement(settings: PeopleSettings, rng: np.random.Generator) -> str:
    names = list(settings.motions or MOVEMENT_SHARES)
    shares = np.array([NAMED_SHARES[name] for name in names])
    return names[rng.choice(len(names), p=shares / shares.sum())]


def _clearance(clothed: ClothedBody, body: BodyModel, heads: Float[np.ndarray, "b 3"]) -> float:
    """The least angle from the vertical at which hanging arms clear trunk, hips and clothes, radians."""
    shoulder = heads[body.bones.index("upperarm01.L")]
    chosen = clothed.trunk_and_legs & (abs(clothed.canonical[:, 1]) < 0.06)
    points = (clothed.suit.rest + clothed.standoff[:, None] * clothed.normals)[chosen]
    points = np.concatenate([points, *(hung for hung, _ in clothed.hanging)])
    below = shoulder[2] - points[:, 2]
    reached = (below > 0.2 * clothed.scale) & (below < 0.66 * clothed.scale)
    arm = 0.055 * clothed.scale
    angles = np.arctan2(abs(points[reached, 0]) + arm - shoulder[0], below[reached])
    return float(np.clip(angles.max(), 0.08, 0.6))


def _bare(skin: Surface, submeshes: list[Submesh]) -> Surface:
    """The skin that clothes leave visible, and `OVERLAP` of it under each hem."""
    for submesh in submeshes:
        if submesh.covers is not None:
            skin = skin.cut(OVERLAP - submesh.covers(skin.canonical))
    return skin


def _shape_code(body: BodyModel, seed: int, rng: np.random.Generator) -> tuple[Float[np.ndarray, "k"], bool]:
    """A shape code between two adults of one sex, and whether they are male."""
    sexes = body.traits[:, body.trait_names.index("gender")] < 0.5
    allowed = shape_codes(seed, len(body.codes))
    first = rng.choice(allowed)
    second = rng.choice(allowed[sexes[allowed] == sexes[first]])
    share = rng.uniform(0, 0.5)
    return (1 - share) * body.codes[first] + share * body.codes[second], bool(sexes[first])
