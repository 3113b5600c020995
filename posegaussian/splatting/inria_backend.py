"""The original 3DGS rasteriser (diff-gaussian-rasterization), if the user has installed it; for research only.

It returns only colours, so depth and alpha come from a second pass with the colour (depth, 1, 0). It needs the field of
view as Python numbers, so every view waits for the device once. A skew in the intrinsics moves the means, but its
projection of covariances ignores it. Its gradient ignores the upper bound of alpha. With antialiasing, opacities are
never lowered to less than 1/200.
"""

from typing import Any

import diff_gaussian_rasterization as inria  # pyright: ignore[reportMissingImports]
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from posegaussian.splatting.background import finish
from posegaussian.splatting.semantics import INRIA, Semantics
from posegaussian.types import Camera, Gaussians, Rendering

_COMPILED_IN = ("alpha_max", "alpha_min", "transmittance_min", "dilation", "near", "footprint", "slope_limit")
"""Semantics that are constants of its kernels."""
_NEAR, _FAR = 0.01, 100.0
"""Clipping planes of the projection matrix; its kernels use neither them nor the depth after projection."""


def refusal(gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> str | None:
    """The reason why this rasteriser cannot render the arguments; None if it can."""
    if gaussians.means.device.type != "cuda":
        return f"runs on CUDA, not on {gaussians.means.device}"
    if gaussians.means.dtype != torch.float32:
        return f"computes in torch.float32, not in {gaussians.means.dtype}"
    if torch.is_grad_enabled() and (cameras.intrinsics.requires_grad or cameras.world_to_camera.requires_grad):
        return "has no gradient for cameras"
    for name in _COMPILED_IN:
        wanted, only = getattr(semantics, name), getattr(INRIA, name)
        if wanted != only:
            return f"supports only {name} = {only}, not {wanted}"
    if semantics.antialiased and not _has_antialiasing():
        return "is installed in an older version, which has no antialiasing"
    return None


def render(gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics) -> Rendering:
    """The rendering of each set with its camera, over its background (views, 3) or black."""
    blended = [_blend(gaussians[i], cameras[i], semantics) for i in range(len(gaussians.means))]
    return finish(torch.stack(blended), background)


def projection_matrix(intrinsics: Float[Tensor, "3 3"], width: int, height: int) -> Float[Tensor, "4 4"]:
    """The matrix from the camera's frame to clip coordinates, for column vectors.

    The rasteriser computes pixels as ((x + 1) width - 1) / 2, counted from the centre of the first pixel. In our
    coordinates, counted from its corner, that is x = 2 pixel / width - 1.
    """
    to_clip = intrinsics.new_tensor([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
    matrix = intrinsics.new_zeros(4, 4)
    matrix[:2, :3] = (to_clip @ intrinsics)[:2]
    matrix[2, 2], matrix[2, 3] = _FAR / (_FAR - _NEAR), -_FAR * _NEAR / (_FAR - _NEAR)
    matrix[3, 2] = 1
    return matrix


def _has_antialiasing() -> bool:
    return "antialiasing" in inria.GaussianRasterizationSettings._fields


def _blend(gaussians: Gaussians, camera: Camera, semantics: Semantics) -> Tensor:
    means = gaussians.means
    fx, fy = camera.intrinsics.diagonal()[:2].tolist()
    projection = projection_matrix(camera.intrinsics, camera.width, camera.height)
    options: dict[str, Any] = {"antialiasing": semantics.antialiased} if _has_antialiasing() else {}
    rasterizer = inria.GaussianRasterizer(
        inria.GaussianRasterizationSettings(
            image_height=camera.height,
            image_width=camera.width,
            tanfovx=camera.width / (2 * fx),
            tanfovy=camera.height / (2 * fy),
            bg=means.new_zeros(3),
            scale_modifier=1.0,
            viewmatrix=camera.world_to_camera.T.contiguous(),
            projmatrix=(projection @ camera.world_to_camera).T.contiguous(),
            sh_degree=0,
            campos=camera.centre,
            prefiltered=False,
            debug=False,
            **options,
        )
    )
    shapes = {
        "means3D": means,
        "means2D": torch.zeros_like(means),
        "opacities": gaussians.opacities[:, None],
        "scales": gaussians.scales,
        "rotations": normalize(gaussians.quaternions, dim=-1),
    }
    depths = means @ camera.world_to_camera[2, :3] + camera.world_to_camera[2, 3]
    extras = torch.stack([depths, torch.ones_like(depths), torch.zeros_like(depths)], -1)
    colors = rasterizer(**shapes, colors_precomp=gaussians.colors)[0]
    return torch.cat([colors, rasterizer(**shapes, colors_precomp=extras)[0][:2]])
