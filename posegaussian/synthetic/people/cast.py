"""Somebody on a device, ready to be photographed at any moment of a track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from posegaussian.synthetic.people.actor import Actor, Posed
from posegaussian.synthetic.people.preparation import Prepared
from posegaussian.synthetic.people.track import Track


@dataclass(frozen=True)
class Cast:
    """Somebody ready to be photographed.

    Args:
        seed: who.
        actor: on the device.
        track: how the person moves, on the host.
        transforms: of the track, on the device.
    """

    seed: int
    actor: Actor
    track: Track
    transforms: Float[Tensor, "t b 3 4"]

    @staticmethod
    def of(prepared: Prepared, device: torch.device | str = "cpu") -> Cast:
        """Move somebody to a device."""
        transforms = torch.from_numpy(prepared.track.transforms).to(device)
        return Cast(prepared.seed, Actor.of(prepared.baked, device), prepared.track, transforms)

    def posed(self, frames: Int[np.ndarray, n]) -> Posed:
        """The person at some frames of the track."""
        return self.actor.posed(self.transforms[torch.from_numpy(frames).to(self.transforms.device)])
