"""Exact reruns: what a change of the configuration, of the sheet or of a file plans, job by job."""

import os

import pytest

RENDERED = {"render:demo,c", "evaluate:demo,c", "summarize:demo", "report:demo"}
TRAINED = {"train_depth:demo", "train_full:demo"} | RENDERED
DETECTED = {f"heatmaps:small,{capture}" for capture in "abc"} | TRAINED
RECTIFIED = {f"rectify:{capture}" for capture in "abc"} | DETECTED


def test_nothing_to_do(done):
    assert done.planned() == set()


def test_touched_configuration(done):
    os.utime(done.folder / "config.yaml")
    os.utime(done.folder / "captures.tsv")
    assert done.planned() == set()


@pytest.mark.parametrize(
    "path, value, jobs",
    [
        ("builtin.frames", 4, {f"captures:{capture}" for capture in "abc"} | RECTIFIED),
        ("rectify.margin", 0.1, RECTIFIED),
        ("detectors.small.weights", "other.safetensors", DETECTED),
        ("models.demo.train.learning_rate", 0.001, TRAINED),
        ("models.demo.network.pose", "none", TRAINED),
        ("models.demo.train.full_steps", 3, TRAINED - {"train_depth:demo"}),
        ("render.path_steps", 5, RENDERED),
        ("evaluate.protocols", ["full"], RENDERED - {"render:demo,c"}),
    ],
)
def test_one_key(done, path, value, jobs):
    *parents, last = path.split(".")
    section = done.config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    done.save()
    assert done.planned() == jobs


def test_capture_added(done):
    done.sheet.append(["d", "test", "builtin:4", ""])
    done.save()
    own = {"captures:d", "rectify:d", "heatmaps:small,d", "render:demo,d", "evaluate:demo,d"}
    assert done.planned() == own | {"summarize:demo", "report:demo"}


def test_source_of_a_capture_changed(done):
    done.sheet[3][2] = "builtin:9"
    done.save()
    assert done.planned() == {"captures:c", "rectify:c", "heatmaps:small,c"} | RENDERED


def test_released_weights_never_train(done):
    done.config["models"]["demo"]["weights"] = str(done.folder / "results/models/demo/full.safetensors")
    done.save()
    assert not done.planned() & {"train_depth:demo", "train_full:demo"}
