"""Calibration from boards that the engine draws, and from real ones, measured for benchmarks/cameras.py."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from posegaussian.captures.reading import read_capture
from posegaussian.config import BuiltinSettings, LightSettings, RigSettings, SensorSettings
from posegaussian.config.people import BoardSettings
from posegaussian.geometry.features import epipolar_distances
from posegaussian.geometry.lens import SourceCamera
from posegaussian.pipeline.fetch_pose2sim import PACKAGE, fetch_pose2sim
from posegaussian.preparation.calibration.board import TargetBoard
from posegaussian.preparation.calibration.detection import View, detect
from posegaussian.preparation.calibration.intrinsics import start_intrinsics
from posegaussian.preparation.calibration.rig import calibrate_rig
from posegaussian.synthetic.dataset.capture_scene import CaptureScene
from posegaussian.synthetic.mesh.mesh_colours import MeshColours, texel_layout
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.subject_mesh import SubjectMesh
from posegaussian.synthetic.rigs.rig import RigCamera, capture_rig
from posegaussian.synthetic.things.board import Board

BOARDS = {
    "charuco 9x6 70mm 52.5mm": BoardSettings("charuco", 9, 6, 0.07),
    "checkerboard 10x7 60mm": BoardSettings("checkerboard", 10, 7, 0.06),
}
"""Lines of `posegaussian calibrate`, and the same boards in the engine. They are larger than people hold them."""
RIG = RigSettings(
    baseline=(25, 25), radius=(2, 2), pitch=(10, 10), azimuth=(0, 0), focal=(0.6, 0.8), margin=(0, 0), vertical=0.0
)
SENSOR = SensorSettings(noise=(0.02, 0.02), defocus=(0.5, 0.5), jpeg=(85, 85), distortion=(-0.12, -0.12))
LIGHT = LightSettings(lamps=(3, 3), background=(0.35, 0.5))
_SPACE = np.array([0.8, 0.45, 0.4])
"""How far the middle of the board moves from the middle of the rig, metres."""
_MIDDLE = np.array([0, 0, 0.9])
"""Of that space, metres."""
_SEED = 5


def drawn_row(line: str, frames: int, size: tuple[int, int]) -> dict[str, Any]:
    """Four cameras 25 degrees apart, 2 m away, and a board that is moved about; in frame 0 it lies on the floor.

    Args:
        line: of `posegaussian calibrate`.
        frames: how many.
        size: of the images, pixels.
    """
    board = TargetBoard.parse(line)
    poses = board_poses(board, frames)
    scene, mesh = _scene(BOARDS[line], poses, size)
    true = {name: source_of(camera) for name, camera in scene.rig.sources.items()}
    views: list[View] = []
    for frame, name, image in _images(scene, mesh, board, poses):
        found = detect(board, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), name, frame)
        views += [] if found is None else [found]
    start = time.process_time()
    solved = calibrate_rig(board, views, dict.fromkeys(true, size), floor=0)
    seconds = time.process_time() - start
    angle, distance = differences(solved.cameras, true)
    inside = np.random.default_rng(1).uniform(-_SPACE, _SPACE, (400, 3)) + _MIDDLE
    return {
        "board": line,
        "views": len(views),
        "worst turn, degrees": angle,
        "worst place, mm": 1e3 * distance,
        "epipolar error of true points, px": float(np.median(epipolar_errors(solved.cameras, true, inside))),
        "reprojection, px": float(np.median(np.concatenate([solved.camera_errors(name) for name in true]))),
        "solving, CPU s": seconds,
    }


def board_poses(board: TargetBoard, frames: int) -> Float[np.ndarray, "frames 4 4"]:
    """From the board's axes to the world's: on the floor in frame 0, then held upright, turned and tilted at random."""
    random, found = np.random.default_rng(_SEED), []
    floor = np.diag([1.0, -1, -1, 1])
    floor[:3, 3] = [-board.size[0] / 2, board.size[1] / 2, 0.005]
    for angle in np.linspace(-35, 35, frames - 1):
        turn = np.radians(angle + random.uniform(-25, 25))
        away = np.array([-np.sin(turn), np.cos(turn), 0.0])
        axes = np.stack([np.cross([0, 0, -1.0], away), [0, 0, -1.0], away], axis=1)
        axes = axes @ cv2.Rodrigues(random.uniform(-0.6, 0.6, 3))[0]
        pose = np.eye(4)
        pose[:3, :3] = axes
        pose[:3, 3] = random.uniform(-_SPACE, _SPACE) + _MIDDLE - axes[:, :2] @ (board.size / 2)
        found.append(pose)
    return np.stack([floor, *found])


def _scene(
    settings: BoardSettings, poses: Float[np.ndarray, "frames 4 4"], size: tuple[int, int]
) -> tuple[CaptureScene, SubjectMesh]:
    """Cameras, light and sensors, and the board as a rigid mesh."""
    built_in = BuiltinSettings(frames=len(poses), size=size, sources=4, rig=RIG, light=LIGHT, sensor=SENSOR, targets=1)
    random = np.random.default_rng(_SEED)
    extent = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * (_SPACE + 0.2) + _MIDDLE
    scene = CaptureScene.draw(random, built_in, capture_rig(random, built_in, extent), extent)
    return scene, board_mesh(settings)


def board_mesh(settings: BoardSettings) -> SubjectMesh:
    """The board as a mesh with one bone, in its own axes."""
    parts = Board.of(settings).parts()
    points, faces, colours, count = [], [], [], 0
    for vertices, triangles, material in parts:
        points.append(vertices)
        faces.append(triangles + count)
        tone = np.round(255 * material.texture(vertices[:1])[0, :3])
        colours.append(np.tile(tone, (len(triangles), 1)))
        count += len(vertices)
    vertices, triangles = np.concatenate(points), np.concatenate(faces)
    grids = np.ones(len(triangles), np.int64)
    starts, total = texel_layout(grids)
    texels = np.full((total, 5), 128, np.uint8)
    texels[:, :3] = np.repeat(np.concatenate(colours), 3, axis=0)
    mesh = BakedMesh.rigid(
        vertices,
        vertex_normals(vertices, triangles),
        triangles,
        MeshColours(grids.astype(np.uint8), starts, texels),
    )
    return SubjectMesh.of(mesh)


def _images(
    scene: CaptureScene, mesh: SubjectMesh, board: TargetBoard, poses: Float[np.ndarray, "frames 4 4"]
) -> Iterator[tuple[int, str, UInt8[np.ndarray, "h w 3"]]]:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]]) * [*board.size, 0]
    for frame, pose in enumerate(poses):
        posed = mesh.posed(torch.from_numpy(pose[None, None, :3].astype(np.float32)))
        outline = corners @ pose[:3, :3].T + pose[:3, 3]
        for name, rendered in scene.render(posed, frame, outline):
            if name in scene.rig.sources:
                yield frame, name, rendered.image


def source_of(camera: RigCamera) -> SourceCamera:
    """A camera of the engine as the library reads it from a file."""
    return SourceCamera(camera.intrinsics, camera.distortion, camera.world_to_camera, camera.width, camera.height)


def differences(found: Mapping[str, SourceCamera], true: Mapping[str, SourceCamera]) -> tuple[float, float]:
    """Largest turn, degrees, and largest distance, metres, between cameras after a common rigid motion."""
    turns = np.sum([true[name].rotation.T @ found[name].rotation for name in true], axis=0)
    left, _, right = np.linalg.svd(turns)
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    centres, places = (np.stack([each[name].centre for name in true]) for each in (found, true))
    apart = (places - places.mean(0)) - (centres - centres.mean(0)) @ turn.T
    angles = [np.linalg.norm(cv2.Rodrigues(true[name].rotation @ turn @ found[name].rotation.T)[0]) for name in true]
    return float(np.degrees(max(angles))), float(np.linalg.norm(apart, axis=1).max())


def epipolar_errors(
    found: Mapping[str, SourceCamera], true: Mapping[str, SourceCamera], points: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, " m"]:
    """Distances of true projections from epipolar lines of the found cameras, pixels, of every ordered pair."""
    pixels = {name: camera.project(points) for name, camera in true.items()}
    pairs = [(a, b) for a in true for b in true if a != b]
    return np.concatenate([epipolar_distances((found[a], found[b]), pixels[a], pixels[b]) for a, b in pairs])


REAL = "checkerboard 8x5 60mm"
"""The board of pose2sim's demo."""


