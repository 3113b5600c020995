"""The plane of a mask that holds its coverage or its labels: alpha, grey, the strength of a colour, or colours."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Int, Shaped, UInt8
from PIL import Image

from posegaussian.errors import CaptureError

Levels = Shaped[np.ndarray, "h w"]
"""One level a pixel, of 8 or 16 bits."""
Samples = Shaped[np.ndarray, "h w *channels"]
Palette = UInt8[np.ndarray, "256 4"]
"""RGBA by index."""
NOISE = 8
"""Levels of 255 by which the compression of a JPEG changes a flat region. Chosen by hand."""
COLOR_NOISE = 40
"""The same for the channels of a colour, which JPEGs store at half the resolution. Chosen by hand."""
GREY = 16
"""Largest difference of the channels of a grey image; JPEGs have some. Chosen by hand."""
_LEAST_COLOR = 1e-3
"""Share of the image that a label's colour has; the mixed colours of smooth edges have less. Chosen by hand."""
_MOST_COLORS = 256
"""Colours that are taken as they are. With more, the frequent ones have to cover half of what is not the background."""


@dataclass(frozen=True)
class Plane:
    """One level a pixel, 0 in the background."""

    levels: Levels  # coverage, or numbers of labels
    names: Sequence[str] = ()  # the label of each level; empty: the level is the label

    def name(self, level: int) -> str:
        """The label of a level."""
        return self.names[level] if self.names else str(level)


def plane_of(samples: Samples, palette: Palette | None, *, lossy: bool) -> Plane:
    """The plane of a mask; arguments as for `coverage`.

    Raises:
        CaptureError: a colour image that is no mask.
    """
    if palette is not None:
        return _palette_plane(samples, palette)
    samples = without_alpha(whole_numbers(samples))
    return _color_plane(samples, lossy) if samples.ndim == 3 else Plane(samples)


def strength(samples: Samples, palette: Palette | None) -> Levels:
    """Alpha, grey, or the strongest channel: 0 where a pixel is transparent or black."""
    if palette is not None:
        return _palette_plane(samples, palette).levels
    samples = without_alpha(whole_numbers(samples))
    return samples if samples.ndim == 2 else samples.max(axis=2)


def whole_numbers(samples: Samples) -> Samples:
    """Samples of 8 or 16 bits; a file of 16 bits whose levels fit into 8 has 8.

    Raises:
        CaptureError: the samples have another type.
    """
    if samples.dtype == np.uint8:
        return samples
    if samples.dtype == np.bool_:
        return samples * np.uint8(255)
    if samples.dtype == np.int32:  # Pillow's mode I: 16 bits in 32
        samples = np.clip(samples, 0, 65535).astype(np.uint16)
    if samples.dtype != np.uint16:
        raise CaptureError(f"not a mask: samples of type {samples.dtype}", code="unsupported-samples")
    return samples.astype(np.uint8) if samples.max() <= 255 else samples


def without_alpha(samples: Samples) -> Shaped[np.ndarray, "h w *kept"]:
    """The alpha channel (h w) unless it is the same everywhere; else the grey (h w) or RGB (h w 3) channels."""
    if samples.ndim == 3 and samples.shape[2] in (2, 4):
        alpha = samples[..., -1]
        if alpha.min() < alpha.max() or not alpha.any():
            return np.ascontiguousarray(alpha)
        samples = samples[..., :-1]
    return np.ascontiguousarray(samples if samples.ndim == 2 or samples.shape[2] == 3 else samples[..., 0])


def level_counts(levels: Levels) -> Int[np.ndarray, " n"]:
    """Number of pixels of each level."""
    size = 256 if levels.dtype == np.uint8 else 65536
    return cv2.calcHist([levels], [0], None, [size], [0, size]).ravel().astype(int)


