"""What cameras see of an empty room: computed once, since room and light do not change from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float16, Float32, Int64, UInt8
from torch import Tensor

from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.render import SAMPLES, GroundTruth
from posegaussian.synthetic.renderer.zbuffer import rasterize
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.shading import shade_images
from posegaussian.synthetic.rooms.surfaces import PERSON
from posegaussian.types import Camera, Tensors

NOWHERE = 1e3
"""Coordinates of the points of pixels that show nothing, metres: nobody darkens them."""


@dataclass(frozen=True)
class RoomView(Tensors):
    """The empty room in n cameras."""

    depth: Float32[Tensor, "n hs ws"]  # at each sample, metres; infinite where nothing is
    colours: Float16[Tensor, "n hs ws 3"]  # RGB at each sample, with all light
    key: Float16[Tensor, "n h w 3"]  # share of the first lamp in the colours, RGB of each pixel
    where: Int64[Tensor, k] | None  # pixels that a person may darken, numbers within the n images; None: all
    points: Float32[Tensor, "k 3"]  # their places, metres
    normals: Float32[Tensor, "k 3"]  # their normals, towards the camera

    def frames(self, count: int) -> RoomView:
        """The same views in each of some frames, frame by frame; of several frames only for views of all pixels."""
        if count == 1:
            return self
        assert self.where is None
        return self.map(lambda values: values.repeat(count, *[1] * (values.ndim - 1)))


@dataclass(frozen=True)
class RoomTruth(Tensors):
    """Depth and labels of the empty room at the pixels' centres; 0 where nothing is."""

    depth: Float32[Tensor, "n h w"]  # along the optical axis, metres
    labels: UInt8[Tensor, "n h w"]  # `surfaces.ROOM` or `surfaces.OBJECT`


def view_room(
    lit: LitRoom,
    camera: Camera,
    distortion: Float32[Tensor, "n 5"] | None = None,
    rays: Float32[Tensor, "n s 3"] | None = None,
) -> RoomView:
    """The empty room in n cameras.

    Args:
        lit: the room.
        camera: n cameras.
        distortion: OpenCV's k1, k2, p1, p2, k3 of each; None for pinholes.
        rays: directions of the samples in the world, of unit depth, where lenses are distorted.
    """
    dense = dense_camera(camera)
    face, depth = _rasterized(lit, dense, distortion)
    limit = depth.masked_fill(face < 0, torch.inf)
    if face.is_cuda and distortion is None and has_triton():
        from posegaussian.synthetic.rooms import shading_triton

        colours, key, points, normals = shading_triton.shade_view(lit, dense, camera.centre, face, depth)
        return RoomView(limit, colours, key, None, points.view(-1, 3), normals.view(-1, 3))
    rays = pinhole_rays(dense) if rays is None else rays
    eyes, spacing = camera.centre, 1 / dense.intrinsics[:, 0, 0]
    shape = *face.shape, 3
    rays = rays.view(shape)
    rest, key = shade_images(lit, face, depth, rays, eyes, spacing)
    colours = rest + key
    share = pooled(key) / pooled(colours).clamp_min(1e-6)
    one = (slice(None), slice(0, None, SAMPLES), slice(0, None, SAMPLES))
    points = eyes[:, None, None] + rays[one] * depth[one][..., None]
    row = lit.room.rows[lit.mesh.panel[face[one].clamp_min(0).long()], 9:12]
    row = torch.where((row * rays[one]).sum(-1, keepdim=True) > 0, -row, row)
    points = torch.where((face[one] < 0)[..., None], torch.full_like(points, NOWHERE), points)
    return RoomView(limit, colours.half(), share.half(), None, points.reshape(-1, 3), row.reshape(-1, 3))


def room_truth(lit: LitRoom, camera: Camera, distortion: Float32[Tensor, "n 5"] | None = None) -> RoomTruth:
    """Depth and labels of the empty room in n cameras, one sample at each pixel's centre."""
    face, depth = _rasterized(lit, camera, distortion)
    labels = lit.room.label[lit.mesh.panel[face.clamp_min(0).long()]] * (face >= 0)
    return RoomTruth(depth, labels.to(torch.uint8))


def plate(view: RoomView) -> Float32[Tensor, "n 3 h w"]:
    """Images of the empty room, RGB."""
    return pooled(view.colours.float()).permute(0, 3, 1, 2)


def visible_truth(person: GroundTruth, room: RoomTruth) -> tuple[GroundTruth, RoomTruth]:
    """The ground truth of a person where nothing stands before them, and depth and labels of everything."""
    seen = (person.depth > 0) & ((room.depth == 0) | (person.depth <= room.depth))
    whole = RoomTruth(torch.where(seen, person.depth, room.depth), room.labels.masked_fill(seen, PERSON))
    return GroundTruth(person.depth * seen, person.parts * seen), whole


def pooled(samples: Float32[Tensor, "n hs ws c"]) -> Float32[Tensor, "n h w c"]:
    """Means over the samples of each pixel."""
    parts = [samples[:, i::SAMPLES, j::SAMPLES] for i in range(SAMPLES) for j in range(SAMPLES)]
    return (parts[0] + parts[1] + parts[2] + parts[3]) / len(parts)


def dense_camera(camera: Camera) -> Camera:
    """n cameras whose pixels are the samples of these; `Camera.resized` would make the host wait for the device."""
    matrix = torch.cat([SAMPLES * camera.intrinsics[:, :2], camera.intrinsics[:, 2:]], dim=1)
    return Camera(matrix, camera.world_to_camera, SAMPLES * camera.width, SAMPLES * camera.height)


def pinhole_rays(camera: Camera) -> Float32[Tensor, "n s 3"]:
    """Directions of the pixels of n cameras in the world, of unit depth along the optical axis."""
    like = camera.intrinsics
    x = torch.arange(camera.width, device=like.device) + 0.5
    y = torch.arange(camera.height, device=like.device)[:, None] + 0.5
    focal, middle = like.diagonal(dim1=1, dim2=2)[..., None, None], like[:, :2, 2][..., None, None]
    skew = like[:, 0, 1, None, None]
    down = ((y - middle[:, 1]) / focal[:, 1]).expand(-1, -1, camera.width)
    across = (x - middle[:, 0] - skew * down) / focal[:, 0]
    turn = camera.world_to_camera[:, :3, :3, None, None]
    rays = across[:, None] * turn[:, 0] + down[:, None] * turn[:, 1] + turn[:, 2]
    return rays.flatten(2).mT.contiguous()


def _rasterized(lit: LitRoom, camera: Camera, distortion: Float32[Tensor, "n 5"] | None):
    vertices = lit.mesh.vertices.expand(len(camera.intrinsics), -1, -1)
    points = project_vertices(vertices, camera, distortion)
    return rasterize(points, lit.mesh.faces, camera.width, camera.height, large=True)