def real_rows(wheel: Path | None) -> list[dict[str, Any]]:
    """A row for each camera of pose2sim's demo: seven pictures of a board, each kept back in turn.

    The demo's own calibration is of another system (reflecting markers, Qualisys); its pictures for extrinsics hold no
    board.
    """
    board = TargetBoard.parse(REAL)
    with PACKAGE.file(wheel) as package, TemporaryDirectory() as folder:
        fetch_pose2sim(Path(folder, "capture"), package)
        given = read_capture(Path(folder, "capture")).cameras
        with ZipFile(package) as archive:
            names = [name for name in archive.namelist() if "Demo_SinglePerson/" in name and name.endswith("_int.jpg")]
            return [_real_row(board, archive, names, camera, given[camera]) for camera in given]


def _real_row(
    board: TargetBoard, archive: ZipFile, names: list[str], camera: str, given: SourceCamera
) -> dict[str, Any]:
    views, size = [], (0, 0)
    for number, name in enumerate(sorted(name for name in names if f"int_{camera}_img/" in name)):
        grey = cv2.imdecode(np.frombuffer(archive.read(name), np.uint8), cv2.IMREAD_GRAYSCALE)
        if grey is None:
            continue
        size = grey.shape[1], grey.shape[0]
        found = detect(board, np.asarray(grey, np.uint8), camera, number)
        views += [] if found is None else [found]
    matrix, _ = start_intrinsics(board, views, size)
    errors = [_kept_back_error(board, views, size, number) for number in range(len(views))]
    return {
        "camera": camera,
        "boards found": len(views),
        "kept-back corners, px (median)": float(np.median(errors)),
        "worst picture, px": max(errors),
        "focal length, px": float(matrix[0, 0]),
        "of the demo, px": float(given.intrinsics[0, 0]),
    }


def _kept_back_error(board: TargetBoard, views: list[View], size: tuple[int, int], number: int) -> float:
    """Median error of the corners of a view, placed by the lens that the other views give, pixels."""
    view = views[number]
    matrix, lens = start_intrinsics(board, views[:number] + views[number + 1 :], size)
    points = board.corners[view.ids]
    _, turn, shift = cv2.solvePnP(points, view.pixels, matrix, lens, flags=cv2.SOLVEPNP_IPPE)
    turn, shift = cv2.solvePnPRefineLM(points, view.pixels, matrix, lens, turn, shift)
    found = cv2.projectPoints(points, turn, shift, matrix, lens)[0][:, 0]
    return float(np.median(np.linalg.norm(found - view.pixels, axis=1)))
