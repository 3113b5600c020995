"""The resume state of a training run: everything that the next step depends on, saved whole or not at all."""

import io
import sys
from pathlib import Path
from typing import Any

import torch

from posegaussian.io.atomic import write_whole


def save_state(path: Path, key: str, content: dict[str, Any]) -> None:
    """Save under a temporary name, then rename.

    Args:
        path: the file; its folder is made.
        key: names the run: data, settings, versions.
        content: tensors and plain values.
    """
    memory = io.BytesIO()  # torch would hide why a file cannot be written
    torch.save({"key": key, **content}, memory)
    write_whole(path, memory.getbuffer())


def load_state(path: Path, key: str) -> dict[str, Any] | None:
    """The saved content; None where there is none, or where another run left it (said on stderr)."""
    if not path.is_file():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    if state["key"] != key:
        print(f"{path}: left by a run with other data or settings; starting afresh", file=sys.stderr, flush=True)
        return None
    return state
