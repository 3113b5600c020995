"""Each frame of a person in front of a room.

A frame adds the person's samples, hides those behind things that stand before the person, and takes away the light that
the person keeps from the room: the first lamp's by the shadow map, ambient light near the feet by the contact map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.acceleration import has_triton
from posegaussian.synthetic.renderer.lights import Lights, ShadowMap
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.render import SAMPLES, RenderedColours
from posegaussian.synthetic.rooms.contact import EXTENT, contact_at, depth_from_below, free_light
from posegaussian.synthetic.rooms.view import RoomView, pooled
from posegaussian.types import Camera, Tensors

LEAST_SHARE = 0.004
"""Where the first lamp gives a smaller share of the light, a person casts no visible shadow: a level of 8 bits."""
HIGHEST = 1.0
"""The contact map darkens nothing above this height, metres: e^-4 of its darkness is left there."""


@dataclass(frozen=True)
class Shade(Tensors):
    """What keeps light away from a room: a person in t frames."""

    shadows: ShadowMap  # of the first lamp
    softness: Float32[Tensor, ""]  # width of a shadow's edge, metres
    free: Float32[Tensor, "t s s"]  # contact map: share of the ambient light that reaches the floor
    middle: Float32[Tensor, 3]  # of the contact map, metres

    @staticmethod
    def of(posed: PosedMesh, shadows: ShadowMap, lights: Lights, middle: Float32[Tensor, 3]) -> Shade:
        """The shade of a person around a place on the floor."""
        return Shade(shadows, lights.softness, contact_map(posed, middle), middle)


def contact_map(posed: PosedMesh, middle: Float32[Tensor, 3]) -> Float32[Tensor, "t s s"]:
    """Share of the ambient light that reaches the floor.

    Args:
        posed: the person in t frames.
        middle: of the map, metres; only x and y count.
    """
    depth = depth_from_below(posed, middle)
    if not (depth.is_cuda and has_triton()):
        return free_light(depth)
    from posegaussian.synthetic.rooms import darkening_triton

    return darkening_triton.free_light(depth)


def images_in_room(
    view: RoomView, rendered: RenderedColours, frame: Int64[Tensor, n], shade: Shade
) -> Float32[Tensor, "n 3 h w"]:
    """Images of a person in a room, RGB.

    Args:
        view: the empty room in v cameras; image i is seen by camera i modulo v.
        rendered: the person, rendered with the depths of the view as limit.
        frame: the frame that each image shows.
        shade: of the person.
    """
    if view.depth.is_cuda and has_triton():
        from posegaussian.synthetic.rooms import darkening_triton

        light = view.key, view.points, view.normals
        assert rendered.hit is not None, "the person was rendered without a limit"
        return darkening_triton.composed(
            light,
            view.colours,
            rendered.hit,
            rendered.colours,
            frame,
            shade.shadows,
            shade.softness,
            shade.free,
            shade.middle,
        )
    view = view.frames(len(frame) // len(view.depth))
    return composed(view, rendered, darkness(view, frame, shade))


def darkness(view: RoomView, frame: Int64[Tensor, n], shade: Shade) -> Float32[Tensor, "n h w 3"]:
    """What a person leaves of the light in each pixel of the room."""
    count = view.key.shape[0]
    pixels = view.key[0, ..., 0].numel()
    number = torch.arange(count * pixels, device=frame.device) if view.where is None else view.where
    image = number // pixels
    lit = shade.shadows.visibility(view.points, view.normals, frame[image], shade.softness)[:, None]
    near = contact_at(shade.free, shade.middle, view.points.expand(len(shade.free), -1, -1))
    near = near.gather(0, frame[image][None])[0, :, None]
    share = view.key.reshape(-1, 3)[number].float()
    left = share * lit + (1 - share) * near
    if view.where is None:
        return left.view(view.key.shape)
    whole = torch.ones_like(view.key, dtype=torch.float32).view(-1, 3)
    whole[number] = left
    return whole.view(view.key.shape)


def composed(view: RoomView, rendered: RenderedColours, left: Float32[Tensor, "n h w 3"]) -> Float32[Tensor, "n 3 h w"]:
    """Images of a person in a room, RGB: the samples that show the person, and the room's at all others."""
    assert rendered.hit is not None, "the person was rendered without a limit"
    room = pooled(view.colours.float() * (~rendered.hit)[..., None]) * left
    return rendered.colours + room.permute(0, 3, 1, 2)


def inhabited(
    view: RoomView,
    depth: Float32[Tensor, "n hs ws"],
    colours: Float32[Tensor, "n 3 hs ws"],
    frame: Int64[Tensor, n],
    shade: Shade,
) -> RoomView:
    """The view of a room, of all pixels, with one more person and their shadow in it.

    Args:
        view: the room in n cameras.
        depth: of the person at each sample, metres; 0 where they are not.
        colours: of the person at each sample, RGB on black.
        frame: zeros.
        shade: of the person.
    """
    if depth.is_cuda and has_triton():
        from posegaussian.synthetic.rooms import darkening_triton

        light = view.key, view.points, view.normals
        rest = shade.shadows, shade.softness, shade.free, shade.middle
        found = darkening_triton.inhabited(light, view.colours, view.depth, colours, depth, frame, *rest)
        return replace(view, depth=found[0], colours=found[1], key=found[2])
    left = darkness(view, frame, shade)
    hit = (depth > 0) & (depth < view.depth)
    room = view.colours.float() * left.repeat_interleave(SAMPLES, 1).repeat_interleave(SAMPLES, 2)
    return replace(
        view,
        depth=torch.where(hit, depth, view.depth),
        colours=torch.where(hit[..., None], colours.permute(0, 2, 3, 1), room).half(),
        key=(view.key * (1 - pooled(hit[..., None].float()))).half(),
    )


def dark_pixels(view: RoomView, lamp: Camera, middle: Float32[Tensor, 3]) -> RoomView:
    """The view of the CPU, which handles no pixel that the person cannot darken."""
    x, y, inverse = project_vertices(view.points[None], lamp)[0].unbind(1)
    shaded = (inverse > 0) & (x >= 0) & (y >= 0) & (x < lamp.width) & (y < lamp.height)
    shaded &= view.key.reshape(-1, 3).amax(1) > LEAST_SHARE
    near = ((view.points - middle)[:, :2].abs() < EXTENT).all(1) & (view.points[:, 2] < HIGHEST)
    where = (shaded | near).nonzero()[:, 0]
    return replace(view, where=where, points=view.points[where], normals=view.normals[where])
