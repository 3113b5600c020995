"""The tool that trains a link of a chain: which commands it runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def commands(monkeypatch):
    """Runs the tool and returns the commands that it would run."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    import continue_training  # pyright: ignore[reportMissingImports]

    def run(*words: str) -> list[list[str]]:
        found: list[list[str]] = []
        monkeypatch.setattr(subprocess, "run", lambda command, check: found.append(command))
        monkeypatch.setattr(sys, "argv", ["continue_training.py", str(ROOT / "config/release.yaml"), "hint", *words])
        continue_training.main()
        return found

    return run


def value(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def test_phases_start_from_each_other(commands):
    depth, full = commands("--init", "release", "--depth", "30", "--full", "60", "--seed", "7", "-o", "out.safetensors")
    assert depth[1:5] == ["-m", "posegaussian", "train", "depth"] and full[4] == "full"
    assert (
        value(depth, "--init") == "release" and value(full, "--init") == value(depth, "--output") != "out.safetensors"
    )
    assert value(full, "--output") == "out.safetensors" and value(full, "--time-budget") == "60.0"
    settings = json.loads(value(full, "--settings"))
    assert settings["network"]["matte"] == "hint" and settings["train"]["seed"] == 7


def test_one_phase_and_several_processes(commands):
    (only,) = commands("--init", "a.safetensors", "--full", "60", "--processes", "2", "-o", "out.safetensors")
    assert only[1:5] == ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert value(only, "--init") == "a.safetensors" and "full" in only
    (only,) = commands("--init", "a.safetensors", "--depth", "60", "-o", "out.safetensors")
    assert value(only, "--output") == "out.safetensors"
