"""Photographs of a mesh: a z-buffer in Numba, shading in NumPy; colour and mask are supersampled, depth is not."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int32, UInt8
from numba import njit

from posegaussian.captures.synthetic.mesh import Mesh
from posegaussian.captures.synthetic.rig import View

SUPERSAMPLING = 2
"""Samples per pixel and axis, for colour and mask."""
NEAR = 0.05
"""Triangles with a corner nearer than this to the camera's plane are not drawn, metres."""


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


def photograph(mesh: Mesh, view: View, light: Light) -> Photograph:
    """Take a picture of a mesh."""
    camera = mesh.vertices @ view.world_to_camera[:3, :3].T + view.world_to_camera[:3, 3]
    faces, inverse_depth = rasterize(camera, mesh.faces, view.intrinsics, view.width, view.height)
    factor = SUPERSAMPLING
    fine = np.diag([factor, factor, 1.0]) @ view.intrinsics
    samples, _ = rasterize(camera, mesh.faces, fine, factor * view.width, factor * view.height)
    colours = np.tile(light.background.astype(np.float32), (*samples.shape, 1))
    hit = samples >= 0
    colours[hit] = _shade(mesh, view, light, samples, hit, fine)
    shape = (view.height, factor, view.width, factor)
    image = colours.reshape(*shape, 3).mean((1, 3), dtype=np.float32)
    coverage = hit.reshape(shape).mean((1, 3), dtype=np.float32)
    depth = np.divide(1, inverse_depth, out=np.zeros_like(inverse_depth), where=faces >= 0)
    return Photograph(_bytes(image), _bytes(coverage), depth.astype(np.float32), faces)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(255 * values).astype(np.uint8)


def _shade(
    mesh: Mesh,
    view: View,
    light: Light,
    samples: Int[np.ndarray, "h w"],
    hit: Bool[np.ndarray, "h w"],
    intrinsics: Float[np.ndarray, "3 3"],
) -> Float[np.ndarray, "n 3"]:
    """Colours of the samples that hit the mesh, in row order."""
    rows, columns = np.nonzero(hit)
    faces = samples[rows, columns]
    rays = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1) @ np.linalg.inv(intrinsics).T
    rays = rays @ view.world_to_camera[:3, :3]
    weights, front = _where_rays_meet(view.centre, rays, mesh.vertices, mesh.faces, faces)
    corners = mesh.faces[faces]
    normals = np.einsum("nk,nkc->nc", weights, mesh.normals[corners])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12
    canonical = np.einsum("nk,nkc->nc", weights, mesh.canonical[corners])
    albedo = mesh.albedo(canonical, faces)
    albedo = np.where(front[:, None], albedo, 0.45 * albedo)
    return light.shade(albedo, np.where(front[:, None], normals, -normals)).astype(np.float32)


def rasterize(
    camera: Float[np.ndarray, "v 3"],
    faces: Int[np.ndarray, "f 3"],
    intrinsics: Float[np.ndarray, "3 3"],
    width: int,
    height: int,
) -> tuple[Int32[np.ndarray, "h w"], Float[np.ndarray, "h w"]]:
    """The nearest face at every pixel's centre.

    Args:
        camera: vertices in camera axes, metres.
        faces: vertex numbers.
        intrinsics: pixel centres at +0.5.
        width: pixels.
        height: pixels.

    Returns:
        The face (-1: none) and the inverse depth there (0: none).
    """
    depth = np.maximum(camera[:, 2], 1e-9)
    pixels = (camera @ intrinsics.T)[:, :2] / depth[:, None]
    return _rasterize(pixels, 1 / depth, faces, width, height)


@njit(cache=True)
def _rasterize(pixels, inverse, faces, width, height):
    nearest = np.zeros((height, width))
    owner = np.full((height, width), -1, np.int32)
    for f in range(len(faces)):
        a, b, c = faces[f]
        if max(inverse[a], inverse[b], inverse[c]) > 1 / NEAR:
            continue
        xa, ya = pixels[a]
        xb, yb = pixels[b]
        xc, yc = pixels[c]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0:
            continue
        # Edge functions divided by the area are barycentric weights; inverse depth is linear in the image.
        x0, x1 = max(int(np.ceil(min(xa, xb, xc) - 0.5)), 0), min(int(np.floor(max(xa, xb, xc) - 0.5)), width - 1)
        y0, y1 = max(int(np.ceil(min(ya, yb, yc) - 0.5)), 0), min(int(np.floor(max(ya, yb, yc) - 0.5)), height - 1)
        for row in range(y0, y1 + 1):
            y = row + 0.5
            for column in range(x0, x1 + 1):
                x = column + 0.5
                u = ((xb - x) * (yc - y) - (xc - x) * (yb - y)) / area
                v = ((xc - x) * (ya - y) - (xa - x) * (yc - y)) / area
                w = 1 - u - v
                if u >= 0 and v >= 0 and w >= 0:
                    z = u * inverse[a] + v * inverse[b] + w * inverse[c]
                    if z > nearest[row, column]:
                        nearest[row, column] = z
                        owner[row, column] = f
    return owner, nearest


@njit(cache=True)
def _where_rays_meet(origin, rays, vertices, faces, chosen):
    """Barycentric weights where each ray meets the plane of its chosen face, and whether it meets the front."""
    weights = np.empty((len(rays), 3))
    front = np.empty(len(rays), np.bool_)
    for i in range(len(rays)):
        a, b, c = faces[chosen[i]]
        p, q = vertices[b] - vertices[a], vertices[c] - vertices[a]
        normal = np.cross(p, q)
        facing = np.dot(normal, rays[i])
        front[i] = facing < 0
        step = np.dot(normal, vertices[a] - origin) / facing
        r = origin + step * rays[i] - vertices[a]
        square = np.dot(normal, normal)
        weights[i, 1] = np.dot(np.cross(r, q), normal) / square
        weights[i, 2] = np.dot(np.cross(p, r), normal) / square
        weights[i, 0] = 1 - weights[i, 1] - weights[i, 2]
    return weights, front
