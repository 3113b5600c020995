"""The corners of a board in an image, refined to a fraction of a pixel."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy.ndimage import map_coordinates

from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.crossings import refined_crossings
from posegaussian.preparation.calibration.tag_edges import refined_tags

_LEAST_CORNERS = 6
"""Fewest corners of a view that counts. Four give a pose; more are needed to detect a wrong one. Chosen by hand."""
_REACH = 1.0, 3.0
"""Least pixels across an edge in which it is looked for, and most of sharp edges, which are 2 to 3 pixels wide; of
blurred ones, their width. Chosen on drawn checkerboards: in twice the reach errors are twice as large."""
_REACH_SHARE = 0.6
"""Most of it as a share of the way to the next print. Chosen by hand: nearer to it, edges are drawn to that print."""
_OLDER = cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_NORMALIZE_IMAGE
_LEAST_CLEAN = 1.0
"""Corners are left out where the way to the next print is shorter than this, pixels. Chosen by hand: a board of squares
of 60 mm with markers of 45 mm on the floor, seen at 30 degrees from 2.3 m with a focal length of 900 px, has 1.5."""
_WORST_FIT = 0.25
"""Corners lie off a plane's homography by less than this share of a square, or the detection is wrong; lenses bend a
board by less. Chosen by hand."""


@dataclass(frozen=True)
class View:
    """A board as one camera sees it in one frame."""

    camera: str  # its name
    frame: int  # number of the frame
    ids: Int[np.ndarray, " n"]  # which of the board's corners, ascending
    pixels: Float[np.ndarray, "n 2"]  # where they are, pixel centres at +0.5
    blur: float  # width of the board's edges, pixels; a sharp image has 1 to 3


def detect(board: TargetBoard, grey: UInt8[np.ndarray, "h w"], camera: str, frame: int) -> View | None:
    """The board's corners in an image; None where the board is not seen.

    A checkerboard has to be seen whole; of the other boards a part is enough.
    """
    found = {"checkerboard": _checkerboard, "charuco": _charuco, "apriltag": _tags}[board.kind](board, grey)
    if found is None or len(found[0]) < _LEAST_CORNERS:
        return None
    ids, pixels = (each[np.argsort(found[0])] for each in found)
    flat = board.corners[ids, :2]
    if min(np.linalg.svd(flat - flat.mean(0), compute_uv=False)) < board.side / 2:  # corners in one row
        return None
    to_image = cv2.findHomography(flat, pixels, cv2.RANSAC, 3.0)[0]
    if to_image is None:
        return None
    slopes = _slopes(to_image, flat)
    scale = np.linalg.svd(slopes, compute_uv=False)[:, -1]  # pixels a metre where the board is foreshortened most
    fit = cv2.perspectiveTransform(flat[:, None], to_image)[:, 0]
    if not np.linalg.norm(fit - pixels, axis=1).max() < _WORST_FIT * board.side * scale.max():
        return None
    large = board.clean * scale >= _LEAST_CLEAN
    if board.kind == "apriltag":
        large = large.reshape(-1, 4).all(1).repeat(4)
    if large.sum() < _LEAST_CORNERS:
        return None
    ids = ids[large]
    blur = _blur(board, grey, to_image, ids)
    return View(camera, frame, ids, _refined(board, grey, pixels[large], slopes[large], blur) + 0.5, blur)


def is_mirrored(board: TargetBoard, grey: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether an image shows the board mirrored. A mirrored checkerboard is a checkerboard, so it is never found."""
    return board.kind != "checkerboard" and detect(board, np.ascontiguousarray(grey[:, ::-1]), "", 0) is not None


def shows_two(board: TargetBoard, grey: UInt8[np.ndarray, "h w"]) -> bool:
    """Whether an image shows two boards of this kind: the marker of one number twice, or a second checkerboard."""
    if board.kind == "checkerboard":
        first = _checkerboard(board, grey)
        if first is None:
            return False
        rest = grey.copy()
        hull = cv2.convexHull(np.rint(first[1]).astype(np.int32))
        cv2.fillConvexPoly(rest, hull, int(np.median(grey)))
        size = board.columns - 1, board.rows - 1
        return bool(cv2.findChessboardCornersSB(rest, size, flags=cv2.CALIB_CB_NORMALIZE_IMAGE)[0])
    _, ids, _ = cv2.aruco.ArucoDetector(board.dictionary).detectMarkers(grey)
    known = [] if ids is None else ids[ids < board.marker_count].tolist()
    return len(set(known)) < len(known)


