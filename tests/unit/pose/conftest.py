from pathlib import Path

import numpy as np
import pytest

from posegaussian.io import store

ROOT = Path(__file__).parents[3]
MMPOSE_PYTHON = ROOT / ".venv-mmpose" / "bin" / "python"


@pytest.fixture
def mmpose_python():
    if not (MMPOSE_PYTHON.parents[1] / "pins.lock").is_file():
        pytest.skip("no MMPose environment; make it with: bash envs/mmpose.post-deploy.sh .venv-mmpose")
    return MMPOSE_PYTHON


@pytest.fixture
def rectified(tmp_path):
    """Write a rectified file of one pair and two frames from images and masks (2, 2, h, w[, 3])."""

    def write(images: np.ndarray, masks: np.ndarray) -> Path:
        frames, _, height, width = masks.shape
        dims = {"pair": 1, "frame": frames, "height": height, "width": width, "coefficients": 5}
        dims |= {"target": 1, "target_height": 8, "target_width": 8}
        absent = tuple(name for name, field in store.RECTIFIED.fields.items() if field.optional)
        path = tmp_path / "rectified.h5"
        with store.create(
            path, store.RECTIFIED, dims, stage_version=1, settings={}, inputs={}, without=absent
        ) as writer:
            writer["frames"] = np.arange(frames) + 7
            writer["sources/pairs"] = np.array([["00", "01"]], dtype=object)
            writer["sources/images"] = images[None]
            writer["sources/masks"] = masks[None]
        return path

    return write
