"""Boards as OpenCV sees them: the corners that it detects in images lie where the true ones are projected."""

import cv2
import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from posegaussian.config.people import MARKERS, BoardSettings
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import detect
from posegaussian.synthetic.mesh.mesh_colours import MeshColours
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.subject_mesh import SubjectMesh
from posegaussian.synthetic.renderer.lights import Lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, look_at
from posegaussian.synthetic.things.board import CELLS, MARKER_SHARE, Board

FINE = 3
"""The images are rendered this much larger and averaged: pixels have 6 x 6 samples. With the 2 x 2 of one image,
aliasing alone moves single detected corners by 0.2 px."""
LENS = np.array([-0.18, 0.05, 0.001, -0.002, 0.0])
ON_FLOOR = np.array([[1.0, 0, 0, -0.2], [0, -1, 0, 0.15], [0, 0, -1, 0.004]])
HELD = np.column_stack([cv2.Rodrigues(np.array([-1.35, 0.3, 0.2]))[0], [-0.2, 0.0, 1.3]])


def baked(board: Board, pose: np.ndarray) -> BakedMesh:
    """The board as a rigid mesh with one sample of colour at each corner of a face."""
    parts = [(points @ pose[:, :3].T + pose[:, 3], faces, material) for points, faces, material in board.parts()]
    starts = np.cumsum([0, *(len(points) for points, _, _ in parts)])
    vertices = np.concatenate([points for points, _, _ in parts])
    faces = np.concatenate([faces + start for (_, faces, _), start in zip(parts, starts, strict=False)])
    tones = np.concatenate(
        [np.full(len(faces), material.texture(np.zeros((1, 3)))[0, 0]) for _, faces, material in parts]
    )
    texels = np.full((3 * len(faces), 5), 128, np.uint8)
    texels[:, :3] = np.repeat(np.round(255 * tones), 3)[:, None]
    colours = MeshColours(np.ones(len(faces), np.uint8), 3 * np.arange(len(faces)), texels)
    return BakedMesh.rigid(vertices, vertex_normals(vertices, faces), faces, colours)


def photograph(board: Board, pose: np.ndarray, eye: list[float], lens: np.ndarray):
    """A grey image of the board, and where OpenCV projects its corners (integer pixel centres)."""
    middle = pose[:, :3] @ [*board.size / 2, 0] + pose[:, 3]
    matrix = np.array([[900.0, 0, 322.7], [0, 905, 238.2], [0, 0, 1]])
    view = RigCamera(matrix, look_at(np.array(eye), middle, 7.0), 640, 480)
    light = Lights(*(torch.tensor(v) for v in ([[0.0, -0.6, 0.8]], [[0.3] * 3], [0.6] * 3, [0.4] * 3, 0.01)))
    posed = SubjectMesh.of(baked(board, pose)).posed(torch.eye(3, 4)[None, None])
    shadows = shadow_map(posed, lamp_camera(light, middle)[None])
    first = torch.zeros(1, dtype=torch.long)
    camera = camera_batch([view]).resized(FINE * 640, FINE * 480)
    image = render_colours(posed, first, camera, light, shadows, torch.from_numpy(lens)[None].float())
    image = avg_pool2d(image.over(light.background)[:, :1], FINE)
    grey = (255 * image[0, 0].clamp(0, 1)).round().byte().numpy()
    world = board.corners @ pose[:, :3].T + pose[:, 3]
    turn, shift = cv2.Rodrigues(view.world_to_camera[:3, :3])[0], view.world_to_camera[:3, 3]
    true = cv2.projectPoints(world, turn, shift, matrix, lens)[0][:, 0] - 0.5
    return grey, true


@pytest.mark.parametrize("lens", [np.zeros(5), LENS], ids=["pinhole", "distorted"])
@pytest.mark.parametrize(
    ("pose", "eye"), [(ON_FLOOR, [0.2, -0.5, 0.7]), (HELD, [0.25, -1.2, 1.4])], ids=["floor", "held"]
)
@pytest.mark.parametrize("kind", ["checkerboard", "charuco"])
def test_detected_corners_are_the_projected_truth(kind, pose, eye, lens):
    board = Board.of(BoardSettings(kind=kind, columns=7, rows=5, square=0.06))
    grey, true = photograph(board, pose, eye, lens)
    if kind == "charuco":
        found, numbers, _, _ = cv2.aruco.CharucoDetector(board.charuco).detectBoard(grey)
        assert len(numbers) == len(true)
        found = found.reshape(-1, 2)[np.argsort(numbers.ravel())]
    else:
        seen, found = cv2.findChessboardCornersSB(grey, (6, 4))
        assert seen
        found = found.reshape(-1, 2)
        found = min(found, found[::-1], key=lambda each: np.abs(each - true).sum())  # a board of 7 x 5 is ambiguous
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-4)
    found = cv2.cornerSubPix(grey, found[:, None].astype(np.float32).copy(), (4, 4), (-1, -1), criteria)[:, 0]
    error = np.linalg.norm(found - true, axis=1)
    print(f"{kind}: {error.mean():.3f} px, at most {error.max():.3f}")
    assert error.max() < 0.1


@pytest.mark.parametrize(
    ("line", "pose", "eye"),
    [("checkerboard 7x6 60mm", ON_FLOOR, [0.2, -0.5, 0.7]), ("charuco 7x6 60mm 45mm", HELD, [0.25, -1.2, 1.4])],
)
def test_calibration_finds_corners_through_noise_and_jpeg(line, pose, eye):
    target = TargetBoard.parse(line)
    board = Board.of(BoardSettings(kind=target.kind, columns=7, rows=6, square=0.06))
    grey, true = photograph(board, pose, eye, LENS)
    noisy = np.clip(grey + np.random.default_rng(0).normal(0, 5, grey.shape), 0, 255).astype(np.uint8)
    stored = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    view = detect(target, np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE)), "a", 0)
    assert view is not None and len(view.ids) == 30
    error = np.linalg.norm(view.pixels - 0.5 - true, axis=1)
    print(f"{line}: {np.median(error):.3f} px, at most {error.max():.3f}")
    assert np.median(error) < 0.04 and error.max() < 0.1


@pytest.mark.parametrize("kind", ["checkerboard", "charuco"])
def test_the_cells_are_those_of_opencv(kind):
    board = Board.of(BoardSettings(kind=kind, columns=5, rows=4))
    np.testing.assert_allclose(board.corners, board.charuco.getChessboardCorners(), atol=1e-7)
    if kind == "charuco":
        drawn = board.charuco.generateImage((5 * CELLS * 4, 4 * CELLS * 4), marginSize=0)
        np.testing.assert_array_equal(drawn[2::4, 2::4] > 127, board.white)
        assert MARKER_SHARE * board.square == pytest.approx(board.charuco.getMarkerLength())
    assert (board.white[::CELLS, ::CELLS] == (np.indices((4, 5)).sum(0) % 2 == 1)).all()


def test_the_largest_charuco_board_has_a_marker_for_every_white_square():
    settings = BoardSettings("charuco", 25, 20, 0.02)
    assert Board.of(settings).white.shape == (20 * CELLS, 25 * CELLS)
    assert len(Board.of(settings).charuco.getIds()) == MARKERS
