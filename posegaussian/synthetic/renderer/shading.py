"""Shading of surface points: baked albedo and relief, lit by lamps and by ambient light with occlusion."""

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from posegaussian.synthetic.mesh.mesh_colours import SLOPE_SCALE
from posegaussian.synthetic.people.subject_mesh import PosedMesh, SubjectMesh
from posegaussian.synthetic.renderer.lights import Lights, ShadowMap

INNER_SIDE = 0.45
"""Brightness of the inner side of cloth against its outer side; chosen by hand."""
SKY_GRADIENT = 0.15
"""Additional share of ambient light from straight above, and missing share from below; chosen by hand."""


def shade(
    posed: PosedMesh,
    lights: Lights,
    shadows: ShadowMap,
    face: Int64[Tensor, "n"],
    frame: Int64[Tensor, "n"],
    weights: Float32[Tensor, "n 3"],
    front: Bool[Tensor, "n"],
    eye: Float32[Tensor, "n 3"],
) -> Float32[Tensor, "n 3"]:
    """RGB of surface points, 0 and up, by Blinn-Phong.

    Args:
        posed: the mesh in t frames.
        lights: the light.
        shadows: of the first lamp.
        face: triangle of each point.
        frame: number of the frame of each point.
        weights: barycentric weights of the triangle's corners.
        front: whether the camera sees the outer side.
        eye: centre of the camera, metres.
    """
    mesh = posed.mesh
    corners = mesh.faces[face]
    flat = frame[:, None] * posed.vertices.shape[1] + corners
    places = posed.vertices.flatten(0, 1)[flat]
    point = _mixed(weights, places)
    smooth = _unit(_mixed(weights, posed.normals.flatten(0, 1)[flat]))
    colours, slopes = texels(mesh, face, weights)
    albedo = lights.albedo(colours)
    along = places[:, 1] - places[:, 0]
    along = _unit(along - smooth * (along * smooth).sum(1, keepdim=True))
    across = torch.linalg.cross(smooth, along)
    bent = _unit(smooth - slopes[:, :1] * along - slopes[:, 1:] * across)
    side = torch.where(front, 1.0, -1.0)[:, None]
    smooth, bent = side * smooth, side * bent
    open_ = _mixed(weights, mesh.occlusion[corners][..., None])
    lit = shadows.visibility(point, smooth, frame, lights.softness)[:, None]
    material = mesh.material_ids[face].long()
    gloss, sharp = mesh.gloss[material][:, None], blinn_phong_exponent(mesh.roughness)[material]
    view = _unit(eye - point)
    reach = torch.cat([lit, open_.expand(-1, len(lights.directions) - 1)], dim=1)
    # Relief must not catch light from behind the smooth surface: fade it out near grazing angles.
    facing = _along(bent, lights.directions).clamp_min(0) * (4 * _along(smooth, lights.directions)).clamp(0, 1)
    half = view[:, None] + lights.directions
    high = ((bent[:, None] * half).sum(2) / half.norm(dim=2)).clamp_min(0)
    sky = lights.ambient * (1 + SKY_GRADIENT * bent[:, 2:]) * open_
    diffuse = sky + _sum(facing * reach, lights.strengths)
    shine = _sum(high ** sharp[:, None] * (facing > 0) * reach, lights.strengths)
    return albedo * torch.where(front, 1.0, INNER_SIDE)[:, None] * diffuse + gloss * shine * front[:, None]


def texels(
    mesh: SubjectMesh, face: Int64[Tensor, "n"], weights: Float32[Tensor, "n 3"]
) -> tuple[Float32[Tensor, "n 3"], Float32[Tensor, "n 2"]]:
    """Colour and slopes of the relief, interpolated linearly between the three nearest samples of the face's grid."""
    size = mesh.grids[face].long()
    x, y = weights[:, 1] * size, weights[:, 2] * size
    i = torch.minimum(x.long().clamp_min(0), size - 1)
    j = torch.minimum(y.long().clamp_min(0), size - 1 - i)
    x, y = (x - i).clamp(0, 1), (y - j).clamp(0, 1)
    upper = (x + y > 1) & (i + j < size - 1)
    over = upper.long()
    total = (x + y).clamp_max(1)
    first = mesh.starts[face]
    parts = (
        (i + over, j + over, torch.where(upper, x + y - 1, 1 - total)),
        (i + 1, j, torch.where(upper, 1 - y, x / (x + y).clamp_min(1))),
        (i, j + 1, torch.where(upper, 1 - x, y / (x + y).clamp_min(1))),
    )
    found = [share[:, None] * mesh.texels[first + i * (2 * size + 3 - i) // 2 + j].float() for i, j, share in parts]
    values = found[0] + found[1] + found[2]
    return values[:, :3] / 255, (values[:, 3:] - 128) / SLOPE_SCALE


def blinn_phong_exponent(roughness: Float32[Tensor, "m"]) -> Float32[Tensor, "m"]:
    """Blinn-Phong's exponent of a Beckmann roughness (Walter et al., 2007), at the most 200."""
    return (2 / roughness.clamp_min(0.05) ** 4 - 2).clamp(1, 200)


def _along(vectors: Float32[Tensor, "n 3"], directions: Float32[Tensor, "l 3"]) -> Float32[Tensor, "n l"]:
    """Scalar products; no matrix product, since on CUDA that may round to TF32."""
    return (vectors[:, None] * directions).sum(2)


def _sum(shares: Float32[Tensor, "n l"], strengths: Float32[Tensor, "l 3"]) -> Float32[Tensor, "n 3"]:
    """Sum over the lamps."""
    return (shares[:, :, None] * strengths).sum(1)


def _mixed(weights: Float32[Tensor, "n 3"], values: Float32[Tensor, "n 3 c"]) -> Float32[Tensor, "n c"]:
    return weights[:, :1] * values[:, 0] + weights[:, 1:2] * values[:, 1] + weights[:, 2:] * values[:, 2]


def _unit(vectors: Float32[Tensor, "n 3"]) -> Float32[Tensor, "n 3"]:
    x, y, z = vectors.unbind(1)
    return vectors / (x * x + y * y + z * z).clamp_min(1e-20).sqrt()[:, None]
