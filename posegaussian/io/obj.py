"""Reader of a textured mesh in a folder: one .obj (Wavefront) and the texture that its material names."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int, UInt8

from posegaussian.errors import CaptureError
from posegaussian.io.images import IMAGE_SUFFIXES, ImageFile, read_image
from posegaussian.text import read_text


@dataclass(frozen=True)
class TexturedMesh:
    """A mesh with texture coordinates."""

    vertices: Float[np.ndarray, "v 3"]  # in the file's unit and axes
    faces: Int[np.ndarray, "f 3"]  # vertex indices of triangles, from 0; the file's polygons become fans of triangles
    # texture coordinates of the corners of each face: shares of its width and height, from the lower left
    uv: Float[np.ndarray, "f 3 2"]
    texture: UInt8[np.ndarray, "h w 3"]  # RGB


def read_textured_mesh(folder: Path) -> TexturedMesh:
    """The mesh and texture of a folder.

    Raises:
        CaptureError: there is not exactly one .obj, it cannot be read, or it has no texture.
    """
    found = sorted(folder.glob("*.obj"))
    if len(found) != 1:
        raise CaptureError(f"{len(found)} .obj files, not one", code="not-one-mesh", file=folder)
    vertices, uv, faces, corners = _read_obj(found[0])
    texture = read_image(ImageFile(_texture(found[0])), folder.name, 0)
    return TexturedMesh(vertices, faces, uv[corners], texture)


def _read_obj(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vertices, texture coordinates, and the indices of both for the corners of each triangle."""
    vertices, uv, faces, corners = [], [], [], []
    try:
        for line in read_text(path).splitlines():
            kind, *words = line.split() or [""]
            if kind == "v":
                vertices.append([float(word) for word in words[:3]])
            elif kind == "vt":
                uv.append([float(word) for word in words[:2]])
            elif kind == "f":
                numbers = [word.split("/") for word in words]
                for b, c in pairwise(numbers[1:]):
                    faces.append([_index(corner[0], vertices) for corner in (numbers[0], b, c)])
                    corners.append([_index(corner[1], uv) for corner in (numbers[0], b, c)])
        arrays = (np.array(vertices), np.array(uv), np.array(faces), np.array(corners))
        if not len(faces) or not all(np.isfinite(numbers).all() for numbers in arrays[:2]):
            raise ValueError
    except (OSError, ValueError, IndexError):
        raise CaptureError(
            "not an .obj with triangles and texture coordinates", code="unreadable-mesh", file=path
        ) from None
    return arrays


def _index(text: str, listed: Sequence) -> int:
    """Index of an entry, from 0: files count from 1, or back from the last entry so far."""
    number = int(text)
    index = number - 1 if number > 0 else len(listed) + number
    if not 0 <= index < len(listed):
        raise IndexError
    return index


def _texture(mesh: Path) -> Path:
    """Path of the image that the material names, or else of the only one in the folder."""
    for material in sorted(mesh.parent.glob("*.mtl")):
        for line in read_text(material).splitlines():
            words = line.split()
            with suppress(OSError):  # a name that is too long
                if words[:1] == ["map_Kd"] and (mesh.parent / words[-1]).is_file():
                    return mesh.parent / words[-1]
    found = [path for path in sorted(mesh.parent.glob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    if len(found) != 1:
        raise CaptureError(
            "no texture: neither a material with map_Kd nor a single image", code="no-texture", file=mesh
        )
    return found[0]
