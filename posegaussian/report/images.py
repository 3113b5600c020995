"""Images for display: heatmaps over images, crops around the person, rows with captions."""

import base64
import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8
from PIL import Image, ImageDraw, ImageFont

from posegaussian.geometry.masks import bounding_box, is_person
from posegaussian.io.images import image_bytes

RGBImage = UInt8[np.ndarray, "_ _ 3"]
_JPEG = (cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
"""Quality, and no coarser colours, since lines of one colour are drawn into the images. Chosen by eye."""


@dataclass(frozen=True)
class Box:
    """A rectangle in whole pixels, right and bottom exclusive; it may extend beyond the image."""

    left: int
    top: int
    right: int
    bottom: int


def box_around(mask: UInt8[np.ndarray, "h w"], aspect: float | None = None, margin: float = 0.05) -> Box:
    """The person's bounding box with a margin; the whole image if the mask is empty.

    Args:
        mask: coverage, 0..255.
        aspect: width / height to widen the box to; None leaves its own.
        margin: on every side, as a share of the box's longer side.
    """
    edges = bounding_box(is_person(mask))
    left, top, right, bottom = edges or (0, 0, mask.shape[1], mask.shape[0])
    border = 2 * margin * max(bottom - top, right - left) if edges else 0
    tall, wide = bottom - top + border, right - left + border
    if aspect:
        tall, wide = max(tall, wide / aspect), max(wide, tall * aspect)
    tall, wide = round(tall), round(wide)
    left, top = int(left + right - wide) // 2, int(top + bottom - tall) // 2
    return Box(left, top, left + wide, top + tall)


def padded_crop(image: Shaped[np.ndarray, "h w *c"], box: Box) -> Shaped[np.ndarray, "h2 w2 *c"]:
    """The part of an image inside a box, black beyond the image's borders."""
    height, width = image.shape[:2]
    above, below = max(-box.top, 0), max(box.bottom - height, 0)
    before, after = max(-box.left, 0), max(box.right - width, 0)
    padded = np.pad(image, [(above, below), (before, after), *[(0, 0)] * (image.ndim - 2)])
    return padded[box.top + above : box.bottom + above, box.left + before : box.right + before]


def resized(image: RGBImage, width: int, height: int) -> RGBImage:
    """An image resampled to a size."""
    shrinking = width < image.shape[1]
    result = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinking else cv2.INTER_CUBIC)
    return np.asarray(result, dtype=np.uint8)


def heatmap_overlay(image: RGBImage, heatmaps: Shaped[np.ndarray, "17 hq wq"]) -> RGBImage:
    """Joint heatmaps over a dimmed image, one hue per joint."""
    height, width = image.shape[:2]
    light = np.zeros((height, width, 3), np.float32)
    for joint, values in enumerate(heatmaps.astype(np.float32)):
        colour = np.array(colorsys.hsv_to_rgb(joint / len(heatmaps), 0.75, 1.0), np.float32)
        light = np.maximum(light, cv2.resize(values, (width, height))[..., None] * colour)
    strength = light.max(-1, keepdims=True)
    return np.rint(((0.6 * image / 255) * (1 - strength) + light).clip(0, 1) * 255).astype(np.uint8)


def image_row(
    images: Sequence[RGBImage], captions: Sequence[str], *, height: int, gap: int = 8, text: int = 17
) -> RGBImage:
    """Images side by side on black, scaled to one height, each with a caption below it.

    Args:
        images: of any sizes.
        captions: one per image.
        height: of the images, pixels.
        gap: between and around the images, pixels.
        text: size of the captions' font, pixels.
    """
    tiles = [resized(image, round(image.shape[1] * height / image.shape[0]), height) for image in images]
    width = sum(tile.shape[1] for tile in tiles) + gap * (len(tiles) + 1)
    sheet = Image.new("RGB", (width, height + 3 * gap + round(1.3 * text)), (0, 0, 0))
    pen, font, x = ImageDraw.Draw(sheet), ImageFont.load_default(text), gap
    for tile, caption in zip(tiles, captions, strict=True):
        sheet.paste(Image.fromarray(tile), (x, gap))
        pen.text((x + tile.shape[1] / 2, height + 2 * gap), caption, (225, 225, 225), font, anchor="ma")
        x += tile.shape[1] + gap
    return np.asarray(sheet)


def image_uri(image: RGBImage) -> str:
    """An image as a data URI (PNG)."""
    return data_uri("image/png", image_bytes(image))


def photo_uri(image: RGBImage) -> str:
    """An image as a data URI (JPEG), a fifth of the bytes of PNG: for pages with several images of each camera."""
    return data_uri("image/jpeg", image_bytes(image, ".jpg", _JPEG))


def data_uri(kind: str, data: bytes) -> str:
    """Bytes as a data URI of a media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
