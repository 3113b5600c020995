"""Meshes baked for the renderer: all that does not change from image to image, as plain arrays.

Textures and relief become mesh colours. A scan is a rigid baked mesh with the colours of its texture.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float32, Int, Int64, UInt8

from posegaussian.synthetic.mesh.mesh_colours import (
    SLOPE_SCALE,
    MeshColours,
    grid_sizes,
    sample_places,
    texel_layout,
    write_slopes,
)
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.mesh.occlusion import ambient_occlusion
from posegaussian.synthetic.mesh.surface import largest_weights
from posegaussian.synthetic.people.person import Person

INFLUENCES = 4
"""Bones per vertex: the usual limit of graphics hardware and file formats (glTF)."""
CHUNK = 1 << 14
"""Samples per evaluation of a texture: few enough that its temporary arrays stay in the processor's cache."""

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
class BakedMesh:
    """A mesh ready to be posed and rendered."""

    vertices: Float32[np.ndarray, "v 3"]  # at rest, metres
    normals: Float32[np.ndarray, "v 3"]  # of the vertices at rest
    bones: Int64[np.ndarray, "v k"]  # numbers of the bones of each vertex
    weights: Float32[np.ndarray, "v k"]  # skinning weights of these bones; rows sum to 1
    # ambient occlusion of each vertex at rest: the visible share of the sky, weighted by the cosine
    occlusion: Float32[np.ndarray, "v"]
    faces: Int64[np.ndarray, "f 3"]  # vertex numbers
    parts: UInt8[np.ndarray, "f"]  # index into PARTS, of each face
    material_ids: UInt8[np.ndarray, "f"]  # index into the materials, of each face
    gloss: Float32[np.ndarray, "m"]  # strength of each material's highlight, 0..1
    roughness: Float32[np.ndarray, "m"]  # of each material, 0..1
    grids: UInt8[np.ndarray, "f"]  # samples along each side of a face
    starts: Int64[np.ndarray, "f"]  # first sample of each face
    # RGB albedo, and the relief's slopes along the first side of the face and across it, at each sample
    texels: UInt8[np.ndarray, "n 5"]
    # numbers of vertices that bound the mesh in all directions, about; cameras are framed by them
    outline: Int64[np.ndarray, "o"]

    @staticmethod
    def rigid(
        vertices: Float[np.ndarray, "v 3"],
        normals: Float[np.ndarray, "v 3"],
        faces: Int[np.ndarray, "f 3"],
        colours: MeshColours,
    ) -> "BakedMesh":
        """A mesh with one bone and one matt material; all of it counts as trunk, and nothing hides the sky."""
        count = len(vertices)
        return BakedMesh(
            vertices=vertices.astype(np.float32),
            normals=normals.astype(np.float32),
            bones=np.zeros((count, 1), np.int64),
            weights=np.ones((count, 1), np.float32),
            occlusion=np.ones(count, np.float32),
            faces=faces.astype(np.int64),
            parts=np.full(len(faces), PARTS.index("trunk"), np.uint8),
            material_ids=np.zeros(len(faces), np.uint8),
            gloss=np.zeros(1, np.float32),
            roughness=np.ones(1, np.float32),
            grids=colours.grids,
            starts=colours.starts,
            texels=colours.texels,
            outline=np.arange(count),
        )


def bake(person: Person, texel: float = 0.001) -> BakedMesh:
    """The baked mesh of a person."""
    surface = person.surface
    vertices, faces = surface.rest, surface.faces
    normals = vertex_normals(vertices, faces)
    bones, weights = largest_weights(surface.weights, INFLUENCES)
    return replace(
        BakedMesh.rigid(vertices, normals, faces, _colours(person, texel)),
        bones=bones,
        weights=weights.astype(np.float32),
        occlusion=ambient_occlusion(vertices, normals, faces),
        parts=np.sort(_parts(person.body.bones)[bones[:, 0]][faces], axis=1)[
            :, 1
        ],  # the median: the label of two corners, unless all differ
        material_ids=person.material_ids.astype(np.uint8),
        gloss=np.array([material.gloss for material in person.materials], np.float32),
        roughness=np.array([material.roughness for material in person.materials], np.float32),
        outline=_outline(vertices, bones[:, 0]),
    )


def _colours(person: Person, texel: float) -> MeshColours:
    """Colour and relief at all samples, material by material."""
    surface = person.surface
    grids = grid_sizes(surface.rest, surface.faces, texel)
    starts, total = texel_layout(grids)
    texels = np.empty((total, 5), np.uint8)
    relief = np.empty(total, np.float32)
    for index, material in enumerate(person.materials):
        chosen = np.flatnonzero(person.material_ids == index)
        if not len(chosen):
            continue
        places, samples = sample_places(surface.canonical, surface.faces, chosen, grids, starts)
        for start in range(0, len(places), CHUNK):
            part = slice(start, start + CHUNK)
            values = material.texture(places[part])
            texels[samples[part], :3] = np.round(255 * np.clip(values[:, :3], 0, 1))
            relief[samples[part]] = values[:, 3]
    write_slopes(surface.rest, surface.faces, grids, starts, relief, texels, SLOPE_SCALE)
    return MeshColours(grids.astype(np.uint8), starts, texels)


def _parts(bones: tuple[str, ...]) -> UInt8[np.ndarray, "b"]:
    """Label of the body part of each bone."""
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
