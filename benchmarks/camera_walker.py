"""Cameras calibrated by a person who walks in a room, measured for benchmarks/cameras.py."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from camera_boards import differences, epipolar_errors
from camera_captures import ARC, KINDS, LENGTH, SENSOR, Filmed, filmed_at, network_of, view_psnr
from jaxtyping import Float, UInt8

from posegaussian.config import BuiltinSettings, PeopleSettings, RoomSettings
from posegaussian.errors import CalibrationError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.model.network import PoseGaussian
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.preparation.calibration.feature_tracks import Features
from posegaussian.preparation.calibration.room import FRAMES
from posegaussian.preparation.calibration.tracks import focal_of
from posegaussian.preparation.calibration.walker import calibrate_by_walker, calibrate_lenses_by_walker
from posegaussian.preparation.solo import follow_alone
from posegaussian.synthetic.dataset.synthetic_capture import person_capture

_POINTS = 400
"""Places of the person's joints that errors are measured at, about."""


@dataclass(frozen=True)
class Walk:
    """A person who moves in a room, as four cameras and the detector see them."""

    height: float  # metres
    trajectories: Mapping[str, Float[np.ndarray, "frames 33 3"]]  # as of `follow_alone`, by camera
    features: Sequence[Mapping[str, Features]]  # of some times
    points: Float[np.ndarray, "n 3"]  # places of the person's joints, metres
    first: Filmed  # the first time, with the exact cameras


def walker_row(seed: int, size: int, weights: str, device: str) -> dict[str, Any]:
    """Poses of four cameras from a person of the validation split, with exact and with unknown lenses."""
    torch.set_num_threads(1)
    return row_of(walk(seed, size), network_of(weights, device), size)


def walk(seed: int, size: int) -> Walk:
    """A person of the validation split in a room, whose height is known."""
    height = float(np.random.default_rng(seed).uniform(*PeopleSettings().height))
    settings = BuiltinSettings(
        people=PeopleSettings(height=(height, height)),
        frames=LENGTH, fps=8, size=(size, size), sources=4, targets=1, rig=ARC, sensor=SENSOR,
        room=RoomSettings(kinds=(KINDS[seed % len(KINDS)],), before=0.0, people=(0, 0)),
    )  # fmt: skip
    capture, model = person_capture(seed, settings), load_blazepose()
    some: dict[int, dict[str, Features]] = {(LENGTH - 1) * k // (FRAMES - 1): {} for k in range(FRAMES)}

    def images(name: str) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
        for frame in range(LENGTH):
            image = next(iter(capture.scene.only(name).render(capture.posed(frame), frame)))[1].image
            if frame in some:
                some[frame][name] = Features.of(image)
            yield image

    trajectories = {name: follow_alone(images(name), model) for name in capture.scene.rig.sources}
    joints = capture.joints
    assert joints is not None
    points = np.array(joints.reshape(-1, 3)[:: max(joints.size // 3 // _POINTS, 1)], float)  # contiguous, for OpenCV
    return Walk(height, trajectories, list(some.values()), points, filmed_at(capture, dict(capture.render(0)), seed))


def row_of(walked: Walk, network: PoseGaussian, size: int) -> dict[str, Any]:
    """How exact the cameras are, and what the errors cost."""
    true = walked.first.cameras
    row: dict[str, Any] = {"person": walked.first.seed}
    exact, seen = view_psnr(walked.first, true, network, size), (walked.trajectories, walked.height, walked.features)
    sizes = {name: (camera.width, camera.height) for name, camera in true.items()}
    row["exact cameras: view, aligned, dB"] = exact
    for lenses, calibrate in (
        ("exact", lambda: calibrate_by_walker(seen[0], true, *seen[1:])),
        ("unknown", lambda: calibrate_lenses_by_walker(seen[0], sizes, *seen[1:])),
    ):
        try:
            found = calibrate()
        except CalibrationError as error:
            row[f"lenses {lenses}"] = str(error)
            continue
        scale, cameras = in_world_of(found.cameras, true)
        row |= {
            f"lenses {lenses}": "calibrated",
            f"{lenses}: worst turn, degrees": differences(found.cameras, true)[0],
            f"{lenses}: worst ray, degrees": ray_errors(cameras, true, walked.points),
            f"{lenses}: epipolar error, px": float(np.median(epipolar_errors(found.cameras, true, walked.points))),
            f"{lenses}: kept-back landmarks, px": found.residual,
            f"{lenses}: kept-back features, px": found.features,
            f"{lenses}: scale": scale,
            f"{lenses}: worst focal length, %": 100
            * max(abs(focal_of(found.cameras[name]) / focal_of(camera) - 1) for name, camera in true.items()),
            f"{lenses}: view, aligned, dB": view_psnr(walked.first, cameras, network, size),
        }
    return row


def in_world_of(
    found: Mapping[str, SourceCamera], true: Mapping[str, SourceCamera]
) -> tuple[float, dict[str, SourceCamera]]:
    """The size of the found world, 1 in truth, and the found cameras in the true world (Umeyama's similarity).

    The turn is that of the cameras themselves: on an arc, their places do not tell it well.
    """
    left, _, right = np.linalg.svd(np.sum([true[name].rotation.T @ found[name].rotation for name in true], axis=0))
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    centres, places = (np.stack([each[name].centre for name in true]) for each in (found, true))
    spread, aim = (centres - centres.mean(0)) @ turn.T, places - places.mean(0)
    factor = float((spread * aim).sum() / (spread**2).sum())
    moved = {}
    for name, camera in found.items():
        pose = np.eye(4)
        pose[:3, :3] = camera.rotation @ turn.T
        centre = places.mean(0) + factor * turn @ (camera.centre - centres.mean(0))
        pose[:3, 3] = -pose[:3, :3] @ centre
        moved[name] = replace(camera, world_to_camera=pose)
    return 1 / factor, moved


def ray_errors(
    found: Mapping[str, SourceCamera], true: Mapping[str, SourceCamera], points: Float[np.ndarray, "n 3"]
) -> float:
    """Largest of the cameras' median angles between found and true viewing directions of points, degrees.

    Unlike the turn of a camera, it does not count what a wrong principal point and a turn have in common.
    """
    pixels = {name: camera.project(points) for name, camera in true.items()}
    rays = [
        {name: _unit(camera.directions(pixels[name])) for name, camera in cameras.items()} for cameras in (found, true)
    ]
    left, _, right = np.linalg.svd(np.sum([rays[1][name].T @ rays[0][name] for name in true], axis=0))
    turn = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right
    chords = [np.median(np.linalg.norm(rays[0][name] @ turn.T - rays[1][name], axis=1)) for name in true]
    return float(np.degrees(max(chords)))


def _unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
