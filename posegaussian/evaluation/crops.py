"""Image crops in which metrics are measured: those of the literature. Values of different crops are not comparable."""

from jaxtyping import Float
from torch import Tensor

from posegaussian.geometry.masks import bounding_box

Crop = tuple[slice, slice]
"""Rows and columns."""


def crop(name: str, truth: Float[Tensor, "3 h w"], mask: Float[Tensor, "h w"]) -> Crop | None:
    """The rows and columns of a crop; None if no person is visible in the truth.

    Args:
        name: `full`: the whole image. `bbox`: the bounding box of the true mask (coverage of a half or more). `ghg`: a
            window of 1000 rows and 500 columns (in an image of 1024 rows; it scales with the image's height), centred
            on the bounding box of the pixels that are not black in the truth, and shifted into the image.
        truth: RGB on black.
        mask: true coverage in [0, 1].
    """
    height, width = mask.shape
    if name == "full":
        return slice(0, height), slice(0, width)
    shown = mask >= 0.5 if name == "bbox" else (truth > 0).any(0)
    box = bounding_box(shown.cpu().numpy())
    if box is None:
        return None
    rows, columns = (box[1], box[3]), (box[0], box[2])
    if name == "bbox":
        return slice(*rows), slice(*columns)
    if name == "ghg":
        window = round(1000 * height / 1024), round(500 * height / 1024)
        return _around(rows, window[0], height), _around(columns, window[1], width)
    raise ValueError(f"unknown crop {name!r}")


def _around(extent: tuple[int, int], window: int, size: int) -> slice:
    """A window centred on an extent, shifted into 0 to size."""
    window = min(window, size)
    start = extent[0] - (window - (extent[1] - extent[0])) // 2
    start = min(max(start, 0), size - window)
    return slice(start, start + window)
