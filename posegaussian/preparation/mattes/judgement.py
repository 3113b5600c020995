"""Verdicts on masks: by what each covers, and by the other cameras."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from posegaussian.captures.capture import Capture
from posegaussian.captures.masks import impossible, statistics
from posegaussian.errors import warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.mattes.agreement import LEAST, HullAgreement, Masks

_HIGH = 0.96
"""Confidence of found masks. On 96 images of val people 101 to 112 in rooms (benchmarks/footage.py: 1024 px, four
cameras, no empty scene), no mask with more has an IoU below 0.95, and 9 % of those with less have."""
MEDIUM = 0.9
"""By hand: all masks with less have clear faults in 20 images of the demo footage (pieces of the room, a transparent
head), and some of those with more. One mask of the val people has less, 0.889 with an IoU of 0.964."""


@dataclass(frozen=True)
class JudgedMask:
    """What is known about a mask."""

    share: float  # of the image that it covers
    border: float  # share of the image's border that it covers, the mean of the four sides
    agreement: float | None  # share of it that the other cameras confirm; None where they see nothing of it
    problem: str = ""  # why it cannot be a person, or hardly; empty where nothing looks wrong
    hint: str = ""  # what to do about it
    confidence: float | None = None  # of a mask that was found, in [0, 1]; None where it is given, or not known

    def line(self) -> str:
        """The numbers and the verdict."""
        agreement = "" if self.agreement is None else f", agreement {100 * self.agreement:.0f} %"
        numbers = f"{100 * self.share:.1f} % of the image, {100 * self.border:.0f} % of its border{agreement}"
        found = "" if self.confidence is None else f", found with {confidence_line(self.confidence)}"
        return f"{numbers}: {'doubtful' if self.problem else 'plausible'}{found}"


def confidence_line(value: float) -> str:
    """The confidence of a found mask, as a number, rounded down so that 0.959 does not look high, and a word."""
    word = "high" if value >= _HIGH else "medium" if value >= MEDIUM else "low"
    return f"confidence {math.floor(100 * value + 1e-9) / 100:.2f} ({word})"


def judge_masks(
    cameras: Mapping[str, SourceCamera],
    masks: Mapping[str, UInt8[np.ndarray, "_ _"]],
    confidences: Mapping[str, float | None] | None = None,
) -> dict[str, JudgedMask]:
    """The masks of one frame, judged, by camera."""
    hull = HullAgreement(cameras)
    agreement = hull(masks) if len(masks) > 1 else {}
    doubted = _doubted(hull, masks, agreement)
    judged = {}
    for name, mask in masks.items():
        covered = statistics(mask)
        if wrong := impossible(covered):
            problem, hint = wrong.what, wrong.hint or ""
        else:
            problem, hint = doubted.get(name, ""), _HINT if name in doubted else ""
        confidence = (confidences or {}).get(name)
        judged[name] = JudgedMask(covered.share, covered.border, agreement.get(name), problem, hint, confidence)
    return judged


class MaskWatch:
    """Warns about the masks of a capture that disagree, of each camera once."""

    def __init__(self, capture: Capture):
        self._capture, self._warned = capture, set[str]()
        self._hull = HullAgreement(capture.cameras)

    def check(self, masks: Masks, frame: int) -> None:
        """Warn if the masks of a frame disagree."""
        agreement = self._hull(masks) if len(masks) > 1 else {}
        if not self._warned.issuperset(name for name, share in agreement.items() if share < LEAST):
            for name, problem in _doubted(self._hull, masks, agreement).items():
                if name not in self._warned:
                    self._warned.add(name)
                    file = self._capture.masks[name][frame].path
                    warn(problem, code="masks-disagree", file=file, camera=name, frame=frame, hint=_HINT)


_HINT = "it covers too much, or shows something else, or the calibration is wrong: see `posegaussian inspect`"


def _doubted(hull: HullAgreement, masks: Masks, agreement: Mapping[str, float]) -> dict[str, str]:
    """What is wrong with masks that the others do not confirm, by camera; of the odd one alone where there is one."""
    found = {
        name: f"the other cameras confirm only {100 * share:.0f} % of the mask"
        for name, share in agreement.items()
        if share < LEAST
    }
    odd = hull.odd_one(masks) if found else None
    if odd:
        return {odd: found.get(odd, "the masks of the other cameras agree only without it")}
    return found