def _color_plane(rgb: Shaped[np.ndarray, "h w 3"], lossy: bool) -> Plane:
    """Grey; the strength of the colour where there is but one on black; or labels by colour."""
    if rgb.dtype == np.uint16:
        rgb = np.rint(rgb / np.float32(257)).astype(np.uint8)
    channels = cv2.split(rgb)
    strongest = cv2.max(cv2.max(channels[0], channels[1]), channels[2])
    weakest = cv2.min(cv2.min(channels[0], channels[1]), channels[2])
    if cv2.subtract(strongest, weakest).max() <= GREY:
        return Plane(np.asarray(Image.fromarray(rgb).convert("L")))
    peak = rgb[np.unravel_index(strongest.argmax(), strongest.shape)].astype(int)
    expected = [cv2.convertScaleAbs(strongest, alpha=channel / peak.max()) for channel in peak]
    errors = [cv2.absdiff(*pair).max() for pair in zip(channels, expected, strict=True)]
    if max(errors) <= (COLOR_NOISE if lossy else NOISE):
        return Plane(strongest, [_hexadecimal(level * peak / peak.max()) for level in range(256)])
    return _labels_by_color(rgb)


def _labels_by_color(rgb: UInt8[np.ndarray, "h w 3"]) -> Plane:
    """Levels that number the colours, black as 0; a colour of a smooth edge becomes the nearest frequent one.

    Raises:
        CaptureError: too few pixels have a frequent colour, as in a photograph.
    """
    codes = (rgb[..., 0].astype(np.int32) << 8 | rgb[..., 1]) << 8 | rgb[..., 2]
    ordered = np.sort(codes, axis=None)  # ten times as fast as np.unique with its inverse
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    found, counts = ordered[starts], np.diff(starts, append=codes.size)
    frequent = counts >= _LEAST_COLOR * codes.size
    if len(found) > _MOST_COLORS:
        if frequent.sum() > _MOST_COLORS or counts[frequent].sum() - counts.max() < (codes.size - counts.max()) / 2:
            hint = "give masks; where whatever is not black is the person, set rectify.mask_label: any"
            raise CaptureError("not a mask: a colour image without transparency", code="not-a-mask", hint=hint)
        kept = found[frequent]
    else:
        kept = found[np.argsort(-counts, kind="stable")[: _MOST_COLORS - 1]]
    kept = np.unique(np.append(kept, 0))[:_MOST_COLORS]  # black is 0, whether it is there or not
    colors, each = (np.stack([code >> 16, code >> 8 & 255, code & 255], axis=1) for code in (kept, found))
    levels = np.zeros(1 << 24, np.uint8)
    levels[found] = [abs(colors - color).sum(1).argmin() for color in each]
    return Plane(levels[codes], [*map(_hexadecimal, colors)])


def _palette_plane(indices: UInt8[np.ndarray, "h w"], palette: Palette) -> Plane:
    """Alpha where the palette has some; the strength of its colour where there is but one on black; or the indices.

    Programs number palettes as they like: black is the background, wherever it stands.
    """
    used = np.flatnonzero(level_counts(indices))
    alpha, colors = palette[used, 3], palette[used, :3].astype(int)
    if alpha.min() < alpha.max() or not alpha.any():
        return Plane(palette[:, 3][indices])
    strongest, peak = colors.max(1), colors[colors.max(1).argmax()]
    aligned = abs(colors * peak.max() - strongest[:, None] * peak).max() <= NOISE * peak.max()
    level = np.zeros(256, np.uint8)
    level[used] = used
    if aligned and len(set(strongest.tolist())) == len(used):
        level[used] = strongest
    elif len(black := used[~colors.any(1)]) == 1:
        level[used[used < black[0]]] += 1
        level[black] = 0
    names = {int(level[index]): f"{index} ({_hexadecimal(palette[index])})" for index in used}
    return Plane(level[indices], [names.get(each, "") for each in range(256)])


def _hexadecimal(color: Sequence[float] | np.ndarray) -> str:
    return "#" + "".join(f"{round(float(channel)):02x}" for channel in color[:3])
