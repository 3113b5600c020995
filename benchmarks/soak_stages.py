"""The stages that the soak test runs, on a very small capture, and what they leave on the disk."""

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BUILTIN = {"frames": 2, "size": [128, 128], "sources": 2}
MODEL = {"train": {"depth_steps": 6, "full_steps": 4, "save_every": 1, "validate_every": 2, "validation_clips": 1}}
RENDER = {"path_steps": 4, "path_size": [96, 96]}


@dataclass(frozen=True)
class Stage:
    """A command of the pipeline and its outputs, relative to the working folder."""

    name: str
    command: str
    outputs: tuple[str, ...]
    also: tuple[str, ...] = ()
    """Other files that it keeps; they are removed before a fresh run."""
    replaces: bool = True
    """Whether it replaces its outputs; where not, they are removed before each run, as Snakemake does."""


def stages() -> list[Stage]:
    """The stages on a very small capture, in the order of the pipeline."""
    model, render = shlex.quote(json.dumps(MODEL)), shlex.quote(json.dumps(RENDER))
    builtin, rectify = shlex.quote(json.dumps(BUILTIN)), shlex.quote(json.dumps({"size": [64, 64]}))
    learn = "--rectified a.h5 --heatmaps heatmaps/a.h5"
    return [
        Stage("captures", f"captures --seed 1 -o a --settings {builtin}", ("a",), replaces=False),
        Stage("people", "people a -o people.h5 --device cpu --settings '{missing: skip}'", ("people.h5",)),
        Stage("rectify", f"rectify a -o a.h5 --settings {rectify}", ("a.h5",)),
        Stage(
            "footage",
            "render a --video f/a.mp4 --frames f/frames --splats f/splats --device cpu"
            " --settings '{rectify: {size: [64, 64]}, size: [96, 96]}'",
            ("f/a.mp4", "f/frames", "f/splats"),
        ),
        Stage("heatmaps", "heatmaps a.h5 -o heatmaps/a.h5 --settings '{kind: blazepose}'", ("heatmaps/a.h5",)),
        *(
            Stage(
                f"train {stage}",
                f"train {stage} {learn} --state state/{stage} -o m/{stage}.safetensors --device cpu"
                f" --settings {model}{init}",
                (f"m/{stage}.safetensors", f"m/{stage}.csv"),
                (f"state/{stage}",),
            )
            for stage, init in (("depth", ""), ("full", " --init m/depth.safetensors"))
        ),
        Stage(
            "render",
            "render a.h5 --heatmaps heatmaps/a.h5 --weights m/full.safetensors -o r/m/a.h5 --video r/m/a.mp4"
            f" --frames r/m/frames --splats splats/a --device cpu --settings {render}",
            ("r/m/a.h5", "r/m/a.mp4", "r/m/frames", "splats/a"),
        ),
        Stage("evaluate", "evaluate r/m/a.h5 --rectified a.h5 -o metrics/a.csv", ("metrics/a.csv",)),
        Stage("summarize", "summarize metrics/a.csv -o metrics/m.csv", ("metrics/m.csv",)),
        Stage(
            "report",
            "report m -o page/index.html --summary metrics/m.csv --renders r/m/a.h5 --rectified a.h5 --videos r/m/a.mp4"
            " --heatmaps heatmaps/a.h5 --splats splats/a --curves m/depth.csv m/full.csv",
            ("page/index.html",),
        ),
        Stage(
            "export",
            "export splats/a -o out --as spz images video depth --rectified a.h5"
            " --settings '{steps: 6, size: [96, 96]}'",
            (),
            ("out",),
        ),
    ]


def start(stage: Stage, folder: Path, output: Path | None = None) -> subprocess.Popen:
    """The process of a stage, in a process group of its own, with its output in log.txt.

    Args:
        stage: the stage.
        folder: the working folder.
        output: another folder for the outputs; inputs are read from the working folder.
    """
    arguments = shlex.split(stage.command)
    if output is not None:
        written = {*stage.outputs, *stage.also}
        arguments = [str(output / a) if a in written else a for a in arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    with (folder.parent / "log.txt").open("w") as log:
        command = [sys.executable, "-m", "posegaussian", *arguments]
        return subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )


def log(folder: Path) -> str:
    """The output of the last stage."""
    return (folder.parent / "log.txt").read_text()


def run(stage: Stage, folder: Path, output: Path | None = None) -> int:
    """The exit status of a stage after its end."""
    return start(stage, folder, output).wait()


def content(path: Path) -> str | None:
    """The digest of a file or of all files of a folder; None if it does not exist."""
    if not path.exists():
        return None
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.relative_to(path)}".encode() + file.read_bytes())
    return digest.hexdigest()


def parts(folder: Path) -> list[Path]:
    """Temporary files and folders that are left over."""
    return list(folder.rglob(".*.part"))


def remove(path: Path) -> None:
    """Remove a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy(path: Path, goal: Path) -> None:
    """Copy a file or a folder."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if path.is_dir() else shutil.copyfile)(path, goal)
