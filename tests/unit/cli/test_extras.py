"""Commands and extras: what the base dependencies are enough for, and what a command says whose extra is missing."""

import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import helpers
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from posegaussian import cli
from posegaussian.cli.extras import EXTRAS, PACKAGES

ROOT = Path(__file__).parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
BLOCKED = ("snakemake", "lightning", "tensorboard", "flip_evaluator", "torchmetrics", "pandas", "matplotlib", "viser")
BLOCKED = (*BLOCKED, "websockets")
RUN = f"""
import sys
for name in {BLOCKED}:
    sys.modules[name] = None
from posegaussian import cli
for line in sys.argv[1:]:
    try:
        cli.main(line.split())
    except SystemExit as stop:
        print(line.split()[0], stop.code, file=sys.stderr)
"""
BASE = (
    "import capture -o imported",
    "inspect capture -o inspect.html",
    'rectify capture -o rectified.h5 --settings {"size":[64,64]}',
    'render rectified.h5 -o renders.h5 --splats splats --settings {"path_steps":2,"path_size":[64,64]}',
    "render capture --source 00 01 -o view.png",
    "export splats -o out",
    "weights",
    "schema -o schemas --readme README.md",
    'captures --seed 1 -o person --settings {"frames":1,"size":[64,64],"sources":2}',
)
WITH_EXTRA = {
    "train depth --state state -o out.safetensors": "train",
    "curves curves.csv -o curves.png": "train",
    "summarize metrics.csv -o summary.csv": "evaluate",
    "report model -o report.html --summary summary.csv": "evaluate",
    "results model -o results --metrics metrics.csv": "evaluate",
    "view splats": "viewer",
    "live capture": "live",
}


def run(folder: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run commands in one process that has none of the extras."""
    return subprocess.run([sys.executable, "-c", RUN, *lines], cwd=folder, capture_output=True, text=True, check=False)


def test_the_table_names_commands_and_what_the_extras_install():
    assert EXTRAS.keys() <= cli.COMMANDS.keys() and set(EXTRAS.values()) == PACKAGES.keys()
    installed = packages_distributions()
    for extra, packages in PACKAGES.items():
        wanted = {canonicalize_name(Requirement(text).name) for text in PROJECT["optional-dependencies"][extra]}
        assert {canonicalize_name(installed.get(name, [name])[0]) for name in packages} == wanted


def test_a_missing_extra_is_one_line(tmp_path):
    (tmp_path / "splats").mkdir()
    (tmp_path / "splats/a.ply").touch()
    said = run(tmp_path, *WITH_EXTRA)
    assert said.returncode == 0
    wanted = []
    for line, extra in WITH_EXTRA.items():
        command = line.split()[0]
        wanted.append(f"posegaussian: error: {command} needs the extra {extra}: pip install 'posegaussian[{extra}]'")
        wanted.append(f"{command} 2")
    assert said.stderr.splitlines() == wanted


@pytest.mark.slow
def test_other_commands_need_no_extra(tmp_path):
    cameras = {name: helpers.lens(azimuth, size=(96, 80)) for name, azimuth in (("00", -12), ("01", 12))}
    helpers.write_sphere_capture(tmp_path / "capture", cameras=cameras, samples=1)
    said = run(tmp_path, *BASE)
    assert said.returncode == 0 and "error" not in said.stderr, said.stderr
    for name in ("imported/intri.yml", "inspect.html", "rectified.h5", "renders.h5", "view.png", "person/intri.yml"):
        assert (tmp_path / name).exists(), name
