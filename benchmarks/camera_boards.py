"""Calibration from boards: boards that the project's engine draws, and real ones, measured for benchmarks/cameras.py."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from posegaussian.config import BuiltinSettings, LightSettings, RigSettings, SensorSettings
from posegaussian.config.people import BoardSettings
from posegaussian.geometry.features import epipolar_distances
from posegaussian.geometry.lens import SourceCamera
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
_SPACE = np.array([0.45, 0.45, 0.35])
"""How far the middle of the board moves from the middle of the rig, metres."""
_HEIGHT = 0.9
"""Of the middle of that space above the floor, metres."""
_SEED = 5


def drawn_row(line: str, frames: int, size: tuple[int, int]) -> dict[str, Any]:
    """Four cameras 25 degrees apart, 2 m away, and a board that is moved about between them; on the floor in frame 0."""
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
    inside = np.random.default_rng(1).uniform(-_SPACE, _SPACE, (400, 3)) + [0, 0, _HEIGHT]
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
        pose[:3, 3] = random.uniform(-_SPACE, _SPACE) + [0, 0, _HEIGHT] - axes[:, :2] @ (board.size / 2)
        found.append(pose)
    return np.stack([floor, *found])


def _scene(
    settings: BoardSettings, poses: Float[np.ndarray, "frames 4 4"], size: tuple[int, int]
) -> tuple[CaptureScene, SubjectMesh]:
    """Cameras, light and sensors, and the board as a rigid mesh."""
    built_in = BuiltinSettings(frames=len(poses), size=size, sources=4, rig=RIG, light=LIGHT, sensor=SENSOR, targets=1)
    random = np.random.default_rng(_SEED)
    extent = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) * (_SPACE + 0.2) + [0, 0, _HEIGHT]
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
