"""Other people in a room: those who stand do not move within a capture or clip, so they are part of the empty room."""

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
    """Where k other people are."""

    place: Float32[Tensor, "k 2"]  # x and y of each, metres
    # cosine and sine of how each is turned; computed on the host, since devices round them differently
    turn: Float32[Tensor, "k 2"]
    lamp: Camera  # camera of the shadow map of each
    # of those who walk, along their own negative y axis, metres per second; 0 for those who stand
    speed: Float32[Tensor, k]

    @staticmethod
    def of(others: Float32[Tensor, "k 4"], lights: Lights, seconds: float = 0.0) -> Bystanders | None:
        """From x, y, yaw and speed of each, on the CPU; None where there is nobody."""
        if not len(others):
            return None
        turn = torch.stack([others[:, 2].cos(), others[:, 2].sin()], dim=1)
        ahead = torch.stack([turn[:, 1], -turn[:, 0]], dim=1)
        place = others[:, :2] + seconds * others[:, 3:] * ahead
        centres = torch.cat([place, torch.full_like(place[:, :1], MIDDLE)], dim=1).double().numpy()
        lamps = stack([lamp_camera(lights, centre) for centre in centres])
        return Bystanders(place, turn, lamps, others[:, 3])


def placed(posed: PosedMesh, bystanders: Bystanders, number: int, middle: Float32[Tensor, "1 2"]) -> PosedMesh:
    """A person moved from around `middle`, x and y in metres, to where a bystander is in the middle of the time."""
    cos, sin = bystanders.turn[number].unbind()

    def turned(vectors: Tensor) -> Tensor:
        x, y, z = vectors.unbind(-1)
        return torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=-1)

    x, y = bystanders.place[number].unbind()
    shift = torch.stack([x, y, torch.zeros_like(x)])
    back = torch.cat([middle, torch.zeros_like(middle[:, :1])], dim=1)[:, None]
    return replace(posed, vertices=turned(posed.vertices - back) + shift, normals=turned(posed.normals))


def middle_of(posed: PosedMesh) -> Float32[Tensor, "t 2"]:
    """Middle of a person's outline on the floor in each frame, metres; the same bits on every device."""
    return (posed.vertices[..., :2].amin(1) + posed.vertices[..., :2].amax(1)) / 2


def with_bystanders(
    view: RoomView,
    people: Sequence[PosedMesh],
    bystanders: Bystanders | None,
    camera: Camera,
    lights: Lights,
    distortion: Float32[Tensor, "n 5"] | None = None,
) -> RoomView:
    """The view of a room, of all pixels, with other people; their shadows fall on the room, not on one another."""
    dense, frame = dense_camera(camera), torch.zeros(len(view.depth), dtype=torch.long, device=view.depth.device)
    for number, posed in enumerate(people):
        assert bystanders is not None
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
