"""The stage `heatmaps` run from another environment: by the MMPose environment's own interpreter."""

import os
import subprocess
import sys
from pathlib import Path

from posegaussian.errors import DetectorError

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


def detect(rectified: Path, heatmaps: Path, python: Path, detector: str) -> None:
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
