"""Joints of a rectified frame: the stage `heatmaps`, run by the interpreter of the MMPose environment."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from posegaussian.config import RectifySettings
from posegaussian.errors import DetectorError
from posegaussian.io import store
from posegaussian.pipeline.rectify import DEPTH_FIELDS, write_rectified
from posegaussian.preparation.rectification import RectifiedFrame
from posegaussian.preparation.rectification_plan import RectificationPlan

SMALL = '{"config": "package:small.py", "weights": "package:small.safetensors"}'
"""Settings, as YAML, of the detector that ships with this package."""
_REPOSITORY = Path(__file__).parents[2]
_POSE_PYTHON = _REPOSITORY / ".venv-mmpose" / "bin" / "python"


def interpreter(named: Path | None) -> Path | None:
    """Path of the MMPose environment's Python; None, with a message, where there is no such environment.

    Args:
        named: the path that the user gave; None looks in the repository.

    Raises:
        DetectorError: the path that the user gave does not exist.
    """
    if named and not named.exists():
        raise DetectorError(
            "no such interpreter", code="missing-interpreter", file=named, hint="give the MMPose environment's python"
        )
    if named or _POSE_PYTHON.exists():
        return named or _POSE_PYTHON
    print("no MMPose environment found: continuing without pose (see --pose-python)", file=sys.stderr)
    return None


def detect_joints(
    plan: RectificationPlan, rectified: RectifiedFrame, settings: RectifySettings, python: Path, detector: str
) -> list[dict[str, np.ndarray]]:
    """Arrays `heatmaps`, `keypoints` and `scores` for each pair of a frame, as in store.HEATMAPS.

    Args:
        plan: that the frame was rectified by.
        rectified: the frame.
        settings: of rectification.
        python: the MMPose environment's interpreter.
        detector: DetectorSettings, as YAML.

    Raises:
        DetectorError: the stage failed; the message is that of the other process.
    """
    with TemporaryDirectory() as folder:
        pairs, heatmaps = Path(folder) / "rectified.h5", Path(folder) / "heatmaps.h5"
        sources, frame = RectificationPlan(plan.pairs), RectifiedFrame(rectified.pairs)  # without held-out cameras
        write_rectified(pairs, sources, [0], [frame], settings=settings, inputs={}, without=DEPTH_FIELDS)
        _run(pairs, heatmaps, python, detector)
        with store.open_checked(heatmaps, store.HEATMAPS) as file:
            return [
                {name: file[name][pair, 0] for name in ("heatmaps", "keypoints", "scores")}
                for pair in range(len(plan.pairs))
            ]


def _run(rectified: Path, heatmaps: Path, python: Path, detector: str) -> None:
    """Run the stage `heatmaps` in the MMPose environment."""
    command = [python, "-m", "posegaussian", "heatmaps", rectified, "--output", heatmaps]
    done = subprocess.run(
        [*map(str, command), "--settings", detector],
        env=os.environ | {"PYTHONPATH": str(_REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise DetectorError(last[0].removeprefix("posegaussian: error: "), code="detector-failed", file=python)
