"""The MMPose environment: what it may import of this package, and the script that makes it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "envs" / "mmpose.post-deploy.sh"
ALLOWED = {
    "posegaussian",
    "posegaussian.caches",
    "posegaussian.counts",
    "posegaussian.io.atomic",
    *(
        f"posegaussian.cli{part}"
        for part in (
            "",
            ".arguments",
            ".cameras",
            ".data",
            ".extras",
            ".help_page",
            ".live",
            ".results",
            ".rigs",
            ".training",
            ".views",
        )
    ),
    *(
        f"posegaussian.config{part}"
        for part in (
            "",
            ".adapt",
            ".assess",
            ".base",
            ".builtin",
            ".detectors",
            ".evaluate",
            ".export",
            ".find_people",
            ".live",
            ".load",
            ".matte",
            ".matting",
            ".models",
            ".people",
            ".plan",
            ".ranges",
            ".rectify",
            ".renamed",
            ".render",
            ".results",
            ".room",
            ".sheet",
            ".stream",
            ".synthetic",
            ".train",
            ".view",
            ".whole",
        )
    ),
    "posegaussian.errors",
    "posegaussian.names",
    "posegaussian.parallel",
    "posegaussian.geometry",
    "posegaussian.geometry.compositing",
    "posegaussian.geometry.masks",
    "posegaussian.io",
    "posegaussian.pose",
    "posegaussian.pipeline",
    "posegaussian.pipeline.heatmaps",
    "posegaussian.pose.detectors",
    "posegaussian.pose.detectors.base",
    "posegaussian.io.download",
    "posegaussian.pose.detectors.mmpose",
    "posegaussian.pose.heatmaps",
    "posegaussian.progress",
    "posegaussian.registry",
    "posegaussian.registry.entries",
    "posegaussian.text",
    "posegaussian.io.chunks",
    "posegaussian.io.schemas",
    "posegaussian.io.space",
    "posegaussian.io.store",
    "posegaussian.io.store_reader",
    "posegaussian.io.store_writer",
    "posegaussian.io.suffixes",
}


def test_the_stage_imports_nothing_that_the_environment_lacks():
    modules = "posegaussian.cli, posegaussian.pipeline.heatmaps, posegaussian.pose.detectors.mmpose"
    code = f"import sys, {modules}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {name for name in loaded if name.partition(".")[0] == "posegaussian"} <= ALLOWED
    assert not loaded & {"torch", "cv2", "mmpose", "jaxtyping", "scipy"}


FAKE_PYTHON = """#!/bin/sh
echo "$*" >> "$LOG"
case "$1 $2" in
    "-m venv") mkdir -p "$4/bin"; touch "$4/pyvenv.cfg"; cp "$0" "$4/bin/python" ;;
    "-m pip") [ -z "$BROKEN" ] ;;
esac
"""


@pytest.fixture
def deploy(tmp_path):
    """Run the script with a Python that only notes what it is asked for; returns (exit status, stderr, notes)."""
    python = tmp_path / "python"
    python.write_text(FAKE_PYTHON)
    python.chmod(0o755)
    log = tmp_path / "log"

    def run(*arguments, **environment):
        log.write_text("")
        variables = {"PATH": os.environ["PATH"], "PYTHON": str(python), "LOG": str(log)} | environment
        done = subprocess.run(["bash", SCRIPT, *arguments], env=variables, cwd=tmp_path, capture_output=True, text=True)
        return done.returncode, done.stderr, log.read_text().splitlines()

    return run


def test_a_second_run_installs_nothing(deploy, tmp_path):
    folder = tmp_path / "env"
    status, _, notes = deploy("env")
    assert status == 0
    assert any("mmpose==" in line and "--no-deps" in line for line in notes)
    assert "torch==" in (folder / "pins.lock").read_text()
    assert deploy("env") == (0, "", [])

    (folder / "pins.lock").unlink()  # Snakemake does so before it runs a rule again
    assert deploy("env") == (0, "", [])
    assert (folder / "pins.lock").is_file()


def test_an_interrupted_installation_is_done_again(deploy, tmp_path):
    status, _, _ = deploy("env", BROKEN="1")
    assert status != 0
    assert not (tmp_path / "env" / "pins.lock").exists()
    status, _, notes = deploy("env")
    assert status == 0
    assert notes[1] == "-m venv --clear env"


def test_other_pins_are_installed_anew(deploy, tmp_path):
    deploy("env")
    (tmp_path / "env" / ".installed").write_text("mmpose==0.1\n")
    assert "-m venv --clear env" in deploy("env")[2]


def test_a_folder_of_something_else_is_left_alone(deploy, tmp_path):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "thesis.tex").touch()
    status, message, notes = deploy("env")
    assert (status, notes) == (2, [])
    assert "env holds something else" in message


def test_under_conda_the_active_environment_is_installed_into(deploy, tmp_path):
    prefix = tmp_path / "conda"
    (prefix / "bin").mkdir(parents=True)
    shutil.copy(tmp_path / "python", prefix / "bin" / "python")
    status, _, notes = deploy(CONDA_PREFIX=str(prefix))
    assert status == 0
    assert not any("venv" in line for line in notes)
    assert (prefix / "pins.lock").is_file()
