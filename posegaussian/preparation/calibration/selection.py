"""Which frames are solved for: sharp ones that cover the images, the tilts of the board and the pairs of cameras."""

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence

import numpy as np

from posegaussian.errors import CalibrationError
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import View

MOST_FRAMES = 100
"""Frames that are solved for at most; more take time and add little. Chosen by hand."""
_CELLS = 5, 4
"""Cells across and down the image, in which corners count as coverage. Chosen by hand."""
_BLURRED = 16.0
"""Edges wider than this, pixels, are blurred. Chosen by hand: refinement looks at 10 pixels to each side at most; the
soft images of the pose2sim demo, with edges of 5 to 12 pixels, give kept-back corners to 0.2 px (median)."""
_BLURRED_FACTOR = 2.0
"""Views are left out whose edges are wider than this times the camera's median. Chosen by hand."""
_PAIR_WEIGHT = 3.0
"""Weight of a pair of cameras that share a frame, as against a cell of an image. Chosen by hand: a view covers about
four cells."""
_ASPECT_STEPS = np.log([1 / 1.6, 1 / 1.2, 1.2, 1.6])
"""Bounds of the classes of foreshortening: ratios of the board's directions in the image. Chosen by hand."""


def sharp_views(views: Sequence[View]) -> list[View]:
    """The views that are not blurred.

    Raises:
        CalibrationError: all views of a camera are blurred.
    """
    blur: dict[str, list[float]] = {}
    for view in views:
        blur.setdefault(view.camera, []).append(view.blur)
    for camera, widths in blur.items():
        if min(widths) > _BLURRED:
            what = (
                f"all {len(widths)} images of the board are blurred: the sharpest edges are {min(widths):.0f} px wide"
            )
            hint = "hold the board still, use a shorter exposure and focus on it"
            raise CalibrationError(what, code="blurred-board", camera=camera, hint=hint)
    limit = {camera: min(_BLURRED, _BLURRED_FACTOR * float(np.median(widths))) for camera, widths in blur.items()}
    return [view for view in views if view.blur <= limit[view.camera]]


def chosen_frames(board: TargetBoard, views: Sequence[View], sizes: Mapping[str, tuple[int, int]]) -> list[int]:
    """Frames, ascending, chosen greedily: each adds most to what those before it show least.

    A frame shows cells of each camera's image, a foreshortening of the board in each camera, and pairs of cameras. What
    has been shown n times before counts 1 / (1 + n).
    """
    shown: dict[int, list[tuple[Hashable, float]]] = {}
    cameras: dict[int, list[str]] = {}
    for view in views:
        shown.setdefault(view.frame, []).extend(_shown(board, view, sizes[view.camera]))
        cameras.setdefault(view.frame, []).append(view.camera)
    for frame, seen in cameras.items():
        pairs = [(a, b) for a in seen for b in seen if a < b]
        shown[frame] += [(pair, _PAIR_WEIGHT) for pair in pairs]
    counts: Counter[Hashable] = Counter()
    left, chosen = sorted(shown), []
    while left and len(chosen) < MOST_FRAMES:
        gains = [sum(weight / (1 + counts[token]) for token, weight in shown[frame]) for frame in left]
        best = left.pop(int(np.argmax(gains)))
        counts.update(token for token, _ in shown[best])
        chosen.append(best)
    return sorted(chosen)


def coverage(views: Sequence[View], size: tuple[int, int]) -> float:
    """Share of the cells of a camera's image in which corners were seen."""
    seen = {cell for view in views for cell in _cells(view, size)}
    return len(seen) / (_CELLS[0] * _CELLS[1])


def _cells(view: View, size: tuple[int, int]) -> set[tuple[int, int]]:
    places = np.clip((view.pixels / size * _CELLS).astype(int), 0, np.array(_CELLS) - 1)
    return {(int(x), int(y)) for x, y in places}


def _shown(board: TargetBoard, view: View, size: tuple[int, int]) -> Iterator[tuple[Hashable, float]]:
    """What a view shows, with its weight."""
    for cell in _cells(view, size):
        yield (view.camera, cell), 1.0
    flat = board.corners[view.ids, :2]
    slopes = np.linalg.lstsq(flat - flat.mean(0), view.pixels - view.pixels.mean(0), rcond=None)[0]
    lengths = np.linalg.norm(slopes, axis=1)
    aspect = int(np.searchsorted(_ASPECT_STEPS, np.log(lengths[0] / lengths[1])))
    turn = int(np.arctan2(slopes[0, 1], slopes[0, 0]) // (np.pi / 2))
    yield (view.camera, "tilt", aspect, turn), 2.0
