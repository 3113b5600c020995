"""The body of the disparity prior: capsules between COCO-17 joints, and links between the depths of joints."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.types import JOINTS

_MIDDLES = {"head": "ear", "chest": "shoulder", "seat": "hip"}
"""Midpoints between a left and a right joint."""


@dataclass(frozen=True)
class Capsule:
    """A part of the body; `elbow` without `left_` or `right_` stands for one capsule on either side."""

    start: str  # joint or midpoint
    end: str  # likewise; `other_hip` is the hip of the other side
    # if above 0, the capsule extends from `end` by this share of the length instead; exact in half precision
    beyond: float
    radius: float  # beyond it the weight falls, metres
    inset: float  # how much nearer than the axis the skin is, metres
    spread: float  # standard deviation of the skin, metres

    def __post_init__(self) -> None:
        _both_sides(self.start, self.end)  # Raises a ValueError for unknown names.


@dataclass(frozen=True)
class Link:
    """How much the depths of two joints differ; names without a side stand for both sides."""

    first: str  # joint
    second: str  # likewise
    spread: float  # standard deviation of the difference, metres

    def __post_init__(self) -> None:
        _both_sides(self.first, self.second)  # Raises a ValueError for unknown names.


def capsules(kinds: Sequence[Capsule]) -> tuple[Float[Tensor, "2 k 17"], Float[Tensor, "3 k"]]:
    """The two ends of every capsule as weights of the joints, and its radius, inset and spread in metres."""
    ends, sizes = [], []
    for kind in kinds:
        for start, end in _both_sides(kind.start, kind.end):
            ends.append(torch.stack([end, end + kind.beyond * (end - start)] if kind.beyond else [start, end]))
            sizes.append(torch.stack([torch.as_tensor(size) for size in (kind.radius, kind.inset, kind.spread)]))
    return torch.stack(ends, dim=1), torch.stack(sizes, dim=1)


def stiffness(links: Sequence[Link]) -> Float[Tensor, "17 17"]:
    """1 / variance of the difference in depth of two joints, in 1 / metres^2; 0 where they are not linked."""
    found = torch.zeros(len(JOINTS), len(JOINTS))
    for link in links:
        for start, end in _both_sides(link.first, link.second):
            found = found + (torch.outer(start, end) + torch.outer(end, start)) / link.spread**2
    return found


def _both_sides(start: str, end: str) -> list[tuple[Float[Tensor, "17"], Float[Tensor, "17"]]]:
    """Two points as weights of the joints, for the left and the right side; once if both names have a side."""
    both = any(name not in JOINTS and name not in _MIDDLES for name in (start, end))
    sides = (("left", "right"), ("right", "left")) if both else (("", ""),)
    return [(_weights(start, *side), _weights(end, *side)) for side in sides]


def _weights(name: str, side: str, other: str) -> Float[Tensor, "17"]:
    """A joint of one side, or a midpoint, as weights of the joints."""
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
