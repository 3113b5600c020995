"""A tiny rectified capture with heatmaps, and an untrained network's weights."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.io import store
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import save_weights

SIZE, TARGET, FRAMES = 32, (48, 40), 3


@dataclass(frozen=True)
class Files:
    """Where the inputs of the stage lie: frames 4, 5, 6 of the pairs 00-01 and 01-02, targets t00 and t01 (48 x 40)."""

    rectified: Path
    heatmaps: Path
    weights: Path


def facing(angle, size, focal):
    """A camera 2 m from the origin at an angle in degrees, looking at it."""
    a = math.radians(angle)
    rotation = np.array([[math.cos(a), 0, -math.sin(a)], [0, 1, 0], [math.sin(a), 0, math.cos(a)]])
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[2, 3] = rotation, 2.0
    return np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]]), world_to_camera


def write_rectified(path, targets=2):
    """Two pairs of three cameras 20 degrees apart, a disc of a person, targets half way."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    disc = ((x - SIZE / 2) ** 2 + (y - SIZE / 2) ** 2 < (SIZE / 3) ** 2).astype(np.uint8) * 255
    dims = dict(pair=2, frame=FRAMES, height=SIZE, width=SIZE, coefficients=5)
    dims |= dict(target=targets, target_width=TARGET[0], target_height=TARGET[1])
    without = ("sources/disparity", "sources/valid", "targets/depth", "joints")
    with store.create(path, store.RECTIFIED, dims, stage_version=1, settings={}, inputs={}, without=without) as writer:
        writer["frames"] = [4, 5, 6]
        for pair, names in enumerate((("00", "01"), ("01", "02"))):
            writer["sources/pairs", pair] = names
            for view in range(2):
                cameras = facing(20 * (pair + 0.5), (SIZE, SIZE), 30), facing(20 * (pair + view), (60, 50), 55)
                shift = np.eye(4)
                shift[0, 3] = 0.3 * (0.5 - view)
                writer["sources/intrinsics", pair, view] = cameras[0][0]
                writer["sources/world_to_camera", pair, view] = shift @ cameras[0][1]
                writer["sources/original/intrinsics", pair, view] = cameras[1][0]
                writer["sources/original/world_to_camera", pair, view] = cameras[1][1]
                writer["sources/original/size", pair, view] = (60, 50)
                for frame in range(FRAMES):
                    image = rng.integers(0, 255, (SIZE, SIZE, 3)) * (disc > 0)[..., None]
                    writer["sources/images", pair, frame, view] = image
                    writer["sources/masks", pair, frame, view] = disc
        for target in range(targets):
            intrinsics, world_to_camera = facing(20 * (target + 0.5), TARGET, 45)
            writer["targets/cameras", target] = f"t{target:02d}"
            writer["targets/pair", target] = target
            writer["targets/intrinsics", target] = intrinsics
            writer["targets/world_to_camera", target] = world_to_camera
    return path


def write_heatmaps(path, inputs):
    rng = np.random.default_rng(1)
    dims = dict(pair=2, frame=FRAMES, height=SIZE // 4, width=SIZE // 4)
    with store.create(path, store.HEATMAPS, dims, stage_version=1, settings={}, inputs=inputs) as writer:
        writer["frames"] = [4, 5, 6]
        writer["pairs"] = [("00", "01"), ("01", "02")]
        writer["heatmaps"] = rng.random((2, FRAMES, 2, 17, SIZE // 4, SIZE // 4))
        writer["keypoints"] = rng.random((2, FRAMES, 2, 17, 2)) * SIZE / 3 + SIZE / 3
        writer["scores"] = rng.random((2, FRAMES, 2, 17))
    return path


@pytest.fixture
def without_targets(tmp_path):
    """The rectified capture of somebody who filmed with source cameras only."""
    return write_rectified(tmp_path / "in" / "plain.h5", targets=0)


@pytest.fixture
def files(tmp_path):
    torch.manual_seed(0)
    save_weights(PoseGaussian(NetworkSettings(iterations=1)), tmp_path / "in" / "net.safetensors", {})
    rectified = write_rectified(tmp_path / "in" / "person.h5")
    heatmaps = write_heatmaps(tmp_path / "in" / "maps.h5", {"rectified": store.digest(rectified)})
    return Files(rectified, heatmaps, tmp_path / "in" / "net.safetensors")
