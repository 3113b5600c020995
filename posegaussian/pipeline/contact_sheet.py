"""`posegaussian contact-sheet`: renders synthetic people, or their movements, on one contact sheet."""

from collections.abc import Sequence
from pathlib import Path

import cv2

from posegaussian.config import PeopleSettings, RoomSettings
from posegaussian.io.images import write_image
from posegaussian.io.suffixes import check_suffix
from posegaussian.progress import progress
from posegaussian.synthetic.dataset.contact_sheet import render_in_room, render_portraits, tile_images

_QUALITY = {".png": (), ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 88), ".jpeg": (cv2.IMWRITE_JPEG_QUALITY, 88)}
"""OpenCV's parameters of the encoder, by suffix; the JPEG quality is chosen by hand."""
_COLUMNS = 8
"""Images side by side where each person has one."""


def write_contact_sheet(
    seeds: Sequence[int],
    output: Path,
    settings: PeopleSettings,
    size: int = 384,
    frames: int = 1,
    room: RoomSettings | None = None,
) -> None:
    """Render people on one sheet, each from a random direction; with `frames` above 1, one row for each person.

    Args:
        seeds: of the people.
        output: the sheet, .png or .jpg.
        settings: which people may be drawn.
        size: height of one image, pixels.
        frames: number of images of each person, 5 frames apart.
        room: which rooms surround the people; None: an even wall.

    Raises:
        ConfigError: the sheet's format is unknown.
        StoreError: the sheet cannot be written.
    """
    output = Path(output)
    check_suffix(output, _QUALITY)
    images = []
    for seed in progress(list(seeds), "people"):
        if room is None:
            images += render_portraits(seed, settings, size, frames)
        else:
            images += render_in_room(seed, settings, room, size, frames)
    sheet = tile_images(images, min(_COLUMNS if frames == 1 else frames, len(images)))
    write_image(output, sheet, _QUALITY[output.suffix.lower()])
