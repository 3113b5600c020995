"""The checkpoint state of a training run: everything that the next step depends on, saved completely or not at all."""

import io
import sys
from pathlib import Path
from typing import Any

import torch

from posegaussian.errors import TrainingError
from posegaussian.io.atomic import write_atomic

STATE_VERSION = 2
"""Raised by hand when names in the state change: a state is resumed by the version that saved it, or not at all."""


def save_state(path: Path, key: str, content: dict[str, Any]) -> None:
    """Save a state under a temporary name, then rename the file."""
    memory = io.BytesIO()  # torch.save into a file would hide why the file cannot be written.
    torch.save({"key": key, **content}, memory)
    write_atomic(path, memory.getbuffer())


def load_state(path: Path, key: str) -> dict[str, Any] | None:
    """The saved content; None where there is no file, or one of another run (reported on stderr).

    Raises:
        TrainingError: the file is damaged.
    """
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved_by = state["key"]
    except Exception:  # a damaged pickle can raise anything
        raise TrainingError(
            "not a readable state of training", code="unreadable-state", file=path, hint="remove it to start afresh"
        ) from None
    if saved_by != key:
        print(f"{path}: from a run with other data or settings; starting afresh", file=sys.stderr, flush=True)
        return None
    return state
