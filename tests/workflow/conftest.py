"""Runs Snakemake in a folder of its own, with the short configuration."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@cache
def _server() -> subprocess.Popen[str]:
    """The process that calls Snakemake; it ends with this one, whose end of its stdin closes."""
    script = Path(__file__).with_name("snakemake_server.py")
    return subprocess.Popen([sys.executable, script], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def snakemake(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Call Snakemake (`python -m snakemake ...`) in a folder; stdout and stderr together as `stdout`."""
    server = _server()
    assert server.stdin
    assert server.stdout
    with NamedTemporaryFile("r") as output:
        call = {"arguments": command[3:], "folder": str(folder), "environment": {**os.environ}, "output": output.name}
        server.stdin.write(json.dumps(call) + "\n")
        server.stdin.flush()
        return subprocess.CompletedProcess(command, int(server.stdout.readline()), output.read(), "")


class Workflow:
    """The workflow with a working directory, a configuration and a sheet of captures of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.root = ROOT
        self.config = yaml.safe_load((ROOT / "config/test.yaml").read_text())
        self.config["captures"] = "captures.tsv"
        self.sheet = [["capture", "split", "path", "pairs"]]
        for name, split, seed in (("a", "train", 1), ("b", "val", 2), ("c", "test", 3)):
            self.sheet.append([name, split, f"builtin:{seed}", ""])
        self.save()

    def save(self) -> None:
        """Write configuration and sheet as they are now."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config))
        (self.folder / "captures.tsv").write_text("".join("\t".join(row) + "\n" for row in self.sheet))

    @property
    def command(self) -> list[str]:
        """The Snakemake call."""
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(self.root / "Snakefile"), "--cores", "2"]
        return [*command, "--directory", str(self.folder), "--configfile", str(self.folder / "config.yaml")]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call Snakemake; stdout and stderr together as `stdout`."""
        return snakemake([*self.command, *arguments], self.folder)

    def planned(self, *arguments: str) -> set[str]:
        """The jobs of a dry run: `rule` or `rule:wildcard,wildcard`; without the target."""
        done = self.run("--dry-run", *arguments)
        assert done.returncode == 0, done.stdout
        blocks = re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", done.stdout, re.M)
        jobs = set()
        for rule, block in blocks:
            wildcards = re.search(r"wildcards: (.*)", block)
            values = ",".join(pair.split("=")[1] for pair in wildcards[1].split(", ")) if wildcards else ""
            jobs.add(f"{rule}:{values}" if values else rule)
        return jobs - {"all"}

    @staticmethod
    def is_record(path: Path, output: str) -> bool:
        """Whether a file in Snakemake's metadata is the record of an output."""
        return base64.b64decode(path.name).decode() == output

    def pretend(self) -> None:
        """Make every output, without content, and record it as made: enough to ask what a change would rerun.

        Once in a folder: outputs that have a record keep it.
        """
        done = self.run("--summary")
        assert done.returncode == 0, done.stdout
        for line in done.stdout.splitlines():
            name = line.split("\t")[0]
            path = self.folder / name
            if name.startswith("results/"):
                is_folder = path.suffix == ""
                (path if is_folder else path.parent).mkdir(parents=True, exist_ok=True)
                if not is_folder:
                    path.write_text(name)
        done = self.run("--touch", "--forceall")
        assert done.returncode == 0, done.stdout


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    """A fresh working directory."""
    return Workflow(tmp_path)


@pytest.fixture(scope="session")
def new_workflow(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Workflow]:
    """Makes fresh working directories that outlive a test."""
    return lambda: Workflow(tmp_path_factory.mktemp("workflow"))


@pytest.fixture(scope="session")
def pretended(new_workflow: Callable[[], Workflow]) -> Workflow:
    """A workflow that pretends to have run; copied by `done`."""
    workflow = new_workflow()
    workflow.pretend()
    return workflow


@pytest.fixture
def done(pretended: Workflow, tmp_path: Path) -> Workflow:
    """A workflow that has run, for one test to change."""
    folder = tmp_path / "done"
    shutil.copytree(pretended.folder, folder)
    return Workflow(folder)


@pytest.fixture(scope="module")
def copy_of_the_repository(tmp_path_factory):
    """The workflow and its library, for tests that change them; the environments stay where they are."""
    copy = tmp_path_factory.mktemp("repository")
    for name in ("Snakefile", "workflow", "profiles", "envs", "posegaussian"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy2)(ROOT / name, copy / name)
    return copy


@pytest.fixture
def conda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A test double of conda (conda_double.py), on the path; gives the file of its calls."""
    base = tmp_path / "conda"
    (base / "bin").mkdir(parents=True)
    script = Path(__file__).with_name("conda_double.py")
    (base / "bin/conda").write_text(f'#!/bin/sh\nexec {sys.executable} {script} {base} "$@"\n')
    (base / "bin/conda").chmod(0o755)
    (base / "bin/activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n')
    lenders = {"with pins": sys.prefix, "without pins": str(ROOT / ".venv-mmpose")}
    monkeypatch.setenv("PATH", f"{base / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CONDA_DOUBLE_LENDERS", json.dumps(lenders))
    return base / "calls"
