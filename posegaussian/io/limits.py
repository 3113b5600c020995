"""What formats of splats cannot hold: errors and warnings, one line each."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from posegaussian.errors import UserError, warn

_COARSE = 0.5
"""Steps of positions are reported above this share of the Gaussians' median size. Chosen by hand."""
_OUTSIDE = 0.01
"""Share of Gaussians that may have another size without a warning. Chosen by hand."""


def check_count(count: int, most: int, suffix: str, file: Path | None) -> None:
    """Refuse more Gaussians than a format, or its readers, can take.

    Raises:
        UserError: there are more than `most`.
    """
    if count > most:
        what = f"{count:,} Gaussians are more than {suffix} takes, {most:,}"
        raise UserError(what, code="too-many-gaussians", file=file, hint="export .ply")


def warn_of_steps(sizes: Float[np.ndarray, " n"], step: float, suffix: str, file: Path | None) -> None:
    """Warn where positions are rounded to steps that are coarse for Gaussians of these sizes."""
    if len(sizes) and step > _COARSE * np.median(sizes):
        what = f"so far from the origin, {suffix} rounds positions to steps of {step:g}"
        hint = "move the origin of the world to the person, or export .ply"
        warn(what, code="coarse-positions", file=file, hint=hint)


def warn_of_sizes(sizes: Float[np.ndarray, " n"], limits: tuple[float, float], suffix: str, file: Path | None) -> None:
    """Warn where many Gaussians are smaller or larger than a format can store; arguments as for `warn_of_steps`."""
    outside = (sizes < limits[0]) | (sizes > limits[1])
    if len(sizes) and outside.mean() > _OUTSIDE:
        what = (
            f"{outside.mean():.0%} of the Gaussians are smaller or larger than {suffix} can store ({limits[0]:.2g} to"
        )
        what += f" {limits[1]:.0f}): they get the nearest size"
        warn(what, code="size-beyond-spz", file=file, hint="export .ply")
