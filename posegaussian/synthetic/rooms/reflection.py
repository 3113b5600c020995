"""A room in cameras, with what its floor reflects where it is polished.

A mirrored camera below the floor sees what the floor reflects. To keep the orientation of triangles, its image is
mirrored from left to right as well, and turned back at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from posegaussian.geometry.lens import SourceCamera
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import Lights, ShadowMap
from posegaussian.synthetic.renderer.render import SAMPLES, RenderedColours, render_colours
from posegaussian.synthetic.rooms.bystanders import Bystanders, with_bystanders
from posegaussian.synthetic.rooms.darkening import Shade, dark_pixels, images_in_room
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.view import RoomView, dense_camera, pinhole_rays, plate, pooled, view_room
from posegaussian.types import Camera, Tensors

AT_NORMAL = 0.04
"""Share of the light that varnish, stone and water reflect at normal incidence (index of refraction 1.5)."""
FLAT = 1e-3
"""Samples this near to the floor belong to it, metres."""


@dataclass(frozen=True)
class SeenRoom(Tensors):
    """A room in n cameras.

    Args:
        view: of the room; the floor lacks the share that it reflects.
        mirror: of the mirrored cameras; None where no floor is polished.
        share: of the light that the floor reflects at each sample.
        camera: the cameras.
        lens: OpenCV's distortion; None for pinholes.
    """

    view: RoomView
    mirror: RoomView | None
    share: Float32[Tensor, "n hs ws"] | None
    camera: Camera
    lens: Float32[Tensor, "n 5"] | None

    @staticmethod
    def of(lit: LitRoom, camera: Camera, lens: Float32[Tensor, "n 5"] | None = None) -> SeenRoom:
        """A room in n cameras; on the CPU with distorted lenses, of one camera."""
        rays = _rays(camera, lens)
        view = view_room(lit, camera, lens, rays)
        if not lit.room.gloss:
            return SeenRoom(view, None, None, camera, lens)
        rays = pinhole_rays(dense_camera(camera)) if rays is None else rays
        share = _reflected(lit.room.gloss, rays.view(*view.depth.shape, 3), view.depth, camera.centre[:, 2])
        view = replace(view, colours=(view.colours * (1 - share)[..., None]).half())
        other, other_lens = mirrored(camera), mirrored_lens(lens)
        return SeenRoom(
            view, view_room(_without_floor(lit), other, other_lens, _rays(other, other_lens)), share, camera, lens
        )

    def inhabited(self, people: Sequence[PosedMesh], places: Bystanders | None, lights: Lights) -> SeenRoom:
        """The same with other people; arguments as for `with_bystanders`."""
        view = with_bystanders(self.view, people, places, self.camera, lights, self.lens)
        if self.mirror is None:
            return replace(self, view=view)
        camera, lens = mirrored(self.camera), mirrored_lens(self.lens)
        return replace(self, view=view, mirror=with_bystanders(self.mirror, people, places, camera, lights, lens))

    def quick(self, lamp: Camera, middle: Float32[Tensor, 3]) -> SeenRoom:
        """The same, but quicker on the CPU; arguments as for `dark_pixels`."""
        mirror = None if self.mirror is None else dark_pixels(self.mirror, lamp, middle)
        return replace(self, view=dark_pixels(self.view, lamp, middle), mirror=mirror)

    def plate(self) -> Float32[Tensor, "n 3 h w"]:
        """Images of the room without the person."""
        if self.mirror is None or self.share is None:
            return plate(self.view)
        return plate(self.view) + pooled(self.share[..., None]).permute(0, 3, 1, 2) * plate(self.mirror).flip(-1)

    def images(
        self,
        posed: PosedMesh,
        frame: Int64[Tensor, n],
        camera: Camera,
        lights: Lights,
        shadows: ShadowMap,
        shade: Shade,
        shaded: Int64[Tensor, n] | None = None,
    ) -> tuple[Float32[Tensor, "n 3 h w"], RenderedColours]:
        """Images of a person in the room, and the person alone.

        Args:
            posed: the person in t frames.
            frame: the frame of the mesh that each image shows.
            camera: those of the images: those of the room, once for each of several frames.
            lights: the light.
            shadows: of the first lamp.
            shade: of the person.
            shaded: the frame of the shade; None: that of the mesh.
        """
        shaded, times = frame if shaded is None else shaded, len(frame) // len(self.view.depth)
        scene = lights, shadows
        rendered = render_colours(posed, frame, camera, *scene, self.lens, self.view.depth.repeat(times, 1, 1))
        images = images_in_room(self.view, rendered, shaded, shade)
        if self.mirror is None or self.share is None or rendered.hit is None:
            return images, rendered
        lens, limit = mirrored_lens(self.lens), self.mirror.depth.repeat(times, 1, 1)
        below = render_colours(posed, frame, mirrored(camera), *scene, lens, limit)
        share = pooled((self.share.repeat(times, 1, 1) * ~rendered.hit)[..., None]).permute(0, 3, 1, 2)
        return images + share * images_in_room(self.mirror, below, shaded, shade).flip(-1), rendered


def mirrored(camera: Camera) -> Camera:
    """n cameras below the floor, whose images are mirrored from left to right."""
    pose, lens = camera.world_to_camera, camera.intrinsics
    across = torch.cat([-pose[:, :1], pose[:, 1:]], dim=1)
    pose = torch.cat([across[:, :, :2], -across[:, :, 2:3], across[:, :, 3:]], dim=2)
    first = torch.stack([lens[:, 0, 0], -lens[:, 0, 1], camera.width - lens[:, 0, 2]], dim=1)
    return replace(camera, world_to_camera=pose, intrinsics=torch.cat([first[:, None], lens[:, 1:]], dim=1))


def mirrored_lens(lens: Float32[Tensor, "n 5"] | None) -> Float32[Tensor, "n 5"] | None:
    """The distortion of an image that is mirrored from left to right."""
    return None if lens is None else torch.cat([lens[:, :3], -lens[:, 3:4], lens[:, 4:]], dim=1)


def sample_rays(camera: Camera, distortion: Float[np.ndarray, 5]) -> Float32[Tensor, "1 s 3"]:
    """Directions of the samples of a camera with a distorted lens, of unit depth."""
    dense = camera[0].resized(SAMPLES * camera.width, SAMPLES * camera.height)
    lens = SourceCamera(
        dense.intrinsics.double().numpy(), distortion, dense.world_to_camera.double().numpy(), dense.width, dense.height
    )
    x, y = np.meshgrid(np.arange(dense.width) + 0.5, np.arange(dense.height) + 0.5)
    rays = lens.directions(np.stack([x.ravel(), y.ravel()], axis=1))
    return torch.from_numpy(np.nan_to_num(rays).astype(np.float32))[None]


def _rays(camera: Camera, lens: Float32[Tensor, "n 5"] | None) -> Float32[Tensor, "n s 3"] | None:
    """Directions of the samples; None for pinholes."""
    return None if lens is None or not lens.any() else sample_rays(camera, lens[0].double().numpy())


def _reflected(
    gloss: float, rays: Float32[Tensor, "n hs ws 3"], depth: Float32[Tensor, "n hs ws"], height: Float32[Tensor, n]
) -> Float32[Tensor, "n hs ws"]:
    """Share of the light that the floor reflects at each sample (Schlick, 1994); 0 beside the floor."""
    x, y, z = rays.unbind(-1)
    floor = (height[:, None, None] + z * depth).abs() < FLAT
    cosine = -z / (x * x + y * y + z * z).sqrt()
    return gloss * (AT_NORMAL + (1 - AT_NORMAL) * (1 - cosine).clamp(0, 1) ** 5) * floor


def _without_floor(lit: LitRoom) -> LitRoom:
    """The room without its floor: its triangles have no area."""
    floor = (lit.room.rows[:, 11] > 1 - FLAT) & (lit.room.rows[:, 2].abs() < FLAT)
    faces = lit.mesh.faces.masked_fill(floor[lit.mesh.panel][:, None], 0)
    return replace(lit, mesh=replace(lit.mesh, faces=faces))
