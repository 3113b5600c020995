"""A disc with a smooth pattern, two metres away and parallel to all image planes: every image of it is known."""

from pathlib import Path

import numpy as np
import pytest
import torch

from posegaussian.geometry.projection import pixel_grid
from posegaussian.io import store
from posegaussian.types import Camera

DEPTH = 2.0
BASELINE = 0.4
SIZE = 96


def camera(x: float, cx: float = 0.0) -> Camera:
    """At (x, 0, 0), looking along z, its principal point `cx` pixels off the middle."""
    focal = 1.2 * SIZE
    intrinsics = torch.tensor([[focal, 0, SIZE / 2 + cx], [0, focal, SIZE / 2 - 3], [0, 0, 1]], dtype=torch.float64)
    pose = torch.eye(4, dtype=torch.float64)
    pose[0, 3] = -x
    return Camera(intrinsics, pose, SIZE, SIZE)


def filmed(view: Camera, waves: float = 9.0) -> tuple[np.ndarray, np.ndarray]:
    """RGB and mask, 8 bits, sampled at the pixels' centres."""
    pixels = pixel_grid(view.height, view.width, like=view.intrinsics)
    centre = view.intrinsics[:2, 2]
    x, y = ((pixels - centre) / view.intrinsics[0, 0] * DEPTH + view.centre[:2]).unbind(-1)
    colours = torch.stack([0.5 + 0.3 * torch.sin(waves * x + p) * torch.cos(0.7 * waves * y - p) for p in range(3)], -1)
    mask = x**2 + y**2 < 0.45**2
    return (colours * mask[..., None] * 255).round().byte().numpy(), (mask * 255).byte().numpy()


SOURCES = camera(-BASELINE / 2, cx=12.0), camera(BASELINE / 2, cx=-12.0)
TARGET = camera(0.03)


@pytest.fixture
def rectified(tmp_path) -> Path:
    """Two equal frames of one pair with one target."""
    return write_rectified(tmp_path / "rectified" / "disc.h5")


def write_rectified(path: Path, without: tuple[str, ...] = ()) -> Path:
    dims = {"pair": 1, "frame": 2, "coefficients": 5, "target": 1}
    dims |= dict.fromkeys(("width", "height", "target_width", "target_height"), SIZE)
    without = ("joints", *without)
    offset = float(SOURCES[0].intrinsics[0, 2] - SOURCES[1].intrinsics[0, 2])
    disparity = float(SOURCES[0].intrinsics[0, 0]) * BASELINE / DEPTH + offset
    with store.create(path, store.RECTIFIED, dims, stage_version=1, settings={}, inputs={}, without=without) as writer:
        writer["frames"] = [4, 5]
        writer["sources/pairs", 0] = ("00", "01")
        writer["targets/cameras", 0] = "t00"
        writer["targets/intrinsics", 0] = TARGET.intrinsics.numpy()
        writer["targets/world_to_camera", 0] = TARGET.world_to_camera.numpy()
        for view, source in enumerate(SOURCES):
            image, mask = filmed(source)
            writer["sources/intrinsics", 0, view] = source.intrinsics.numpy()
            writer["sources/world_to_camera", 0, view] = source.world_to_camera.numpy()
            writer["sources/images", 0, :, view] = image
            writer["sources/masks", 0, :, view] = mask
            if "sources/disparity" not in without:
                writer["sources/disparity", 0, :, view] = np.where(mask > 0, disparity, offset)
                writer["sources/valid", 0, :, view] = mask > 0
        image, mask = filmed(TARGET)
        writer["targets/images", 0] = np.stack([image] * 2)
        writer["targets/masks", 0] = np.stack([mask] * 2)
        if "targets/depth" not in without:
            writer["targets/depth", 0] = np.stack([np.where(mask > 0, DEPTH, 0)] * 2)
    return path


def write_renders(path: Path, truth: Path, noise: float, error: float) -> Path:
    """The true images plus `noise` levels, the true disparity plus `error` pixels."""
    with store.open_checked(truth, store.RECTIFIED) as file:
        shape = file["sources/images"].shape
        dims = {"pair": 1, "frame": 2, "target": 1, "step": 1, "path_width": 2, "path_height": 2}
        dims |= {"width": shape[4], "height": shape[3], "target_width": SIZE, "target_height": SIZE}
        with store.create(path, store.RENDERS, dims, stage_version=1, settings={}, inputs={}) as writer:
            for name in ("frames", "sources/pairs", "targets/cameras"):
                writer[name] = file[name][()]
            if "disparity" in file["sources"]:
                writer["sources/disparity"] = file["sources/disparity"][()] + error
            writer["targets/images"] = file["targets/images"][()] + np.uint8(noise)
    return path


@pytest.fixture
def renders(tmp_path, rectified) -> Path:
    return write_renders(tmp_path / "renders" / "some_model" / "disc.h5", rectified, noise=2, error=0.05)


@pytest.fixture
def without_truth(tmp_path) -> tuple[Path, Path]:
    """Renders and rectified file of a capture without true depth."""
    absent = ("sources/disparity", "sources/valid", "targets/depth")
    truth = write_rectified(tmp_path / "rectified" / "real.h5", without=absent)
    return write_renders(tmp_path / "renders" / "some_model" / "real.h5", truth, noise=2, error=0.0), truth
