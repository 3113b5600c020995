"""Calibration boards: checkerboards and ChArUco boards, drawn as squares of one colour with exact edges.

A board lies in the plane z = 0 of its own axes: x to the right and y down as one reads it, as OpenCV places its object
points, so that the printed side is seen from -z. Its origin is the upper left corner.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from posegaussian.config.people import BoardSettings
from posegaussian.synthetic.mesh.material import Material
from posegaussian.synthetic.mesh.surface import Surface

DICTIONARY = cv2.aruco.DICT_4X4_250
"""The markers of ChArUco boards, as OpenCV numbers dictionaries: 4 x 4 bits."""
CELLS = 8
"""Cells along the side of a square: a marker of 6 cells (4 bits and its border) with a margin of one on each side."""
MARKER_SHARE = 6 / CELLS
"""Side of a marker as a share of a square's."""
THICKNESS = 0.004
"""Thickness of a board, metres; chosen by hand."""
BLACK, WHITE, BACK = 0.04, 0.9, 0.55
"""Albedos of the print, the paper and the back; those of a good laser print, about."""


@dataclass(frozen=True)
class Board:
    """A calibration board; see `BoardSettings`."""

    kind: str
    columns: int
    rows: int
    square: float

    @staticmethod
    def of(settings: BoardSettings) -> Board:
        """The board of the settings."""
        return Board(settings.kind, settings.columns, settings.rows, settings.square)

    @property
    def size(self) -> Float[np.ndarray, 2]:
        """Width and height, metres."""
        return self.square * np.array([self.columns, self.rows], float)

    @property
    def corners(self) -> Float[np.ndarray, "n 3"]:
        """Inner corners of the squares row by row, as OpenCV numbers them, in the board's axes, metres."""
        x, y = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        return self.square * np.stack([x, y, 0 * x], axis=2).reshape(-1, 3).astype(float)

    @cached_property
    def charuco(self) -> cv2.aruco.CharucoBoard:
        """The same board in OpenCV, for its detector."""
        dictionary = cv2.aruco.getPredefinedDictionary(DICTIONARY)
        return cv2.aruco.CharucoBoard((self.columns, self.rows), self.square, MARKER_SHARE * self.square, dictionary)

    @property
    def white(self) -> Bool[np.ndarray, "_ _"]:
        """Which cells are white, `CELLS` x `CELLS` of them in each square."""
        row, column = np.indices((self.rows, self.columns))
        white = np.kron((row + column) % 2 == 1, np.ones((CELLS, CELLS), bool))
        if self.kind == "checkerboard":
            return white
        dictionary, bits = cv2.aruco.getPredefinedDictionary(DICTIONARY), CELLS - 2
        for marker, (i, j) in enumerate(np.argwhere((row + column) % 2 == 1)):
            inner = slice(CELLS * i + 1, CELLS * i + 1 + bits), slice(CELLS * j + 1, CELLS * j + 1 + bits)
            white[inner] = cv2.aruco.generateImageMarker(dictionary, marker, bits) > 127
        return white

    def parts(self) -> list[tuple[Float[np.ndarray, "_ 3"], Int[np.ndarray, "_ 3"], Material]]:
        """Vertices, faces and material of the white cells, the black cells, and the back with the edges."""
        step = self.square / CELLS
        parts = [
            (*_quads(np.argwhere(self.white == white)[:, ::-1] * step, step), _paint(tone))
            for white, tone in ((True, WHITE), (False, BLACK))
        ]
        return [*parts, (*_shell(*self.size), _paint(BACK))]

    def surfaces(self, pose: Float[np.ndarray, "3 4"], weights: Float[np.ndarray, b]) -> list[tuple[Surface, Material]]:
        """The board at a place of the rest pose, moved by bones."""
        return [
            (Surface(points, points @ pose[:, :3].T + pose[:, 3], np.tile(weights, (len(points), 1)), faces), material)
            for points, faces, material in self.parts()
        ]


def outline_of(corners: Float[np.ndarray, "t c 3"], settings: BoardSettings) -> Float[np.ndarray, "t 4 3"]:
    """Outer corners of a flat board from its inner ones, in each frame."""
    grid = corners.reshape(len(corners), settings.rows - 1, settings.columns - 1, 3)
    across = (grid[:, :1, -1:] - grid[:, :1, :1]) / (settings.columns - 2)
    down = (grid[:, -1:, :1] - grid[:, :1, :1]) / (settings.rows - 2)
    x, y = np.array([0.0, settings.columns])[:, None], np.array([0.0, settings.rows])[:, None, None]
    return (grid[:, :1, :1] - across - down + x * across + y * down).reshape(-1, 4, 3)


def _quads(corners: Float[np.ndarray, "n 2"], size: float) -> tuple[Float[np.ndarray, "m 3"], Int[np.ndarray, "f 3"]]:
    """Squares with these upper left corners, seen from -z."""
    outline = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]]) * size
    points = (corners[:, None] + outline).reshape(-1, 2)
    first = 4 * np.arange(len(corners))[:, None, None]
    faces = (first + np.array([[0, 2, 1], [0, 3, 2]])).reshape(-1, 3)
    return np.column_stack([points, np.zeros(len(points))]), faces


def _shell(width: float, height: float) -> tuple[Float[np.ndarray, "8 3"], Int[np.ndarray, "10 3"]]:
    """The back and the four edges of a board."""
    corners = np.array(
        [[x, y, z] for z in (0.0, THICKNESS) for x, y in ((0, 0), (width, 0), (width, height), (0, height))]
    )
    edges = [face for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)) for face in ((a, b, b + 4), (a, b + 4, a + 4))]
    return corners, np.array([[4, 5, 6], [4, 6, 7], *edges])


def _paint(tone: float) -> Material:
    """One matt grey."""
    return Material(
        "board", lambda points: np.column_stack([np.full((len(points), 3), tone), 0 * points[:, 0]]), 0.0, 1.0
    )
