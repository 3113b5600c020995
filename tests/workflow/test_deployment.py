"""Where the stages' software comes from: conda, containers, two virtual environments; one list of pins for all."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from rattler import Channel, MatchSpec

ROOT = Path(__file__).parents[2]
ENVS = ROOT / "envs"
PINS = [line for line in (ENVS / "posegaussian.txt").read_text().splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("name", ["posegaussian", "mmpose"])
def test_environment_files_parse(name):
    environment = yaml.safe_load((ENVS / f"{name}.yaml").read_text())
    assert [Channel(name).name for name in environment["channels"]] == ["conda-forge", "nodefaults"]
    specs = {
        spec.name.normalized: spec
        for spec in (MatchSpec(item, strict=True) for item in environment["dependencies"] if isinstance(item, str))
    }
    assert set(specs) == {"python", "pip"}
    assert str(specs["python"].version) == "3.11.*"


def test_conda_has_the_pins_of_the_virtual_environment():
    spec = importlib.util.spec_from_file_location("conda_pins", ROOT / "tools/conda_pins.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (ENVS / "posegaussian.yaml").read_text() == module.text(), "run `make conda-env`"


def test_every_pin_is_exact_and_in_order():
    requirements = [Requirement(pin) for pin in PINS]
    assert all(re.fullmatch(r"==[\w.]+", str(requirement.specifier)) for requirement in requirements)
    names = [requirement.name.lower() for requirement in requirements]
    assert names == sorted(set(names))


def test_one_setting_chooses_the_build_of_pytorch(tmp_path):
    """The indexes are made up, pip is real: of two builds of the pinned version it takes that of the named index."""
    (torch,) = (pin for pin in PINS if pin.startswith("torch=="))
    version = torch.removeprefix("torch==")
    for index, build in (("main", version), ("gpu", f"{version}+cu130")):
        folder = tmp_path / index / "torch"
        folder.mkdir(parents=True)
        wheel = f"torch-{build}-py3-none-any.whl"
        subprocess.run([sys.executable, "-c", WHEEL, folder / wheel, build], check=True)
        (folder / "index.html").write_text(f'<a href="{wheel.replace("+", "%2B")}">{wheel}</a>')
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps", "--ignore-installed"]
    pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": (tmp_path / "main").as_uri()}
    for extra, chosen in ((None, version), ("gpu", f"{version}+cu130")):
        setting = {"PIP_EXTRA_INDEX_URL": (tmp_path / extra).as_uri()} if extra else {}
        variables = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")} | pip | setting
        done = subprocess.run([*command, "--report", "-", torch], env=variables, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["install"][0]["metadata"]["version"] == chosen


WHEEL = """
import sys, zipfile
name = f"torch-{sys.argv[2]}.dist-info/"
with zipfile.ZipFile(sys.argv[1], "w") as wheel:
    wheel.writestr(name + "METADATA", f"Metadata-Version: 2.1\\nName: torch\\nVersion: {sys.argv[2]}\\n")
    wheel.writestr(name + "WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr(name + "RECORD", "")
"""


def test_a_container_runs_every_stage(workflow, tmp_path):
    """A test double of apptainer sees the call: the image, and the interpreter by its name there."""
    (tmp_path / "image.sif").write_text("no image")
    workflow.config["container"] = str(tmp_path / "image.sif")
    workflow.save()
    double = tmp_path / "bin/apptainer"
    double.parent.mkdir()
    double.write_text(APPTAINER)
    double.chmod(0o755)
    variables = os.environ | {"PATH": f"{double.parent}:{os.environ['PATH']}"}
    command = [*workflow.command, "--until", "captures", "--software-deployment-method", "apptainer"]
    done = subprocess.run(command, env=variables, cwd=workflow.folder, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"Activating singularity image {tmp_path / 'image.sif'}" in done.stderr
    assert f"exec --home {workflow.folder}" in done.stdout
    assert '"$PG_PYTHON" -m posegaussian captures' in done.stdout
    assert "PG_PYTHON=python PG_MMPOSE_PYTHON=mmpose-python" in done.stdout


APPTAINER = """#!/bin/sh
if [ "$1" = --version ]; then echo apptainer version 1.4.0; exit; fi
echo "$@"
echo PG_PYTHON=$PG_PYTHON PG_MMPOSE_PYTHON=$PG_MMPOSE_PYTHON
exit 3
"""


def test_the_image_has_what_the_rules_ask_for():
    """The Dockerfile, read: no engine builds it here."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    steps = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    assert {word for word, _ in steps} <= {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "ENTRYPOINT", "CMD"}
    for word, rest in steps:
        if word == "FROM":
            assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+", rest)
        if word == "COPY":
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
    assert "envs/posegaussian.txt" in text
    assert "mmpose.post-deploy.sh /posegaussian/.venv-mmpose" in text
    assert "/usr/local/bin/mmpose-python" in text
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", ".venv-mmpose", "results"} <= set(ignored)


@pytest.mark.slow
@pytest.mark.mmpose
def test_the_demo_with_conda(conda, new_workflow, copy_of_the_repository):
    """The short demo with --use-conda, by a test double of conda: wiring, post-deploy script, and reruns afterwards."""
    workflow = new_workflow()
    workflow.root = copy_of_the_repository
    done = workflow.run("--use-conda")
    assert done.returncode == 0, done.stdout[-5000:]
    assert (workflow.folder / "results/report/demo/index.html").is_file()
    calls = conda.read_text().splitlines()
    assert sum(call.startswith("env create") for call in calls) == 2
    assert len(list((workflow.folder / ".snakemake/conda").glob("*/pins.lock"))) == 1  # by mmpose.post-deploy.sh
    assert "mmpose_env" not in done.stdout

    assert workflow.planned("--use-conda") == set()
    environment = workflow.root / "envs/posegaussian.yaml"
    environment.write_text(environment.read_text().replace("absl-py==", "absl-py==9."))
    assert workflow.planned("--use-conda") == set()


@pytest.mark.conda
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("conda") is None, reason="no conda client")
def test_real_conda_makes_both_environments(workflow):
    done = workflow.run("--use-conda", "--conda-create-envs-only")
    assert done.returncode == 0, done.stdout
