"""Boards projected and drawn without the library's detection: cameras around a place where a board is moved."""

import cv2
import numpy as np

from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import View

SIZE = 1280, 720


class TrueCamera:
    """A camera 2 m from the middle, which looks at it; z is up; pixel centres at +0.5."""

    def __init__(self, angle: float, focal: float = 900.0, height: float = 1.2, lens=(-0.12, 0.05, 0.001, -0.0005)):
        around = np.radians(angle)
        self.centre = np.array([2 * np.sin(around), -2 * np.cos(around), height])
        ahead = np.array([0, 0, 0.8]) - self.centre
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0, 0, 1.0])
        right /= np.linalg.norm(right)
        self.pose = np.eye(4)
        self.pose[:3, :3] = np.stack([right, np.cross(ahead, right), ahead])
        self.pose[:3, 3] = -self.pose[:3, :3] @ self.centre
        self.matrix = np.array([[focal, 0, 652.0], [0, focal + 4, 349.0], [0, 0, 1]])
        self.lens = np.array(lens)

    def project(self, points: np.ndarray) -> np.ndarray:
        turn = cv2.Rodrigues(self.pose[:3, :3])[0]
        return cv2.projectPoints(points, turn, self.pose[:3, 3], self.matrix, self.lens)[0][:, 0]


def board_pose(random: np.random.Generator, board: TargetBoard, towards: float) -> np.ndarray:
    """A board held about the middle, its print towards an angle around it, tilted at random; board to world."""
    turn = np.radians(towards + random.uniform(-25, 25))
    away = np.array([-np.sin(turn), np.cos(turn), 0.0])  # the board's z points away from who sees its print
    down = np.array([0, 0, -1.0])
    axes = np.stack([np.cross(down, away), down, away], axis=1)
    axes = axes @ cv2.Rodrigues(random.uniform(-0.6, 0.6, 3))[0]
    pose = np.eye(4)
    pose[:3, :3] = axes
    middle = np.array([0, 0, 0.9]) + random.uniform(-0.45, 0.45, 3)
    pose[:3, 3] = middle - axes[:, :2] @ (board.size / 2)
    return pose


def floor_pose(board: TargetBoard) -> np.ndarray:
    """A board in the middle of the floor, its print up, its x along the world's."""
    pose = np.diag([1.0, -1, -1, 1])
    pose[:3, 3] = [-board.size[0] / 2, board.size[1] / 2, 0]
    return pose


def view_of(board, camera: TrueCamera, pose, name: str, frame: int, random, noise: float) -> View | None:
    """The corners that a camera sees, with noise; None where its print is not seen."""
    points = board.corners @ pose[:3, :3].T + pose[:3, 3]
    facing = (camera.centre - points.mean(0)) / np.linalg.norm(camera.centre - points.mean(0))
    pixels = camera.project(points)
    inside = ((pixels > 3) & (pixels < np.array(SIZE) - 3)).all(1)
    if facing @ -pose[:3, 2] < 0.3 or inside.sum() < (len(points) if board.kind == "checkerboard" else 8):
        return None
    ids = np.flatnonzero(inside)
    return View(name, frame, ids, pixels[ids] + random.normal(0, noise, (len(ids), 2)), 2.0)


def filmed(board, cameras: dict[str, TrueCamera], frames: int, noise: float, seed: int = 0) -> list[View]:
    """Views of a moved board; in frame 0 it lies on the floor."""
    random = np.random.default_rng(seed)
    angles = np.linspace(-40, 40, frames)
    poses = [floor_pose(board), *(board_pose(random, board, angle) for angle in angles)]
    views = [
        view_of(board, camera, pose, name, frame, random, noise)
        for frame, pose in enumerate(poses)
        for name, camera in cameras.items()
    ]
    return [view for view in views if view is not None]


def print_of(board, dots: int = 16) -> np.ndarray:
    """The print of a checkerboard with a white margin of one square; `dots` a square."""
    dark = np.indices((board.rows, board.columns)).sum(0) % 2 == 0
    return np.pad(np.where(np.kron(dark, np.ones((dots, dots))), 20, 235).astype(np.uint8), dots, constant_values=235)


def photograph(pattern, camera: TrueCamera, pose, origin: float, per_metre: float, noise: float = 2.0) -> np.ndarray:
    """A grey image of a print, pinhole: each pixel the mean of 4 x 4 samples, on grey.

    Args:
        pattern: grey levels.
        camera: its distortion must be 0.
        pose: from the board's axes to the world's.
        origin: where the board's origin lies in the pattern, dots from its left and upper sides.
        per_metre: dots of the pattern in a metre.
        noise: standard deviation, grey levels.
    """
    to_board = np.array([[1, 0, 0.5 - origin], [0, 1, 0.5 - origin], [0, 0, per_metre]])  # homogeneous, metres
    to_image = camera.matrix @ (camera.pose @ pose)[:3, [0, 1, 3]]
    fine = np.array([[4, 0, -0.5], [0, 4, -0.5], [0, 0, 1.0]])
    size = 4 * SIZE[0], 4 * SIZE[1]
    image = cv2.warpPerspective(pattern, fine @ to_image @ to_board, size, borderValue=110)
    image = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA).astype(float)
    image += np.random.default_rng(0).normal(0, noise, image.shape)
    jpeg = cv2.imencode(".jpg", np.clip(np.rint(image), 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 92])[1]
    return np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_GRAYSCALE))
