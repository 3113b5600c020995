"""The joints of a rectified frame, by the stage `heatmaps`, run by the MMPose environment's own interpreter."""

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
"""Settings of the detector that ships here."""
_REPOSITORY = Path(__file__).parents[2]
_POSE_PYTHON = _REPOSITORY / ".venv-mmpose" / "bin" / "python"


def interpreter(named: Path | None) -> Path | None:
    """The MMPose environment's python, or None where there is no such environment."""
    if named and not named.exists():
        raise DetectorError(
            "no such interpreter", code="missing-interpreter", file=named, hint="give the MMPose environment's python"
        )
    if named or _POSE_PYTHON.exists():
        return named or _POSE_PYTHON
    print("no MMPose environment found: going on without pose (see --pose-python)", file=sys.stderr)
    return None


def detect_joints(
    plan: RectificationPlan, rectified: RectifiedFrame, settings: RectifySettings, python: Path, detector: str
) -> list[dict[str, np.ndarray]]:
    """Heatmaps, keypoints and scores of each pair of a frame, by these names, as store.HEATMAPS describes them.

    Args:
        plan: that the frame was rectified by.
        rectified: the frame.
        settings: of the rectification.
        python: the MMPose environment's interpreter.
        detector: DetectorSettings, as YAML.

    Raises:
        DetectorError: the stage failed there.
    """
    with TemporaryDirectory() as folder:
        pairs, heatmaps = Path(folder) / "rectified.h5", Path(folder) / "heatmaps.h5"
        alone, frame = RectificationPlan(plan.pairs), RectifiedFrame(rectified.pairs)
        write_rectified(pairs, alone, [0], [frame], settings=settings, inputs={}, without=DEPTH_FIELDS)
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
