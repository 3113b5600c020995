"""The body as capsules between COCO-17 joints: which joints each spans, how thick it is, what hangs together.

The numbers were fitted to synthetic people by tools/fit_body_prior.py.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.types import JOINTS

Length = float | Tensor
_MIDDLES = {"head": "ear", "chest": "shoulder", "seat": "hip"}
"""Points half-way between a left and a right joint."""


class Capsule(NamedTuple):
    """A limb, or a part of the trunk; one on either side where its joints have no side.

    Args:
        start: joint or middle.
        end: likewise; `other` is the side across.
        beyond: above 0 it starts at `end` instead, and goes on by this share of the length; exact in half precision.
        radius: beyond which its say falls, metres.
        inset: how far the skin lies before the axis, metres.
        spread: how far off the skin may be, standard deviation, metres.
    """

    start: str
    end: str
    beyond: float
    radius: Length
    inset: Length
    spread: Length


CAPSULES = (
    Capsule("head", "nose", 0.0, 0.065, 0.004, 0.006),
    Capsule("chest", "head", 0.5, 0.092, 0.077, 0.022),
    Capsule("chest", "head", 0.0, 0.095, 0.041, 0.028),
    Capsule("left_shoulder", "right_shoulder", 0.0, 0.090, 0.105, 0.030),
    Capsule("left_hip", "right_hip", 0.0, 0.117, 0.143, 0.028),
    Capsule("chest", "seat", 0.0, 0.126, 0.155, 0.024),
    Capsule("shoulder", "hip", 0.0, 0.047, 0.077, 0.010),
    Capsule("shoulder", "other_hip", 0.0, 0.083, 0.121, 0.007),
    Capsule("shoulder", "elbow", 0.0, 0.063, 0.049, 0.017),
    Capsule("elbow", "wrist", 0.0, 0.059, 0.031, 0.012),
    Capsule("elbow", "wrist", 0.375, 0.061, 0.024, 0.019),
    Capsule("hip", "knee", 0.0, 0.091, 0.088, 0.043),
    Capsule("knee", "ankle", 0.0, 0.053, 0.068, 0.022),
    Capsule("knee", "ankle", 0.25, 0.081, 0.049, 0.049),
)
LINKS = (
    ("nose", "eye", 0.044),
    ("nose", "ear", 0.114),
    ("eye", "ear", 0.067),
    ("left_eye", "right_eye", 0.079),
    ("left_ear", "right_ear", 0.044),
    ("ear", "shoulder", 0.061),
    ("shoulder", "elbow", 0.124),
    ("elbow", "wrist", 0.160),
    ("shoulder", "hip", 0.153),
    ("hip", "knee", 0.087),
    ("knee", "ankle", 0.067),
)
"""How much the depths of two joints differ, standard deviation, metres."""


def capsules(kinds: Sequence[Capsule] = CAPSULES) -> tuple[Float[Tensor, "2 k 17"], Float[Tensor, "3 k"]]:
    """The two ends of every capsule, as weights of the joints, and its radius, inset and spread in metres."""
    ends, sizes = [], []
    for kind in kinds:
        for start, end in _both_sides(kind.start, kind.end):
            ends.append(torch.stack([end, end + kind.beyond * (end - start)] if kind.beyond else [start, end]))
            sizes.append(torch.stack([torch.as_tensor(size) for size in kind[3:]]))
    return torch.stack(ends, dim=1), torch.stack(sizes, dim=1)


def stiffness(links: Sequence[tuple[str, str, Length]] = LINKS) -> Float[Tensor, "17 17"]:
    """1 / variance, metres^-2, of the difference in depth of two joints; 0 where they do not hang together."""
    found = torch.zeros(len(JOINTS), len(JOINTS))
    for first, second, spread in links:
        for start, end in _both_sides(first, second):
            found = found + (torch.outer(start, end) + torch.outer(end, start)) / spread**2
    return found


def _both_sides(start: str, end: str) -> list[tuple[Float[Tensor, "17"], Float[Tensor, "17"]]]:
    """Two points as weights of the joints, on the left and on the right; once if they have no side."""
    has_side = any(name not in JOINTS and name not in _MIDDLES for name in (start, end))
    sides = (("left", "right"), ("right", "left")) if has_side else (("", ""),)
    return [(_weights(start, *side), _weights(end, *side)) for side in sides]


def _weights(name: str, side: str, other: str) -> Float[Tensor, "17"]:
    """A joint of one side, or the middle between two."""
    if name in _MIDDLES:
        names = [f"left_{_MIDDLES[name]}", f"right_{_MIDDLES[name]}"]
    elif name in JOINTS:
        names = [name]
    else:
        names = [name.replace("other", other) if name.startswith("other_") else f"{side}_{name}"]
    weights = torch.zeros(len(JOINTS))
    weights[[JOINTS.index(joint) for joint in names]] = 1 / len(names)
    return weights