def _checkerboard(board: TargetBoard, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Numbers and places of the inner corners; pixel centres at integers, as in all functions below."""
    across, down = board.columns - 1, board.rows - 1
    seen, corners = cv2.findChessboardCornersSB(grey, (across, down), flags=cv2.CALIB_CB_NORMALIZE_IMAGE)
    if not seen:  # the older finder sees boards that this one misses: half of those of the pose2sim demo
        seen, corners = cv2.findChessboardCorners(grey, (across, down), flags=_OLDER)
    if not seen:
        return None
    grid = corners.reshape(down, across, 2).astype(float)
    right, below = grid[0, -1] - grid[0, 0], grid[-1, 0] - grid[0, 0]
    if right[0] * below[1] - right[1] * below[0] < 0:  # numbered as seen from behind
        grid = grid[:, ::-1]
    # The first inner corner lies between a dark upper left square and a light one to its right.
    first = (grid[:-1, :-1] + grid[1:, 1:] + grid[:-1, 1:] + grid[1:, :-1]) / 4
    levels = map_coordinates(grey.astype(float), [first[..., 1].ravel(), first[..., 0].ravel()], order=1)
    odd = np.indices(first.shape[:2]).sum(0).ravel() % 2 == 1
    # Of the squares between inner corners, the one at (1, 1) of the whole board is dark.
    if levels[~odd].mean() > levels[odd].mean():
        grid = grid[::-1, ::-1]
    return np.arange(across * down), grid.reshape(-1, 2)


def _charuco(board: TargetBoard, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    corners, ids, _, _ = cv2.aruco.CharucoDetector(board.charuco).detectBoard(grey)
    return None if ids is None or not len(ids) else (ids.ravel().astype(int), corners.reshape(-1, 2).astype(float))


def _tags(board: TargetBoard, grey: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    corners, ids, _ = cv2.aruco.ArucoDetector(board.dictionary).detectMarkers(grey)
    known = [] if ids is None else [i for i, tag in enumerate(ids.ravel()) if tag < board.columns * board.rows]
    numbers = [] if ids is None else ids.ravel()[known].tolist()
    if not known or len(set(numbers)) < len(numbers):  # a tag that is seen twice: two boards
        return None
    places = np.concatenate([corners[i].reshape(4, 2) for i in known]).astype(float)
    return (4 * np.array(numbers)[:, None] + np.arange(4)).ravel(), places


def _refined(board: TargetBoard, grey: np.ndarray, pixels: np.ndarray, slopes: np.ndarray, blur: float) -> np.ndarray:
    """Corners to a fraction of a pixel; `slopes` are of the image's places by the board's, at each corner."""
    across = abs(np.linalg.det(slopes))[:, None] / np.linalg.norm(slopes, axis=1)  # pixels a metre, across both edges
    reach = np.clip(_REACH_SHARE * board.clean * across, _REACH[0], max(_REACH[1], blur))
    if board.kind == "apriltag":
        return refined_tags(grey, pixels.reshape(-1, 4, 2), reach.reshape(-1, 8).min(1)).reshape(-1, 2)
    return refined_crossings(grey, pixels, board.side * slopes.transpose(0, 2, 1), reach)


def _slopes(to_image: np.ndarray, flat: np.ndarray) -> Float[np.ndarray, "n 2 2"]:
    """Slopes of the image's places by the board's, pixels a metre, at each point."""
    homogeneous = np.column_stack([flat, np.ones(len(flat))]) @ to_image.T
    places, depth = homogeneous[:, :2] / homogeneous[:, 2:], homogeneous[:, 2]
    return (to_image[None, :2, :2] - places[:, :, None] * to_image[None, 2:, :2]) / depth[:, None, None]


def _blur(board: TargetBoard, grey: np.ndarray, to_image: np.ndarray, ids: np.ndarray) -> float:
    """Median width of the edges beside the corners, pixels: contrast as against the steepest slope.

    Edges are sampled across, along both of the board's axes, at the middle of the clean part beside each corner.
    """
    steps = np.linspace(-1, 1, 41)
    widths = []
    for along, across in (((0.8, 0.0), (0.0, 1.0)), ((0.0, 0.8), (1.0, 0.0))):
        sign = np.ones(len(ids))[:, None] * np.array(along)
        if board.kind == "apriltag":  # the sides of a tag begin at its corners, and turn with them
            inward = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1.0]])[ids % 4]
            sign = sign * inward
        middle = board.corners[ids, :2] + board.clean * sign
        points = middle[:, None] + 0.8 * board.clean * steps[:, None] * np.array(across)
        pixels = cv2.perspectiveTransform(points.reshape(-1, 1, 2), to_image).reshape(*points.shape)
        levels = map_coordinates(grey.astype(float), [pixels[..., 1], pixels[..., 0]], order=1, mode="nearest")
        spacing = np.linalg.norm(np.diff(pixels, axis=1), axis=2)
        slope = (abs(np.diff(levels, axis=1)) / np.maximum(spacing, 1e-9)).max(1)
        widths.append(np.ptp(levels, axis=1) / np.maximum(slope, 1e-9))
    return float(np.median(np.concatenate(widths)))
