"""Calibration boards, described in one line: checkerboards, ChArUco boards and grids of AprilTags.

A board lies in the plane z = 0 of its own axes: x to the right and y down as one reads it, so that the printed side is
seen from -z. Its origin is the upper left corner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Float

from posegaussian.errors import ConfigError

_LENGTH = r"(\d+(?:\.\d*)?|\.\d+)(mm|cm|m)"
_LINE = (
    rf"(checkerboard) (\d+)x(\d+) {_LENGTH}"
    rf"|(charuco|apriltag) (\d+)x(\d+) {_LENGTH} {_LENGTH}(?: ([a-z0-9_]+))?"
)
_UNITS = {"mm": 1e-3, "cm": 1e-2, "m": 1.0}
_SIDES = 0.003, 0.5
"""Shortest and longest side of a square or tag, metres. Chosen by hand: beyond these the unit is wrong."""
_SQUARES = 3, 60
"""Fewest and most squares along a side of a board; fewer have no row of corners. Chosen by hand."""
_DICTIONARY = {"charuco": "4x4_250", "apriltag": "apriltag_36h11"}
"""Markers where the line names none. 4x4_50 and 4x4_100 are the first ones of 4x4_250."""
_TAG_CELLS = 8
"""Cells along the side of a tag of the family 36h11, its border included: 6 bits and two cells of border."""
_HINT = (
    "write `checkerboard 10x7 25mm` (squares across and down, side), `charuco 7x5 60mm 45mm` (square, marker) "
    "or `apriltag 6x6 88mm 26.4mm` (tags across and down, tag, gap)"
)


@dataclass(frozen=True)
class TargetBoard:
    """A printed board of known size; see `parse`."""

    kind: str  # checkerboard, charuco or apriltag
    columns: int  # squares across, or tags
    rows: int  # squares down, or tags
    side: float  # of a square, or of a tag, metres
    other: float = 0.0  # side of a marker (charuco), or gap between tags (apriltag), metres; 0 for a checkerboard
    markers: str = ""  # OpenCV's name of the dictionary without DICT_, lower case; empty for a checkerboard

    @staticmethod
    def parse(line: str) -> TargetBoard:
        """The board that a line describes.

        Args:
            line: `checkerboard 10x7 25mm`, `charuco 7x5 60mm 45mm` or `apriltag 6x6 88mm 26.4mm`. The last two may end
                with OpenCV's name of their markers, such as 5x5_100 or apriltag_25h9.

        Raises:
            ConfigError: the line is not of this form, a length is implausible, or the board cannot be used.
        """
        match = re.fullmatch(_LINE, " ".join(line.lower().split()))
        if not match:
            raise ConfigError(f"board {line!r} is not understood", code="invalid-board", hint=_HINT)
        kind, columns, rows = match[1] or match[6], int(match[2] or match[7]), int(match[3] or match[8])
        if kind == "checkerboard":
            board = TargetBoard(kind, columns, rows, float(match[4]) * _UNITS[match[5]])
        else:
            side, other = float(match[9]) * _UNITS[match[10]], float(match[11]) * _UNITS[match[12]]
            board = TargetBoard(kind, columns, rows, side, other, match[13] or _DICTIONARY[kind])
        board._check(line)
        return board

    def _check(self, line: str) -> None:
        """Raise a ConfigError, which quotes the line, where the board cannot be used."""
        if not _SIDES[0] <= self.side <= _SIDES[1]:
            what = f"board {line!r}: a side of {self.side:g} m is implausible"
            hint = f"sides are {_SIDES[0]:g} to {_SIDES[1]:g} m: check the unit"
            raise ConfigError(what, code="implausible-square", hint=hint)
        if self.kind == "checkerboard" and (self.columns - self.rows) % 2 == 0:
            what = f"board {line!r} looks the same upside down, so that cameras cannot agree on its corners"
            hint = "of its squares, count an even number one way and an odd number the other way, or use charuco"
            raise ConfigError(what, code="ambiguous-board", hint=hint)
        least, most = 1 if self.kind == "apriltag" else _SQUARES[0], _SQUARES[1]
        problem = None
        if not least <= min(self.columns, self.rows) <= max(self.columns, self.rows) <= most:
            problem = f"it needs {least} to {most} on each side"
        elif self.kind == "charuco" and not 0 < self.other < self.side:
            problem = "its markers do not fit into the squares"
        elif self.kind == "apriltag" and not self.other > 0:
            problem = "its tags need a gap between them"
        elif self.markers and not hasattr(cv2.aruco, self._constant):
            problem = f"OpenCV has no markers {self.markers!r}"
        elif self.markers and len(self.dictionary.bytesList) < self.marker_count:
            problem = f"{self.markers} has {len(self.dictionary.bytesList)} markers, {self.marker_count} are needed"
        if problem:
            raise ConfigError(f"board {line!r}: {problem}", code="invalid-board", hint=_HINT)

    @property
    def corners(self) -> Float[np.ndarray, "corners 3"]:
        """Points that are detected, in the board's axes, metres.

        Inner corners of the squares row by row; of tags, four corners each, clockwise from the upper left one.
        """
        if self.kind == "apriltag":
            tags = self.pitch * np.stack(np.meshgrid(np.arange(self.columns), np.arange(self.rows)), axis=2)
            outline = self.side * np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
            flat = (tags.reshape(-1, 1, 2) + outline).reshape(-1, 2)
        else:
            flat = self.side * np.stack(np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows)), 2)
        flat = flat.reshape(-1, 2)
        return np.column_stack([flat, np.zeros(len(flat))])

    @property
    def pitch(self) -> float:
        """Distance between neighbouring squares or tags, metres."""
        return self.side + self.other if self.kind == "apriltag" else self.side

    @property
    def size(self) -> Float[np.ndarray, 2]:
        """Width and height, metres."""
        gap = self.other if self.kind == "apriltag" else 0.0
        return self.pitch * np.array([self.columns, self.rows], float) - gap

    @property
    def clean(self) -> float:
        """Distance from a corner within which nothing else is printed, metres."""
        if self.kind == "apriltag":
            return min(self.side / _TAG_CELLS, self.other)
        return (self.side - self.other) / 2 if self.kind == "charuco" else self.side

    @cached_property
    def dictionary(self) -> cv2.aruco.Dictionary:
        """OpenCV's dictionary of the markers."""
        return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self._constant))

    @cached_property
    def charuco(self) -> cv2.aruco.CharucoBoard:
        """The same board in OpenCV, where it is a ChArUco board."""
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.side, self.other, self.dictionary)

    @property
    def _constant(self) -> str:
        return f"DICT_{self.markers.upper()}"

    @property
    def marker_count(self) -> int:
        """Number of the markers, which are numbered from 0."""
        squares = self.columns * self.rows
        return squares if self.kind == "apriltag" else squares // 2

    def __str__(self) -> str:
        lengths = " ".join(f"{1e3 * length:.6g}mm" for length in (self.side, self.other) if length)
        return f"{self.kind} {self.columns}x{self.rows} {lengths} {self.markers}".strip()
