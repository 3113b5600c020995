"""Cameras that are not synchronised: each films the person at a time of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.lights import ShadowMap, shadow_map
from posegaussian.types import Camera

_LARGEST_DELAY = 0.5
"""Between the cameras of a pair, frames: once whole frames are taken away, no more can be left."""


@dataclass(frozen=True)
class Filmed:
    """The person when a pair films them."""

    posed: PosedMesh  # the mesh
    frame: Int64[Tensor, n]  # the frame of the mesh that each image shows
    shadows: ShadowMap  # of the first lamp


def draw_delay(rng: np.random.Generator, share: float) -> float:
    """How much later the second camera films, frames; nothing is drawn where no clip has a delay."""
    return rng.uniform(-_LARGEST_DELAY, _LARGEST_DELAY) if share and rng.uniform() < share else 0.0


def when_filmed(subject: Subject, times: Int64[Tensor, t], delay: float, lamp: Camera) -> Filmed:
    """The person in the images of a pair with a delay, half of it before and half of it after each frame.

    Between frames the transforms of the bones are interpolated linearly; over a quarter of a frame this is exact to a
    fraction of a millimetre. A person who stands still (`times` that repeat) does so in both images.
    """
    moving = (times[-1:] > times[:1]).float()[:, None, None] if len(times) > 1 else 1.0
    parts = []
    for shift in (-delay / 2, delay / 2):
        beside = (times + (1 if shift > 0 else -1)).clamp(0, len(subject.transforms) - 1)
        now, then = subject.transforms[times], subject.transforms[beside]
        parts.append(now + abs(shift) * moving * (then - now))
    posed = subject.mesh.posed(torch.stack(parts, dim=1).flatten(0, 1))
    frame = torch.arange(2 * len(times), device=times.device)
    return Filmed(posed, frame, shadow_map(posed, lamp.map(lambda values: values.repeat_interleave(2, 0))))
