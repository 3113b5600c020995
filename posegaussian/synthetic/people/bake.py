"""A person baked for the renderer: everything that does not change from picture to picture, as plain arrays.

Colours and relief become *mesh colours* (Yuksel, Keyser, House 2010): a regular triangular grid of samples on every
triangle, its resolution by the triangle's size. Pictures only gather from these, so that no texture code runs while
rendering and every device sees the same colours.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8
from numba import njit

from posegaussian.synthetic.mesh.mesh import vertex_normals
from posegaussian.synthetic.mesh.occlusion import ambient_occlusion
from posegaussian.synthetic.mesh.surface import largest
from posegaussian.synthetic.people.person import Person

INFLUENCES = 4
"""Bones that move a vertex."""
FINEST = 24
"""Most samples along the side of a triangle."""
CHUNK = 1 << 14
"""Samples that textures are asked for together: few enough to stay in the processor's cache."""
STEEPEST = 1.5
"""Steepest relief that is stored, metres of height per metre."""
SLOPE = 127 / STEEPEST
"""Relief slopes are stored as 128 + SLOPE x slope in 8 bits."""

PARTS = (
    "background",
    "head",
    "trunk",
    "left_upper_arm",
    "right_upper_arm",
    "left_forearm",
    "right_forearm",
    "left_hand",
    "right_hand",
    "left_thigh",
    "right_thigh",
    "left_shin",
    "right_shin",
    "left_foot",
    "right_foot",
)
"""Names of the part labels."""
_LIMBS = (
    ("upperarm", "upper_arm"),
    ("lowerarm", "forearm"),
    ("wrist", "hand"),
    ("metacarpal", "hand"),
    ("finger", "hand"),
    ("upperleg", "thigh"),
    ("lowerleg", "shin"),
    ("foot", "foot"),
    ("toe", "foot"),
)
_HEAD = ("head", "eye")


@dataclass(frozen=True)
class Baked:
    """A person ready to be posed and photographed.

    Args:
        vertices: at rest, metres.
        normals: of the vertices at rest.
        bones: which bones move each vertex.
        weights: how much; rows sum to 1.
        occlusion: share of the sky that each vertex sees at rest, weighted by the cosine.
        faces: vertex numbers.
        parts: index into PARTS, of each face.
        looks: index into the materials, of each face.
        gloss: strength of each material's highlight, 0..1.
        roughness: of each material, 0..1.
        grids: samples along each side of a face.
        starts: first sample of each face.
        texels: RGB albedo, and the relief's slopes along the first side of the face and across it, at each sample.
        outline: vertices that between them reach about as far as all do, for framing.
    """

    vertices: Float32[np.ndarray, "v 3"]
    normals: Float32[np.ndarray, "v 3"]
    bones: Int64[np.ndarray, "v k"]
    weights: Float32[np.ndarray, "v k"]
    occlusion: Float32[np.ndarray, "v"]
    faces: Int64[np.ndarray, "f 3"]
    parts: UInt8[np.ndarray, "f"]
    looks: UInt8[np.ndarray, "f"]
    gloss: Float32[np.ndarray, "m"]
    roughness: Float32[np.ndarray, "m"]
    grids: UInt8[np.ndarray, "f"]
    starts: Int64[np.ndarray, "f"]
    texels: UInt8[np.ndarray, "n 5"]
    outline: Int64[np.ndarray, "o"]


def bake(person: Person, texel: float = 0.001) -> Baked:
    """Bake a person.

    Args:
        person: who.
        texel: distance between neighbouring samples of colour, metres.
    """
    surface = person.surface
    vertices, faces = surface.rest, surface.faces
    normals = vertex_normals(vertices, faces)
    bones, weights = largest(surface.weights, INFLUENCES)
    grids = resolutions(vertices, faces, texel)
    starts, total = layout(grids)
    return Baked(
        vertices=vertices.astype(np.float32),
        normals=normals.astype(np.float32),
        bones=bones,
        weights=weights.astype(np.float32),
        occlusion=ambient_occlusion(vertices, normals, faces),
        faces=faces.astype(np.int64),
        parts=np.sort(_parts(person.body.bones)[bones[:, 0]][faces], axis=1)[:, 1],  # of two corners, if not all differ
        looks=person.materials.astype(np.uint8),
        gloss=np.array([look.gloss for look in person.looks], np.float32),
        roughness=np.array([look.roughness for look in person.looks], np.float32),
        grids=grids.astype(np.uint8),
        starts=starts,
        texels=_texels(person, grids, starts, total),
        outline=_outline(vertices, bones[:, 0]),
    )


