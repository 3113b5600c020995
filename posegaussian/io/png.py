"""Pictures as .png files."""

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.io.atomic import whole_file


def png_bytes(image: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """An RGB picture as the bytes of a .png file."""
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()


def write_png(path: Path, image: UInt8[np.ndarray, "h w 3"]) -> None:
    """Write an RGB picture."""
    with whole_file(path) as temporary:
        temporary.write_bytes(png_bytes(image))
