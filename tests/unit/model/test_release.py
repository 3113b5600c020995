"""The weights that ship: their card is correct, they load quickly, and they work on an unseen person."""

import hashlib
import json
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import helpers
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from posegaussian.cli import main
from posegaussian.config import NetworkSettings, RectifySettings, TrainSettings, as_dict, load, parse
from posegaussian.config.renamed import RENAMED
from posegaussian.errors import WeightsError
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import RELEASE, load_network, load_weights, read_metadata, weights_path

ROOT = Path(__file__).parents[3]
PERSON = 14
"""Seed of a built-in person who is not in the demo."""


@pytest.fixture(scope="module")
def facts():
    """The card's table of facts."""
    rows = re.findall(r"^\| ([\w ,]+) \| (.*) \|$", RELEASE.with_suffix(".md").read_text(), re.M)
    return {name: value.replace("`", "") for name, value in rows}


def test_the_card_describes_this_file(facts):
    data = RELEASE.read_bytes()
    assert facts["sha256"] == hashlib.sha256(data).hexdigest()
    assert facts["bytes"] == f"{len(data):,}" and len(data) <= 16e6
    with safe_open(RELEASE, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    assert all(value.isfinite().all() for value in tensors.values())
    assert facts["parameters"] == f"{sum(p.numel() for p in load_network(RELEASE).parameters()):,}"


def test_the_card_states_how_it_was_trained(facts):
    metadata = read_metadata(RELEASE)
    assert json.loads(facts["network"]) == json.loads(metadata["network"])
    assert facts["last phase"] == metadata["stage"] == "full"
    assert facts["rectified images"] == json.dumps(json.loads(metadata["rectify"])["size"])
    parse(RectifySettings, json.loads(metadata["rectify"]), "metadata")
    assert json.loads(metadata["detector"])["weights"] == "package:small.safetensors", "runs without a download"
    assert "/" not in metadata["history"], "no folder of the machine it was trained on"


def with_new_names(train):
    """Training settings of an earlier version under their present names."""
    section, found = "models.*.train.", dict(train)
    for old, new in RENAMED.items():
        if old.startswith(section) and (value := found.pop(old.removeprefix(section), None)) is not None:
            *outer, last = new.removeprefix(section).split(".")
            (found.setdefault(outer[0], {}) if outer else found)[last] = value
    return found


def test_the_configuration_of_the_release_is_that_of_its_history():
    runs = json.loads(read_metadata(RELEASE)["history"])
    models, card = load(ROOT / "config/release.yaml").models, RELEASE.with_suffix(".md").read_text()
    last = {"hint": "full", "hint_again": "full", "hint_blazepose": "full", "matte": "matte", "matte_joints": "matte"}
    last |= {"wide_black": "full", "wide_rooms": "full", "wide": "full", "matte_hands": "matte"}
    last |= dict.fromkeys(("volumes", "volumes_wide", "volumes_more", "level_more"), "full")
    last |= dict.fromkeys(("matte_found", "matte_found_again", "matte_found_more"), "matte")
    planned = [("first", "depth"), *((name, "full") for name in ("first", "second", "third", "release"))]
    planned += [("hint", "depth"), *last.items()]
    for run, (model, stage) in zip(runs, planned, strict=True):
        settings = as_dict(models[model].train)
        if model in last:  # the card names seeds and first weights, which the command line gave
            run["train"] |= {name: settings[name] for name in ("seed", "init")}
        steps = settings["depth_steps" if stage == "depth" else "full_steps"]
        assert (run["stage"], run["steps"]) == (stage, steps)
        assert f"{run['steps']:,} steps" in card
        renamed = with_new_names(run["train"])
        known = {name: value for name, value in renamed.items() if name in settings}
        made_by = as_dict(parse(TrainSettings, known, "history"))  # what later versions added has its default
        assert {**made_by, "depth_steps": 0, "full_steps": 0} == {**settings, "depth_steps": 0, "full_steps": 0}


def test_another_structure_is_refused_in_one_line():
    with helpers.refuses(WeightsError, "weights-mismatch", file="release.safetensors"):
        load_weights(PoseGaussian(NetworkSettings(pose="none")), weights_path("release"))


def test_it_loads_quickly():
    load_network(RELEASE)
    start = time.process_time()
    load_network(RELEASE)
    assert time.process_time() - start < 2


def test_it_works_on_an_unseen_person(tmp_path):
    """A person who was not used in training, at a quarter of the usual pixels, through the command line."""
    builtin = {"frames": 1, "size": [256, 256], "sources": 2}
    settings = {"path_steps": 2, "path_size": [64, 64]}
    capture, rectified, renders = tmp_path / "capture", tmp_path / "rectified.h5", tmp_path / "renders.h5"
    for command in (
        ["captures", "--seed", PERSON, "--output", capture, "--settings", json.dumps(builtin)],
        [
            "rectify",
            capture,
            "--output",
            rectified,
            "--settings",
            json.dumps(as_dict(RectifySettings(size=(256, 256)))),
        ],
        ["render", rectified, "--output", renders, "--settings", json.dumps(settings), "--device", "cpu"],
        ["evaluate", renders, "--rectified", rectified, "--output", tmp_path / "metrics.csv"],
    ):
        main([str(word) for word in command])
    rows = pd.read_csv(tmp_path / "metrics.csv")
    means = rows.groupby(["method", "scope", "metric"])["value"].mean()
    ours, plane_warp, gt_depth = (means[method, "bbox", "psnr"] for method in (tmp_path.name, "plane_warp", "gt_depth"))
    assert ours > plane_warp + 4 and ours > gt_depth - 3
    assert means[tmp_path.name, "disparity", "epe_1024"] < 4


@pytest.mark.slow
def test_the_wheel_contains_weights_and_card(tmp_path):
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(ROOT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"posegaussian/assets/weights/release.{kind}" for kind in ("safetensors", "md")} <= names
