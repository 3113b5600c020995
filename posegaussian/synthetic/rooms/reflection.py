"""A room in cameras, with what its mirrors reflect: polished floors, and mirrors on walls."""

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
from posegaussian.synthetic.rooms.mirrors import Mirror, mirrored_lens
from posegaussian.synthetic.rooms.view import RoomView, dense_camera, pinhole_rays, plate, pooled, view_room
from posegaussian.types import Camera


@dataclass(frozen=True)
class Reflection:
    """What n cameras see in a mirror."""

    view: RoomView  # of the mirrored cameras
    share: Float32[Tensor, "n hs ws"]  # of the light that the mirror reflects at each sample
    mirror: Mirror  # of the room

    def added(
        self, share: Float32[Tensor, "n hs ws"], images: Float32[Tensor, "n 3 h w"]
    ) -> Float32[Tensor, "n 3 h w"]:
        """What images of the mirrored cameras add to those of the cameras."""
        return pooled(share[..., None]).permute(0, 3, 1, 2) * images.flip(-1)


@dataclass(frozen=True)
class SeenRoom:
    """A room in n cameras."""

    view: RoomView  # of the room; mirrors lack the share that they reflect
    reflections: tuple[Reflection, ...]  # of the mirrors; on the CPU of those that a camera sees
    camera: Camera  # the cameras
    lens: Float32[Tensor, "n 5"] | None  # OpenCV's distortion; None for pinholes

    @staticmethod
    def of(lit: LitRoom, camera: Camera, lens: Float32[Tensor, "n 5"] | None = None) -> SeenRoom:
        """A room in n cameras; on the CPU with distorted lenses, of one camera."""
        rays = _rays(camera, lens)
        view, found = view_room(lit, camera, lens, rays), []
        for mirror in Mirror.all_of(lit):
            rays = pinhole_rays(dense_camera(camera)) if rays is None else rays
            share = mirror.share(rays.view(*view.depth.shape, 3), view.depth, camera.centre)
            if not share.is_cuda and not share.any():
                continue
            view = replace(view, colours=(view.colours * (1 - share)[..., None]).half())
            other, other_lens = mirror.camera(camera), mirrored_lens(lens)
            seen = view_room(mirror.before(lit), other, other_lens, _rays(other, other_lens))
            found.append(Reflection(seen, share, mirror))
        return SeenRoom(view, tuple(found), camera, lens)

    def inhabited(self, people: Sequence[PosedMesh], places: Bystanders | None, lights: Lights) -> SeenRoom:
        """The same with other people, who may hide mirrors; arguments as for `with_bystanders`."""
        view = with_bystanders(self.view, people, places, self.camera, lights, self.lens)
        hidden, found = view.depth < self.view.depth, []
        for each in self.reflections:
            seen = (people, places, each.mirror.camera(self.camera), lights, mirrored_lens(self.lens))
            found.append(replace(each, view=with_bystanders(each.view, *seen), share=each.share * ~hidden))
        return replace(self, view=view, reflections=tuple(found))

    def quick(self, lamp: Camera, middle: Float32[Tensor, 3]) -> SeenRoom:
        """The same, but quicker on the CPU; arguments as for `dark_pixels`."""
        found = tuple(replace(each, view=dark_pixels(each.view, lamp, middle)) for each in self.reflections)
        return replace(self, view=dark_pixels(self.view, lamp, middle), reflections=found)

    def plate(self) -> Float32[Tensor, "n 3 h w"]:
        """Images of the room without the person."""
        image = plate(self.view)
        for each in self.reflections:
            image = image + each.added(each.share, plate(each.view))
        return image

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
        for each in self.reflections:
            assert rendered.hit is not None
            lens, limit = mirrored_lens(self.lens), each.view.depth.repeat(times, 1, 1)
            other = render_colours(posed, frame, each.mirror.camera(camera), *scene, lens, limit)
            share = each.share.repeat(times, 1, 1) * ~rendered.hit
            images = images + each.added(share, images_in_room(each.view, other, shaded, shade))
        return images, rendered


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
