"""Projection of vertices to pixels and inverse depth, with or without lens distortion.

Distortion moves the vertices only; triangles are a few pixels large, so within one the image is close to linear.
All products are elementwise instead of matrix products, so that every device gets the same bits.
"""

import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.renderer.constants import NEAR
from posegaussian.types import Camera


def project_vertices(
    vertices: Float32[Tensor, "n v 3"], camera: Camera, distortion: Float32[Tensor, "n 5"] | None = None
) -> Float32[Tensor, "n v 3"]:
    """x and y in pixels, and inverse depth (0 for points nearer than `NEAR`), of vertices in n cameras.

    Args:
        vertices: metres, in the world.
        camera: n cameras.
        distortion: OpenCV's k1, k2, p1, p2, k3 of each; None for pinholes.
    """
    # A point for each of many cameras is no mesh: the kernel runs once for each camera, of which a launch has 65,535.
    if vertices.is_cuda and distortion is None and has_triton() and len(vertices) < vertices.shape[1]:
        from posegaussian.synthetic.renderer import kernels

        return kernels.project(vertices, camera)
    x, y, z = vertices[:, None].unbind(-1)
    pose = camera.world_to_camera[:, :3, :, None]
    local = pose[:, :, 0] * x + pose[:, :, 1] * y + pose[:, :, 2] * z + pose[:, :, 3]
    depth = local[:, 2:]
    seen = depth > NEAR
    inverse = 1 / depth.where(seen, 1)
    x, y = (local[:, :2] * inverse).split(1, 1)
    if distortion is not None:
        x, y = distorted(x[:, 0], y[:, 0], distortion)
        x, y = x[:, None], y[:, None]
    matrix = camera.intrinsics[:, :2, :, None]
    pixels = matrix[:, :, 0] * x + matrix[:, :, 1] * y + matrix[:, :, 2]
    return torch.cat([pixels, inverse * seen], dim=1).mT.contiguous()


def distorted(
    x: Float32[Tensor, "n v"], y: Float32[Tensor, "n v"], coefficients: Float32[Tensor, "n 5"]
) -> tuple[Float32[Tensor, "n v"], Float32[Tensor, "n v"]]:
    """Distorted points at depth 1, by OpenCV's lens model (Brown-Conrady)."""
    k1, k2, p1, p2, k3 = (coefficients[:, i, None] for i in range(5))
    square = x * x + y * y
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    return (
        x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
        y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
    )
