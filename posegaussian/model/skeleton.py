"""The body as capsules between COCO-17 joints and links between their depths, as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.types import JOINTS

_MIDDLES = {"head": "ear", "chest": "shoulder", "seat": "hip"}
"""Points half-way between a left and a right joint."""


@dataclass(frozen=True)
class Capsule:
    """A limb, or a part of the trunk; one on either side where its joints have no side.

    Args:
        start: joint or middle.
        end: likewise; `other` is the side across.
        beyond: above 0 it starts at `end` instead, and goes on by this share of the length; exact in half precision.
        radius: beyond which its weight falls, metres.
        inset: how far the skin lies before the axis, metres.
        spread: how far off the skin may be, standard deviation, metres.
    """

    start: str
    end: str
    beyond: float
    radius: float
    inset: float
    spread: float

    def __post_init__(self) -> None:
        _both_sides(self.start, self.end)  # refuses what is neither joint nor middle


@dataclass(frozen=True)
class Link:
    """How much the depths of two joints differ; on either side where the joints have no side.

    Args:
        first: joint.
        second: likewise.
        spread: of the difference, standard deviation, metres.
    """

    first: str
    second: str
    spread: float

    def __post_init__(self) -> None:
        _both_sides(self.first, self.second)  # refuses what is no joint


def capsules(kinds: Sequence[Capsule]) -> tuple[Float[Tensor, "2 k 17"], Float[Tensor, "3 k"]]:
    """The two ends of every capsule, as weights of the joints, and its radius, inset and spread in metres."""
    ends, sizes = [], []
    for kind in kinds:
        for start, end in _both_sides(kind.start, kind.end):
            ends.append(torch.stack([end, end + kind.beyond * (end - start)] if kind.beyond else [start, end]))
            sizes.append(torch.stack([torch.as_tensor(size) for size in (kind.radius, kind.inset, kind.spread)]))
    return torch.stack(ends, dim=1), torch.stack(sizes, dim=1)


def stiffness(links: Sequence[Link]) -> Float[Tensor, "17 17"]:
    """1 / variance, metres^-2, of the difference in depth of two joints; 0 where they do not hang together."""
    found = torch.zeros(len(JOINTS), len(JOINTS))
    for link in links:
        for start, end in _both_sides(link.first, link.second):
            found = found + (torch.outer(start, end) + torch.outer(end, start)) / link.spread**2
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
    if unknown := [joint for joint in names if joint not in JOINTS]:
        raise ValueError(f"no joint is called {unknown[0]}")
    weights = torch.zeros(len(JOINTS))
    weights[[JOINTS.index(joint) for joint in names]] = 1 / len(names)
    return weights
