"""How pictures on posters are taken: small portraits of people, who are chosen later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.synthetic.renderer.lights import Lights, lamp_camera
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, look_at
from posegaussian.types import Camera, Tensors

CELLS = 64, 96
"""Cells of a poster across and up; chosen by hand: a print of 65 x 97 pixels, so that a poster of 1 m shows 1 cm."""
DISTANCE = 3.0
"""From the camera that takes the picture to the person, metres; chosen by hand."""


@dataclass(frozen=True)
class Picture:
    """How the picture of a poster is taken."""

    material: int  # of the poster's panel
    side: float  # angle at which the camera stands aside of the front of the rest pose, radians
    low: float  # height of the picture's lower edge at the person, metres
    tall: float  # height of the picture there, metres
    paper: tuple[float, float, float]  # RGB of its background


@dataclass(frozen=True)
class Posters(Tensors):
    """The posters of a room."""

    first: tuple[int, ...]  # first vertex of each
    camera: Camera  # that takes each picture of a person who stands at the origin
    paper: Float32[Tensor, "k 3"]  # RGB of the backgrounds
    lights: Lights  # the light in the pictures
    lamp: Camera  # camera of its shadow map, batch of 1

    @staticmethod
    def of(pictures: Sequence[Picture], first: Sequence[int]) -> Posters:
        """Posters on the CPU, with the first vertex of each."""
        white, towards = torch.full((1, 3), 0.65), torch.tensor([[0.45, -0.65, 0.61]])
        lights = Lights(towards, white, 0.45 * torch.ones(3), torch.zeros(3), torch.tensor(0.03))
        middle = np.array([0.0, 0.0, 1.0])
        cameras = camera_batch([_camera(each) for each in pictures])
        paper = torch.tensor([each.paper for each in pictures], dtype=torch.float32)
        return Posters(tuple(first), cameras, paper, lights, lamp_camera(lights, middle)[None])


def _camera(picture: Picture) -> RigCamera:
    width, height = CELLS[0] + 1, CELLS[1] + 1
    middle = np.array([0.0, 0.0, picture.low + picture.tall / 2])
    focal = DISTANCE / picture.tall * height
    matrix = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    eye = middle + DISTANCE * np.array([np.sin(picture.side), -np.cos(picture.side), 0.0])
    return RigCamera(matrix, look_at(eye, middle), width, height)
