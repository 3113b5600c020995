"""Photographs of a mesh in NumPy: the plain reference of the engine's photographer, pixel by pixel and without tricks.

A z-buffer in Numba in float64; colour and mask are supersampled, depth is not; no shadows, no occlusion, no highlights.
"""

from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int32, UInt8
from numba import njit

from posegaussian.synthetic.mesh.mesh import Mesh
from posegaussian.synthetic.renderer.constants import NEAR
from posegaussian.synthetic.rigs.rig import RigCamera

SUPERSAMPLING = 2
"""Samples per pixel and axis, for colour and mask."""


@dataclass(frozen=True)
class Light:
    """Ambient light and distant lamps; what they reflect (Lambert) does not depend on the viewpoint.

    Args:
        ambient: strength of the light from everywhere.
        directions: from the person towards each lamp, unit length.
        strengths: RGB of each lamp.
        background: RGB of the studio behind the person, 0..1.
    """

    ambient: float
    directions: Float[np.ndarray, "lamps 3"]
    strengths: Float[np.ndarray, "lamps 3"]
    background: Float[np.ndarray, "3"]

    def shade(self, albedo: Float[np.ndarray, "n 3"], normals: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Colours of lit surface points; the ambient light is a third stronger from above than from below."""
        lamps = np.maximum(normals @ self.directions.T.astype(normals.dtype), 0) @ self.strengths.astype(normals.dtype)
        sky = self.ambient * (1 + 0.15 * normals[:, 2:])
        return np.clip(albedo * (sky + lamps), 0, 1)


def make_light(seed: int) -> Light:
    """A key lamp from one side, a weaker one from the other, before a grey wall."""
    rng = np.random.default_rng([seed, 29])
    side = rng.choice([-1.0, 1.0])
    directions = np.array([[side * 0.7, -0.8, 0.6], [-side, -0.3, 0.25]]) + rng.uniform(-0.15, 0.15, (2, 3))
    warmth = np.array([1.0, 1.0, 1.0]) + rng.uniform(-0.06, 0.06) * np.array([1.0, 0.0, -1.0])
    strengths = np.array([rng.uniform(0.45, 0.6) * warmth, rng.uniform(0.15, 0.3) * warmth[::-1]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return Light(rng.uniform(0.42, 0.52), directions, strengths, np.full(3, rng.uniform(0.35, 0.5)))


@dataclass(frozen=True)
class Photograph:
    """One picture and the truth about it.

    Args:
        image: RGB.
        mask: how much of each pixel the person covers, 0..255.
        depth: along the optical axis at the pixel's centre, metres; 0 where nobody is.
        faces: the mesh's face seen at the pixel's centre, -1 where nobody is.
    """

    image: UInt8[np.ndarray, "h w 3"]
    mask: UInt8[np.ndarray, "h w"]
    depth: Float32[np.ndarray, "h w"]
    faces: Int32[np.ndarray, "h w"]


def photograph(mesh: Mesh, view: RigCamera, light: Light) -> Photograph:
    """Take a picture of a mesh."""
    pixels, inverse = _projected(mesh.vertices, view)
    faces, nearest = _rasterize(pixels, inverse, mesh.faces, view.width, view.height)
    factor = SUPERSAMPLING
    fine = factor * pixels
    samples, _ = _rasterize(fine, inverse, mesh.faces, factor * view.width, factor * view.height)
    colours = np.tile(light.background.astype(np.float32), (*samples.shape, 1))
    hit = samples >= 0
    colours[hit] = _shade(mesh, light, samples, fine, inverse)
    image, coverage = _pooled(colours), _pooled(hit.astype(np.float32))
    depth = np.divide(1, nearest, out=np.zeros_like(nearest), where=faces >= 0)
    return Photograph(_bytes(image), _bytes(coverage), depth.astype(np.float32), faces)


def _pooled(samples: np.ndarray) -> np.ndarray:
    """Means over the samples of each pixel."""
    parts = [samples[i::SUPERSAMPLING, j::SUPERSAMPLING] for i, j in np.ndindex(SUPERSAMPLING, SUPERSAMPLING)]
    return np.add.reduce(parts) / len(parts)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)


def _projected(
    vertices: Float[np.ndarray, "v 3"], view: RigCamera
) -> tuple[Float[np.ndarray, "v 2"], Float[np.ndarray, "v"]]:
    """Pixels and inverse depths; behind the camera the inverse depth is that of a point too near to draw."""
    camera = vertices @ view.world_to_camera[:3, :3].T + view.world_to_camera[:3, 3]
    inverse = 1 / np.maximum(camera[:, 2], 0.1 * NEAR)
    return inverse[:, None] * (camera @ view.intrinsics[:2].T), inverse


def _shade(
    mesh: Mesh,
    light: Light,
    samples: Int32[np.ndarray, "h w"],
    pixels: Float[np.ndarray, "v 2"],
    inverse: Float[np.ndarray, "v"],
) -> Float[np.ndarray, "n 3"]:
    """Colours of the samples that hit the mesh, in row order; the inner side of cloth is darker."""
    rows, columns = np.nonzero(samples >= 0)
    faces = samples[rows, columns]
    weights, front = _interpolation(pixels, inverse, mesh.faces, faces, rows, columns)
    corners = mesh.faces[faces]
    normals = np.einsum("nk,nkc->nc", weights, mesh.normals[corners])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    canonical = np.einsum("nk,nkc->nc", weights, mesh.canonical[corners])
    albedo = mesh.albedo(canonical, faces) * np.where(front, 1.0, 0.45)[:, None]
    return light.shade(albedo, np.where(front[:, None], normals, -normals))


@njit(cache=True)
@no_type_check
def _edges(pixels, a, b, c, x, y):
    """Twice the signed areas of the triangles that a point makes with each side: barycentric weights times `area`."""
    xa, ya = pixels[a, 0] - x, pixels[a, 1] - y
    xb, yb = pixels[b, 0] - x, pixels[b, 1] - y
    xc, yc = pixels[c, 0] - x, pixels[c, 1] - y
    return xb * yc - xc * yb, xc * ya - xa * yc, xa * yb - xb * ya


@njit(cache=True)
@no_type_check
def _rasterize(pixels, inverse, faces, width, height):
    """The nearest face (-1: none) and its inverse depth (0: none) at every pixel's centre."""
    nearest = np.zeros((height, width))
    owner = np.full((height, width), -1, np.int32)
    for f in range(len(faces)):
        a, b, c = faces[f]
        if max(inverse[a], inverse[b], inverse[c]) > 1 / NEAR:
            continue
        xs, ys = (pixels[a, 0], pixels[b, 0], pixels[c, 0]), (pixels[a, 1], pixels[b, 1], pixels[c, 1])
        left, right = max(int(np.ceil(min(xs) - 0.5)), 0), min(int(np.floor(max(xs) - 0.5)), width - 1) + 1
        for row in range(max(int(np.ceil(min(ys) - 0.5)), 0), min(int(np.floor(max(ys) - 0.5)), height - 1) + 1):
            for column in range(left, right):
                u, v, w = _edges(pixels, a, b, c, column + 0.5, row + 0.5)
                area = u + v + w
                if area != 0 and u * area >= 0 and v * area >= 0 and w * area >= 0:
                    # Inverse depth is linear in the image.
                    z = (u * inverse[a] + v * inverse[b] + w * inverse[c]) / area
                    if z > nearest[row, column]:
                        nearest[row, column] = z
                        owner[row, column] = f
    return owner, nearest


@njit(cache=True)
@no_type_check
def _interpolation(pixels, inverse, faces, chosen, rows, columns):
    """Perspective-correct barycentric weights at pixel centres on chosen faces, and whether the front is seen."""
    weights = np.empty((len(chosen), 3))
    front = np.empty(len(chosen), np.bool_)
    for i in range(len(chosen)):
        a, b, c = faces[chosen[i]]
        u, v, w = _edges(pixels, a, b, c, columns[i] + 0.5, rows[i] + 0.5)
        front[i] = u + v + w < 0  # the image's y axis points down
        u, v, w = u * inverse[a], v * inverse[b], w * inverse[c]
        total = u + v + w
        weights[i] = u / total, v / total, w / total
    return weights, front
