"""The body: a linear shape space, a skeleton and skinning weights, baked by tools/bake_body.py."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import no_type_check

import numpy as np
import scipy
from jaxtyping import Float, Int
from numba import njit

from posegaussian.synthetic.mesh.surface import Subdivision, Surface, directed_edges, subdivide, unique_edges

LONGEST_EDGE = {"suit": 0.014, "skin": 0.014, "eyes": 0.01}
"""Longest edges of the subdivided surfaces of the mean body, metres; chosen by hand: folds and outlines are
smooth, and a person has about 135,000 triangles."""


@dataclass(frozen=True)
class BodyModel:
    """The body asset. Rest axes: x to the person's left, y backward, z up; metres; arms half lowered."""

    # rest vertices of the mean adult; also the canonical place of each vertex, where textures are defined
    mean: Float[np.ndarray, "v 3"]
    basis: Float[np.ndarray, "k v 3"]  # displacement of the vertices per unit of shape code
    mean_heads: Float[np.ndarray, "b 3"]  # rest position of the start of each bone
    basis_heads: Float[np.ndarray, "k b 3"]  # displacement of the heads per unit of shape code
    codes: Float[np.ndarray, "n k"]  # shape codes of the adults that the space was made from
    traits: Float[np.ndarray, "n t"]  # traits of these adults, in 0..1, by `trait_names`
    trait_names: tuple[str, ...]
    bones: tuple[str, ...]  # names
    parents: tuple[int, ...]  # parent of each bone, -1 for the root; parents come before children
    weights: Float[np.ndarray, "v b"]  # skinning weights, rows sum to 1
    regressor: Float[np.ndarray, "17 v"]  # COCO-17 key points as weighted means of vertices, rows sum to 1
    # triangles by name: skin (not of the trunk), eyes, suit (shoulders to toes), skirt
    surfaces: dict[str, Int[np.ndarray, "f 3"]]

    def rest(self, code: Float[np.ndarray, "k"]) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, "b 3"]]:
        """Vertices and bone heads of one person at rest."""
        vertices = self.mean + np.tensordot(code, self.basis, 1)
        return vertices, self.mean_heads + np.tensordot(code, self.basis_heads, 1)


@cache
def load_body() -> BodyModel:
    """The body asset, read once."""
    with (files("posegaussian") / "assets/body/body.npz").open("rb") as file, np.load(file) as asset:
        data = dict(asset)
    scale = data["basis_scale"].astype(np.float64)[:, None, None]
    count = len(data["mean"])
    weights = np.zeros((count, len(data["bones"])))
    np.add.at(weights, (np.arange(count)[:, None], data["skin_bones"]), data["skin_weights"] / 255)
    regressor = np.zeros((17, count))
    regressor[data["regressor_joint"], data["regressor_vertex"]] = data["regressor_weight"]
    return BodyModel(
        mean=data["mean"].astype(np.float64),
        basis=data["basis"] * scale,
        mean_heads=data["mean_heads"].astype(np.float64),
        basis_heads=data["basis_heads"] * scale,
        codes=data["codes"].astype(np.float64),
        traits=data["traits"].astype(np.float64),
        trait_names=tuple(str(name) for name in data["trait_names"]),
        bones=tuple(str(name) for name in data["bones"]),
        parents=tuple(int(parent) for parent in data["parents"]),
        weights=weights / weights.sum(1, keepdims=True),
        regressor=regressor,
        surfaces={name[6:]: data[name].astype(np.int64) for name in data if name.startswith("faces_")},
    )


@cache
def subdivided_body(name: str) -> Subdivision:
    """A surface of the mean body with edges short enough for folds and smooth outlines."""
    body = load_body()
    surface = Surface(body.mean, body.mean, body.weights.astype(np.float32), body.surfaces[name]).compact()
    return subdivide(surface, LONGEST_EDGE[name])


@cache
def neighbour_average(name: str) -> "scipy.sparse.csr_array":
    """Matrix that averages the neighbours of each vertex of a refined surface."""
    surface = subdivided_body(name).surface
    edges, _ = unique_edges(directed_edges(surface.faces))
    both = np.concatenate([edges, edges[:, ::-1]])
    matrix = scipy.sparse.csr_array((np.ones(len(both)), both.T), shape=(len(surface.rest),) * 2)
    return scipy.sparse.diags_array(1 / matrix.sum(1)) @ matrix


def bone_transforms(
    parents: tuple[int, ...], heads: Float[np.ndarray, "b 3"], rotations: Float[np.ndarray, "b 3 3"]
) -> Float[np.ndarray, "b 3 4"]:
    """Transform of each bone from the rest pose.

    Args:
        parents: parent of each bone, before it.
        heads: rest position of the start of each bone, about which it turns.
        rotations: of each bone against its parent, in rest axes.
    """
    return _chained(np.array(parents), heads, rotations)


@njit(cache=True)
@no_type_check
def _chained(parents, heads, rotations):
    transforms = np.empty((len(parents), 3, 4))
    for bone in range(len(parents)):
        turned, parent = rotations[bone], parents[bone]
        moved = heads[bone] - turned @ heads[bone]
        if parent >= 0:
            moved = np.ascontiguousarray(transforms[parent, :, :3]) @ moved + transforms[parent, :, 3]
            turned = np.ascontiguousarray(transforms[parent, :, :3]) @ turned
        transforms[bone, :, :3] = turned
        transforms[bone, :, 3] = moved
    return transforms


def linear_blend_skinning(
    vertices: Float[np.ndarray, "v 3"], weights: Float[np.ndarray, "v b"], transforms: Float[np.ndarray, "b 3 4"]
) -> Float[np.ndarray, "v 3"]:
    """Vertices moved by blended bone transforms (linear blend skinning), metres."""
    blended = (weights @ transforms.reshape(len(transforms), 12)).reshape(-1, 3, 4)
    return np.einsum("vij,vj->vi", blended[:, :, :3], vertices) + blended[:, :, 3]
