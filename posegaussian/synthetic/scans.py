"""Textured scan meshes (THuman2.0's .obj and .jpeg) photographed into captures by the renderer of the built-in people.

The scan's y axis points up. It is set on the floor, in the middle, and made 1.8 m tall: the units of scans differ. A
scan has no joints; its pictures, masks and depths are as true as those of the built-in people.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from posegaussian.config import BuiltinSettings
from posegaussian.errors import CaptureError
from posegaussian.io.atomic import whole_folder
from posegaussian.io.images import SUFFIXES, PictureFile, read_image
from posegaussian.synthetic.dataset.studio import Studio
from posegaussian.synthetic.dataset.write import write_photograph, write_rig
from posegaussian.synthetic.mesh.mesh import vertex_normals
from posegaussian.synthetic.people import bake
from posegaussian.synthetic.people.actor import Actor, Posed
from posegaussian.synthetic.rigs.rig import capture_rig

_HEIGHT = 1.8
_TEXEL = 0.002
_SEED = 29
"""Branch of the random numbers for cameras and light."""


@dataclass(frozen=True)
class Scan:
    """A mesh with a picture for its skin.

    Args:
        vertices: metres, z up, on the floor.
        faces: vertex numbers.
        places: where the corners of each face lie in the texture: shares of its width and height from its lower left.
        texture: RGB.
    """

    vertices: Float[np.ndarray, "v 3"]
    faces: Int[np.ndarray, "f 3"]
    places: Float[np.ndarray, "f 3 2"]
    texture: UInt8[np.ndarray, "h w 3"]


def photograph_scan(folder: Path, output: Path, settings: BuiltinSettings) -> None:
    """Photograph a scan into a capture; it appears under its name only when it is whole.

    Args:
        folder: with one .obj and its texture.
        output: the capture's folder.
        settings: frames (all alike), size, rig, light and sensor; the name of the folder draws what they leave open.
    """
    if output.exists():
        raise CaptureError(
            "exists already", code="output-exists", file=output, hint="give the name of a new folder, or remove it"
        )
    scan = read_scan(folder)
    posed = _posed(scan)
    rng = np.random.default_rng([_SEED, *folder.resolve().name.encode()])
    extent = scan.vertices
    studio = Studio.built(rng, settings, capture_rig(rng, settings, extent), extent)
    with whole_folder(output) as root:
        write_rig(root, studio.rig)
        for frame in range(settings.frames):
            for camera, photo in studio.photographs(posed, frame):
                write_photograph(root, f"{camera}/{frame:06d}", photo, settings.images)


def read_scan(folder: Path) -> Scan:
    """Read the .obj of a folder and its texture.

    Raises:
        CaptureError: there is none, or it is broken.
    """
    found = sorted(folder.glob("*.obj"))
    if len(found) != 1:
        raise CaptureError(f"{len(found)} .obj files, not one", code="not-one-mesh", file=folder)
    vertices, places, faces, corners = _read_obj(found[0])
    texture = read_image(PictureFile(_texture(found[0])), folder.name, 0)
    upright = vertices @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    low, high = upright.min(0), upright.max(0)
    middle = np.array([*(low + high)[:2] / 2, low[2]])
    return Scan((upright - middle) * (_HEIGHT / (high[2] - low[2])), faces, places[corners], texture)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, places in the texture, and both kinds of numbers of each triangle; polygons become fans."""
    vertices, places, faces, corners = [], [], [], []
    try:
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "vt":
                places.append([float(word) for word in words[:2]])
            elif kind == "f":
                numbers = [word.split("/") for word in words]
                for b, c in pairwise(numbers[1:]):
                    faces.append([int(corner[0]) for corner in (numbers[0], b, c)])
                    corners.append([int(corner[1]) for corner in (numbers[0], b, c)])
        arrays = (np.array(vertices), np.array(places), np.array(faces) - 1, np.array(corners) - 1)
        if not len(faces) or arrays[2].max() >= len(vertices) or arrays[3].max() >= len(places):
            raise ValueError
    except (OSError, ValueError, IndexError):
        raise CaptureError(
            "not an .obj with triangles and texture coordinates", code="unreadable-mesh", file=path
        ) from None
    return arrays


def _texture(mesh: Path) -> Path:
    """The picture that the material names, or else the only one in the folder."""
    for material in sorted(mesh.parent.glob("*.mtl")):
        for line in material.read_text(encoding="utf-8", errors="replace").splitlines():
            words = line.split()
            if words[:1] == ["map_Kd"] and (mesh.parent / words[-1]).is_file():
                return mesh.parent / words[-1]
    found = [path for path in sorted(mesh.parent.glob("*")) if path.suffix.lower() in SUFFIXES]
    if len(found) != 1:
        raise CaptureError(
            "no texture: neither a material with map_Kd nor a single picture", code="no-texture", file=mesh
        )
    return found[0]


def _posed(scan: Scan) -> Posed:
    """The scan as the renderer takes people: its texture sampled on every triangle."""
    count, faces = len(scan.vertices), len(scan.faces)
    grids = bake.resolutions(scan.vertices, scan.faces, _TEXEL)
    starts, total = bake.layout(grids)
    flat = np.concatenate([scan.places.reshape(-1, 2), np.zeros((3 * faces, 1))], axis=1)
    places, samples = bake.sample_places(flat, np.arange(3 * faces).reshape(-1, 3), np.arange(faces), grids, starts)
    texels = np.full((total, 5), 128, np.uint8)  # no relief
    texels[samples, :3] = _looked_up(scan.texture, places[:, :2])
    normals = vertex_normals(scan.vertices, scan.faces)
    baked = bake.Baked(
        vertices=scan.vertices.astype(np.float32),
        normals=normals.astype(np.float32),
        bones=np.zeros((count, 1), np.int64),
        weights=np.ones((count, 1), np.float32),
        occlusion=np.ones(count, np.float32),
        faces=scan.faces.astype(np.int64),
        parts=np.full(faces, bake.PARTS.index("trunk"), np.uint8),
        looks=np.zeros(faces, np.uint8),
        gloss=np.zeros(1, np.float32),
        roughness=np.ones(1, np.float32),
        grids=grids.astype(np.uint8),
        starts=starts,
        texels=texels,
        outline=np.arange(count),
    )
    still = torch.eye(3, 4)[None, None]
    return Actor.of(baked).posed(still)


def _looked_up(texture: UInt8[np.ndarray, "h w 3"], places: Float[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "n 3"]:
    """Colours of the texture, linearly between its pixels' centres."""
    height, width = texture.shape[:2]
    x = (places[:, 0] * width - 0.5).astype(np.float32)
    y = ((1 - places[:, 1]) * height - 0.5).astype(np.float32)
    step = 1 << 14  # OpenCV's pictures are at most 32767 wide
    parts = [
        cv2.remap(texture, x[None, i : i + step], y[None, i : i + step], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE)
        for i in range(0, len(x), step)
    ]
    return np.concatenate(parts, axis=1)[0]