def resolutions(
    vertices: Float[np.ndarray, "v 3"], faces: Int64[np.ndarray, "f 3"], texel: float
) -> Int64[np.ndarray, "f"]:
    """Samples along the sides of an equilateral triangle of the same area."""
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    return np.clip(np.round(np.sqrt(area * 4 / np.sqrt(3)) / texel), 1, FINEST).astype(np.int64)


def layout(grids: Int64[np.ndarray, "f"]) -> tuple[Int64[np.ndarray, "f"], int]:
    """The first sample of each face, and how many there are in all."""
    counts = (grids + 1) * (grids + 2) // 2
    ends = np.cumsum(counts)
    return ends - counts, int(ends[-1])


def _texels(person: Person, grids: np.ndarray, starts: np.ndarray, total: int) -> np.ndarray:
    """Colour and relief at all samples, material by material."""
    surface = person.surface
    texels = np.empty((total, 5), np.uint8)
    relief = np.empty(total, np.float32)
    for index, look in enumerate(person.looks):
        chosen = np.flatnonzero(person.materials == index)
        if not len(chosen):
            continue
        places, samples = sample_places(surface.canonical, surface.faces, chosen, grids, starts)
        for start in range(0, len(places), CHUNK):
            part = slice(start, start + CHUNK)
            values = look.texture(places[part])
            texels[samples[part], :3] = np.round(255 * np.clip(values[:, :3], 0, 1))
            relief[samples[part]] = values[:, 3]
    _slopes(surface.rest, surface.faces, grids, starts, relief, texels, SLOPE)
    return texels


@njit(cache=True)
@no_type_check
def sample_places(canonical, faces, chosen, grids, starts):
    """Canonical places of the samples of some faces, and the samples' numbers."""
    total = 0
    for f in chosen:
        total += (grids[f] + 1) * (grids[f] + 2) // 2
    places, samples = np.empty((total, 3)), np.empty(total, np.int64)
    at = 0
    for f in chosen:
        a, b, c = canonical[faces[f, 0]], canonical[faces[f, 1]], canonical[faces[f, 2]]
        size, number = grids[f], starts[f]
        for i in range(size + 1):
            for j in range(size + 1 - i):
                u, v = i / size, j / size
                for axis in range(3):
                    places[at, axis] = (1 - u - v) * a[axis] + u * b[axis] + v * c[axis]
                samples[at] = number
                at += 1
                number += 1
    return places, samples


@njit(cache=True)
@no_type_check
def _slopes(rest, faces, grids, starts, relief, texels, scale):
    """Differences of the relief along the grid, as slopes along the face's first side and across it."""
    for f in range(len(faces)):
        a = rest[faces[f, 0]]
        first, second = rest[faces[f, 1]] - a, rest[faces[f, 2]] - a
        size, start = grids[f], starts[f]
        long = np.sqrt((first * first).sum()) + 1e-12
        along = (first * second).sum() / long  # the second side in the frame of the first
        across = np.sqrt(max((second * second).sum() - along * along, 1e-16))
        for i in range(size + 1):
            row = start + i * (2 * size + 3 - i) // 2
            for j in range(size + 1 - i):
                room = size - i - j
                low_i, high_i = max(i - 1, 0), i + min(room, 1)
                low_j, high_j = max(j - 1, 0), j + min(room, 1)
                below = relief[start + low_i * (2 * size + 3 - low_i) // 2 + j]
                above = relief[start + high_i * (2 * size + 3 - high_i) // 2 + j]
                du = (above - below) / max(high_i - low_i, 1) * size
                dv = (relief[row + high_j] - relief[row + low_j]) / max(high_j - low_j, 1) * size
                s = du / long
                t = (dv - s * along) / across
                texels[row + j, 3] = np.uint8(min(max(128 + scale * s + 0.5, 1.0), 255.0))
                texels[row + j, 4] = np.uint8(min(max(128 + scale * t + 0.5, 1.0), 255.0))


def _parts(bones: tuple[str, ...]) -> UInt8[np.ndarray, "b"]:
    """The part that each bone belongs to."""
    labels = []
    for name in bones:
        side = "left_" if name.endswith(".L") else "right_"
        limb = next((part for start, part in _LIMBS if name.startswith(start)), None)
        head = name.startswith(_HEAD)
        labels.append(PARTS.index(side + limb if limb else "head" if head else "trunk"))
    return np.array(labels, np.uint8)


def _outline(vertices: np.ndarray, bone: np.ndarray) -> np.ndarray:
    """The outermost vertices of each bone in 26 directions."""
    directions = np.array([d for d in np.ndindex(3, 3, 3) if d != (1, 1, 1)]) - 1.0
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    chosen = []
    for each in np.unique(bone):
        own = np.flatnonzero(bone == each)
        chosen.append(own[(vertices[own] @ directions.T).argmax(0)])
    return np.unique(np.concatenate(chosen))
