"""Verdicts on masks: by what each covers, and by the other cameras."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from posegaussian.captures.capture import Capture
from posegaussian.captures.masks import impossible, statistics
from posegaussian.errors import warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.mattes.agreement import LEAST, HullAgreement, Masks


@dataclass(frozen=True)
class JudgedMask:
    """What is known about a mask.

    Args:
        share: of the image that it covers.
        border: share of the image's border that it covers, the mean of the four sides.
        agreement: share of it that the other cameras confirm; None where they see nothing of it.
        problem: why it cannot be a person, or hardly; empty where nothing looks wrong.
        hint: what to do about it.
    """

    share: float
    border: float
    agreement: float | None
    problem: str = ""
    hint: str = ""

    def line(self) -> str:
        """The numbers and the verdict."""
        agreement = "" if self.agreement is None else f", agreement {100 * self.agreement:.0f} %"
        numbers = f"{100 * self.share:.1f} % of the image, {100 * self.border:.0f} % of its border{agreement}"
        return f"{numbers}: {'doubtful' if self.problem else 'plausible'}"


def judge_masks(
    cameras: Mapping[str, SourceCamera], masks: Mapping[str, UInt8[np.ndarray, "_ _"]]
) -> dict[str, JudgedMask]:
    """The masks of one frame, judged, by camera.

    Args:
        cameras: by name.
        masks: coverage of the person, 0..255, by camera; none empty.
    """
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
        judged[name] = JudgedMask(covered.share, covered.border, agreement.get(name), problem, hint)
    return judged


class MaskWatch:
    """Warns about the masks of a capture that disagree, of each camera once.

    Args:
        capture: holds the cameras.
    """

    def __init__(self, capture: Capture):
        self._capture, self._warned = capture, set[str]()
        self._hull = HullAgreement(capture.cameras)

    def check(self, masks: Masks, frame: int) -> None:
        """Warn if the masks of a frame disagree.

        Args:
            masks: of the frame, by camera.
            frame: its number.
        """
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
