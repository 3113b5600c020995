"""Weights that were tuned to a rig: which cameras and frames are kept back, and whether they are better there."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from posegaussian.captures.triples import Triple, find_triples, narrowest
from posegaussian.errors import CaptureError
from posegaussian.geometry.lens import SourceCamera

_WORSE = 1e-4
"""LPIPS that grows by less is rounding: tables show four decimals."""


@dataclass(frozen=True)
class Split:
    """What is learned from, and what is kept back."""

    learned: list[Triple]  # triples without the kept-back camera
    camera: Triple | None  # the kept-back camera between its narrowest pair; None where no camera can be spared
    frames: list[int]  # numbers of the frames that are learned from
    kept: list[int]  # numbers of the kept-back frames; none where there is one frame


def split_rig(
    cameras: Mapping[str, SourceCamera],
    person: Float[np.ndarray, " 3"],
    frames: Sequence[int],
    *,
    widest: float,
    share: float,
    chosen: str | None = None,
    root: Path | None = None,
) -> Split:
    """Keep back the last frames, and the camera that leaves the most views to learn from.

    Args:
        cameras: of the rig, by name.
        person: where the person stands, metres.
        frames: numbers.
        widest: pairs further apart, degrees, are left out.
        share: of the frames that is kept back.
        chosen: the camera to keep back.
        root: of the capture, which errors name.

    Raises:
        CaptureError: no camera stands between two others; the chosen one does not, or cannot be spared; or neither a
            camera nor a frame can be kept back.
    """
    triples = find_triples(cameras, person, widest)
    if not triples:
        hint = "film with a third camera between the two of a pair"
        what = f"no camera stands between two others within {widest:g} degrees: there is no true view to learn from"
        raise CaptureError(what, code="no-camera-between", file=root, hint=hint)
    between = narrowest(triples)
    rest = {each: find_triples(_without(cameras, each.camera), person, widest) for each in between}
    spared = [each for each in between if rest[each] and chosen in (None, each.camera)]
    if chosen is not None and not spared:
        what = "cannot be kept back: it, or every other camera, does not stand between two others"
        raise CaptureError(what, code="camera-not-spared", file=root, camera=chosen)
    kept = min(max(round(share * len(frames)), 1), len(frames) - 1) if share else 0  # one at least is learned from
    if not spared and not kept:
        what = "one camera between two others, and one frame: nothing is left to judge the tuned weights by"
        raise CaptureError(what, code="nothing-to-judge-by", file=root, hint="give more frames")
    best = min(spared, key=lambda each: (-len(rest[each]), each.angle, each.camera), default=None)
    learned = triples if best is None else rest[best]
    return Split(learned, best, list(frames[: len(frames) - kept]), list(frames[len(frames) - kept :]))


def _without(cameras: Mapping[str, SourceCamera], name: str) -> dict[str, SourceCamera]:
    return {each: camera for each, camera in cameras.items() if each != name}


@dataclass(frozen=True)
class Judged:
    """Means over kept-back views before and after tuning."""

    what: str  # was kept back
    psnr: tuple[float, float]  # of the person's box, dB
    lpips: tuple[float, float]  # of the whole image; NaN where it was not measured

    @property
    def gain(self) -> float:
        """Of PSNR, dB."""
        return self.psnr[1] - self.psnr[0]

    @property
    def worse(self) -> bool:
        """Whether LPIPS was lost."""
        return self.lpips[1] > self.lpips[0] + _WORSE

    def line(self) -> str:
        """The numbers."""
        lpips = "" if math.isnan(self.lpips[1]) else f", LPIPS {self.lpips[0]:.4f} to {self.lpips[1]:.4f}"
        return f"{self.what}: PSNR {self.psnr[0]:.2f} to {self.psnr[1]:.2f} dB ({self.gain:+.2f}){lpips}"


def objection(judged: Sequence[Judged], least: float) -> str:
    """Why the weights stay as they were; empty where the tuned ones are better.

    Args:
        judged: everything that was kept back.
        least: gain of PSNR that each must have, dB.
    """
    for each in judged:
        if not each.gain >= least:
            return f"{each.what} gained {each.gain:+.2f} dB, less than {least:g}"
        if each.worse:
            return f"{each.what} lost LPIPS"
    return ""
