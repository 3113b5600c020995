"""The part of a large rectified pair that holds the person: what lies around costs memory and time, and is black."""

from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from posegaussian.geometry.compositing import BAND
from posegaussian.types import StereoPair

LARGE = 1536
"""Longer side from which on pairs are cropped, pixels: 1.5 times the largest of training. Chosen by hand."""
_STATE, _HEATMAP = 8, 4
"""Pixels per cell of the temporal state and of the heatmaps."""
_GRAIN = 32
"""Windows begin at multiples of this, which are whole cells of all features."""
_STEP = 128
"""Sides of windows are multiples of this, so that most frames of a person share one size. Chosen by hand."""


@dataclass(frozen=True)
class Window:
    """A window of each view of a pair: of equal sizes, in the same rows."""

    top: int  # its first row
    left: tuple[int, int]  # its first column in each view
    height: int  # pixels
    width: int  # pixels

    def crop(self, pair: StereoPair) -> StereoPair:
        """The pair inside of the window, padded with black where this reaches beyond the image."""
        intrinsics = pair.cameras.intrinsics.clone()
        offset = intrinsics.new_tensor([[left, self.top] for left in self.left])
        intrinsics[..., :2, 2] -= offset
        return replace(
            pair,
            images=self._part(pair.images),
            masks=self._part(pair.masks),
            cameras=replace(pair.cameras, intrinsics=intrinsics, width=self.width, height=self.height),
            heatmaps=None if pair.heatmaps is None else self._part(pair.heatmaps, _HEATMAP),
            keypoints=None if pair.keypoints is None else pair.keypoints - offset[:, None],
        )

    def disparity(self, found: Float[Tensor, "2 hw ww"], pair: StereoPair) -> Float[Tensor, "2 h w"]:
        """The disparity of the whole pair: that of infinity around the window."""
        intrinsics = pair.cameras.intrinsics[0]
        whole = (intrinsics[0, 0, 2] - intrinsics[1, 0, 2]).expand_as(pair.masks[0, :, 0]).to(found).clone()
        return self._paste(whole, found + (self.left[0] - self.left[1]))

    def state_before(self, whole: Float[Tensor, "c 2 d hs ws"] | None) -> Float[Tensor, "c 2 d h w"] | None:
        """The window's part of a temporal state of the whole pair."""
        return None if whole is None else self._part(whole, _STATE)

    def state_after(
        self, found: Float[Tensor, "c 2 d hw ww"] | None, pair: StereoPair
    ) -> Float[Tensor, "c 2 d hs ws"] | None:
        """The temporal state of the whole pair: 0 around the window, as before the first frame."""
        if found is None:
            return None
        cells = (_grains(size) // _STATE for size in pair.images.shape[-2:])
        return self._paste(found.new_zeros(*found.shape[:3], *cells), found, _STATE)

    def _part(self, values: Float[Tensor, "*n h w"], stride: int = 1) -> Float[Tensor, "*n hw ww"]:
        part = values.new_zeros(*values.shape[:-2], self.height // stride, self.width // stride)
        for view, (rows, columns) in enumerate(self._places(values, stride)):
            taken = _view(values, view)[..., rows, columns]
            _view(part, view)[..., : taken.shape[-2], : taken.shape[-1]] = taken
        return part

    def _paste(self, whole: Tensor, part: Tensor, stride: int = 1) -> Tensor:
        for view, (rows, columns) in enumerate(self._places(whole, stride)):
            target = _view(whole, view)[..., rows, columns]
            target.copy_(_view(part, view)[..., : target.shape[-2], : target.shape[-1]])
        return whole

    def _places(self, whole: Tensor, stride: int) -> list[tuple[slice, slice]]:
        """Rows and columns of each view that lie inside of the window and of the image, in cells."""
        height, width = whole.shape[-2:]
        rows = slice(self.top // stride, min((self.top + self.height) // stride, height))
        return [(rows, slice(left // stride, min((left + self.width) // stride, width))) for left in self.left]


def person_window(pair: StereoPair) -> Window | None:
    """The window of the person in a batch of one pair; None where the pair is small, or empty."""
    height, width = pair.images.shape[-2:]
    if max(height, width) < LARGE:
        return None
    rows, columns = (pair.masks[0, :, 0].amax(axis) > 0 for axis in (2, 1))
    if not rows.any():
        return None
    (first, last), *sides = (_ends(line) for line in (rows.any(0), columns[0], columns[1]))
    margin = int(BAND * (last - first)) + _GRAIN
    top, left = _before(first, margin), tuple(_before(side[0], margin) for side in sides)
    tall = min(_step(last + margin - top), _grains(height - top))
    wide = min(_step(max(side[1] + margin - start for side, start in zip(sides, left, strict=True))), _grains(width))
    return Window(top, (left[0], left[1]), tall, wide)


def _view(values: Tensor, view: int) -> Tensor:
    """One of the two views, whose axis is the first of at most 3 axes and else the second."""
    return values[view] if values.ndim == 3 else values[:, view]


def _ends(line: Tensor) -> tuple[int, int]:
    places = line.nonzero()
    return int(places[0]), int(places[-1]) + 1


def _before(first: int, margin: int) -> int:
    return max(first - margin, 0) // _GRAIN * _GRAIN


def _grains(length: int) -> int:
    return -(-length // _GRAIN) * _GRAIN


def _step(length: int) -> int:
    return -(-length // _STEP) * _STEP
