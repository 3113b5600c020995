"""Other people who stand in a room: they do not move within a capture or clip, so they are part of the empty room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import Lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours, render_ground_truth
from posegaussian.synthetic.rooms.darkening import Shade, inhabited
from posegaussian.synthetic.rooms.surfaces import OTHER
from posegaussian.synthetic.rooms.view import RoomTruth, RoomView, dense_camera
from posegaussian.types import Camera, Tensors, stack

MIDDLE = 1.0
"""Height of the middle of a shadow map, metres."""


@dataclass(frozen=True)
class Bystanders(Tensors):
    """Where k other people stand.

    Args:
        place: x and y of each, metres.
        turn: cosine and sine of how each is turned; computed on the host, since devices round them differently.
        lamp: camera of the shadow map of each.
    """

    place: Float32[Tensor, "k 2"]
    turn: Float32[Tensor, "k 2"]
    lamp: Camera

    @staticmethod
    def of(places: Float32[Tensor, "k 3"], lights: Lights) -> Bystanders | None:
        """From x, y and yaw of each, on the CPU; None where there is nobody."""
        if not len(places):
            return None
        centres = torch.cat([places[:, :2], torch.full_like(places[:, :1], MIDDLE)], dim=1).double().numpy()
        turn = torch.stack([places[:, 2].cos(), places[:, 2].sin()], dim=1)
        return Bystanders(places[:, :2], turn, stack([lamp_camera(lights, centre) for centre in centres]))


def placed(posed: PosedMesh, bystanders: Bystanders, number: int) -> PosedMesh:
    """A person moved from where they are to where a bystander stands."""
    middle = (posed.vertices[..., :2].amin(1) + posed.vertices[..., :2].amax(1)) / 2  # the same bits on every device
    cos, sin = bystanders.turn[number].unbind()

    def turned(vectors: Tensor) -> Tensor:
        x, y, z = vectors.unbind(-1)
        return torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=-1)

    x, y = bystanders.place[number].unbind()
    shift = torch.stack([x, y, torch.zeros_like(x)])
    back = torch.cat([middle, torch.zeros_like(middle[:, :1])], dim=1)[:, None]
    return replace(posed, vertices=turned(posed.vertices - back) + shift, normals=turned(posed.normals))


def with_bystanders(
    view: RoomView,
    people: Sequence[PosedMesh],
    bystanders: Bystanders,
    camera: Camera,
    lights: Lights,
    distortion: Float32[Tensor, "n 5"] | None = None,
) -> RoomView:
    """The view of a room, of all pixels, with other people in it; their shadows fall on the room, not on one another.

    Args:
        view: n images.
        people: in one frame each, where they stand.
        bystanders: the same.
        camera: n cameras.
        lights: the light.
        distortion: of the lenses.
    """
    dense, frame = dense_camera(camera), torch.zeros(len(view.depth), dtype=torch.long, device=view.depth.device)
    for number, posed in enumerate(people):
        shadows = shadow_map(posed, bystanders.lamp[number : number + 1])
        middle = torch.cat([bystanders.place[number], torch.zeros_like(bystanders.place[number, :1])])
        depth = render_ground_truth(posed, frame, dense, distortion).depth
        colours = render_colours(posed, frame, dense, lights, shadows, distortion, samples=1).colours
        view = inhabited(view, depth, colours, frame, Shade.of(posed, shadows, lights, middle))
    return view


def truth_with_bystanders(
    truth: RoomTruth, people: Sequence[PosedMesh], camera: Camera, distortion: Float32[Tensor, "n 5"] | None = None
) -> RoomTruth:
    """The ground truth of a room with other people in it; arguments as for `with_bystanders`."""
    frame = torch.zeros(len(truth.depth), dtype=torch.long, device=truth.depth.device)
    for posed in people:
        depth = render_ground_truth(posed, frame, camera, distortion).depth
        hit = (depth > 0) & ((truth.depth == 0) | (depth < truth.depth))
        truth = RoomTruth(torch.where(hit, depth, truth.depth), truth.labels.masked_fill(hit, OTHER))
    return truth
