"""Which part of a picture is measured. The published protocols are not comparable; each value carries its name."""

from jaxtyping import Float
from torch import Tensor

from posegaussian.geometry.masks import bounding_box

Crop = tuple[slice, slice]
"""Rows and columns."""


def crop(protocol: str, truth: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"]) -> Crop | None:
    """The rows and columns that a protocol measures; None where the truth shows nobody.

    Args:
        protocol: `full`: everything. `bbox`: the box of the true mask (coverage of a half or more). `ghg`: a window of
            1000 rows and 500 columns, at 1024 rows, around the middle of the box of the pixels that are not black in
            the truth, pushed back into the picture; scaled with the picture's height.
        truth: RGB on black.
        mask: true coverage in [0, 1].
    """
    height, width = mask.shape
    if protocol == "full":
        return slice(0, height), slice(0, width)
    shown = mask >= 0.5 if protocol == "bbox" else (truth > 0).any(0)
    box = bounding_box(shown.cpu().numpy())
    if box is None:
        return None
    rows, columns = (box[1], box[3]), (box[0], box[2])
    if protocol == "bbox":
        return slice(*rows), slice(*columns)
    if protocol == "ghg":
        window = round(1000 * height / 1024), round(500 * height / 1024)
        return _around(rows, window[0], height), _around(columns, window[1], width)
    raise ValueError(f"unknown protocol {protocol!r}")


def _around(extent: tuple[int, int], window: int, size: int) -> slice:
    window = min(window, size)
    start = extent[0] - (window - (extent[1] - extent[0])) // 2
    start = min(max(start, 0), size - window)
    return slice(start, start + window)
