"""The extras that commands, or parts of them, need beyond the base dependencies."""

from posegaussian.errors import UserError

EXTRAS = {
    "train": "train",
    "adapt": "train",
    "curves": "train",
    "assess": "evaluate",
    "summarize": "evaluate",
    "report": "evaluate",
    "results": "evaluate",
    "view": "viewer",
    "live": "live",
    "export": "formats",
}
"""By command; the others need none."""

PACKAGES = {
    "train": ("matplotlib", "tensorboard"),
    "evaluate": ("flip_evaluator", "matplotlib", "pandas"),
    "viewer": ("viser",),
    "live": ("websockets",),
    "formats": ("OpenEXR", "pxr", "zstandard"),
}
"""What an extra of pyproject.toml installs, by the names that are imported."""


def missing_extra(command: str, error: ImportError) -> UserError | None:
    """The error message for a failed import that an extra would have installed; None for any other import."""
    extra = EXTRAS.get(command)
    if extra is None or (error.name or "").partition(".")[0] not in PACKAGES[extra]:
        return None
    what = f"{command} needs the extra {extra}: pip install 'posegaussian[{extra}]'"
    return UserError(what, code="missing-extra")
