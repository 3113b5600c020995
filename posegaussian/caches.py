"""One folder for the compiled code of Numba, torch.compile (Inductor) and Triton. Standard library only."""

import os
from pathlib import Path

_VARIABLES = {
    "NUMBA_CACHE_DIR": "numba",
    "TORCHINDUCTOR_CACHE_DIR": "inductor",
    "TRITON_CACHE_DIR": "triton",
}
"""The compilers' own environment variables, which they read when they are imported, and our folder for each."""


def cache_folder() -> Path:
    """The folder: $POSEGAUSSIAN_CACHE, else posegaussian in $XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("POSEGAUSSIAN_CACHE")
    return Path(own) if own else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "posegaussian"


def use_cache_folder() -> bool:
    """Let the compilers use the folder; variables that are set stay.

    Returns:
        whether the folder can be written; where not, each compiler chooses a place itself.
    """
    try:
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: no home
        return False
    if not os.access(folder, os.W_OK):
        return False
    for variable, name in _VARIABLES.items():
        os.environ.setdefault(variable, str(folder / name))
    return True
