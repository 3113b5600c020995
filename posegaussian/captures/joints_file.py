"""joints.json: the true joints of a capture, which are optional. A file of that name may belong to another program."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from posegaussian.errors import CaptureError, UserError, warn
from posegaussian.text import read_json, read_text
from posegaussian.types import JOINTS

_FORM = '{"convention": "COCO-17, metres, world", "frames": {"000000": ...}}'


def own_joints(path: Path) -> Path | None:
    """The file, if it is meant to hold the capture's joints; None, with a warning, where it is another program's.

    It is meant to if it says so, also where it is damaged: a `convention` of COCO-17, or `frames` by number.
    """
    if not path.is_file():
        return None
    try:
        ours = _is_ours(read_json(path))
    except ValueError:
        ours = "COCO-17" in read_text(path)
    except (OSError, UserError):
        return path  # reading the joints reports the error
    if not ours:
        warn(f"not of the form {_FORM}: another program's file, ignored", code="foreign-joints", file=path)
    return path if ours else None


def _is_ours(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    frames = content.get("frames")
    numbered = isinstance(frames, dict) and any(str(key).isdecimal() for key in frames)
    return numbered or str(content.get("convention", "")).startswith("COCO-17")


def read_joints(path: Path, frames: Sequence[int]) -> Float[np.ndarray, "frames 17 3"]:
    """True COCO-17 joints of some frames in the world, metres.

    Raises:
        CaptureError: the file is not of the right form, or lacks a frame.
    """
    try:
        by_frame = read_json(path)["frames"]
        joints = {int(frame): np.array(points, dtype=float) for frame, points in by_frame.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise CaptureError(f"not of the form {_FORM}", code="invalid-joints", file=path) from None
    for frame in frames:
        if frame not in joints:
            raise CaptureError("no joints", code="missing-joints", file=path, frame=frame)
        if joints[frame].shape != (len(JOINTS), 3) or not np.isfinite(joints[frame]).all():
            raise CaptureError("expected 17 joints of 3 numbers", code="invalid-joints", file=path, frame=frame)
    return np.stack([joints[frame] for frame in frames])
