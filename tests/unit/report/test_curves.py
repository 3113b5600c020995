"""Training curves as an image, and the facts of weights, through the command line."""

import json

import cv2
import helpers
import numpy as np
import torch

from posegaussian.cli import main
from posegaussian.config import ModelSettings, NetworkSettings
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import save_weights
from posegaussian.report.curves import running_means
from posegaussian.training.provenance import history, history_entry


def write_curves(path, steps, names=("loss", "epe_1024")):
    random = np.random.default_rng(steps)
    rows = [f"step,split,{','.join(names)}"]
    for step in range(5, steps + 1, 5):
        values = [20 * 0.999**step * random.uniform(0.7, 1.3) + 0.5 for _ in names]
        rows.append(f"{step},train,{','.join(f'{value:.5g}' for value in values)}")
        if step % 500 == 0:
            rows.append(f"{step},val,{','.join('1.5' for _ in names)}")
    path.write_text("\n".join(rows) + "\n")
    return str(path)


def test_curves_are_drawn_always_alike(tmp_path):
    files = [write_curves(tmp_path / "a.csv", 2000), write_curves(tmp_path / "b.csv", 100, ("loss", "psnr_bbox"))]
    images = [tmp_path / name for name in ("one.png", "other.png", "one.svg", "other.svg")]
    for image in images:
        main(["curves", *files, "-o", str(image)])
    assert images[0].read_bytes() == images[1].read_bytes() and images[2].read_bytes() == images[3].read_bytes()
    image = cv2.imread(str(images[0]))
    assert image.shape[1] == 990 and image.std() > 10
    assert "PSNR (box), dB" in images[2].read_text()


def test_running_means():
    assert np.allclose(running_means(np.arange(240.0)), np.arange(237.0) + 1.5)


def test_what_cannot_be_drawn(tmp_path, capsys):
    (tmp_path / "empty.csv").write_text("step,split,loss\n")
    for curves, output, file in (
        (write_curves(tmp_path / "a.csv", 20), "a.gif", "a.gif"),
        (str(tmp_path / "empty.csv"), "a.png", "empty.csv"),
    ):
        with helpers.exits(capsys, file=tmp_path / file):
            main(["curves", curves, "-o", str(tmp_path / output)])
        assert not (tmp_path / output).exists()


def test_weights_tell_how_they_were_trained(tmp_path, capsys):
    torch.manual_seed(0)
    settings = ModelSettings(network=NetworkSettings(iterations=1))
    network = PoseGaussian(settings.network)
    first, second = tmp_path / "first.safetensors", tmp_path / "second.safetensors"
    runs = []
    for path, stage, steps in ((first, "depth", 30), (second, "full", 20)):
        runs.append(history_entry(stage, steps, settings, 1, torch.device("cpu")))
        save_weights(network, path, {"history": json.dumps(runs)})
    assert history(None) == [] and [run["steps"] for run in history(second)] == [30, 20]
    main(["weights", str(second)])
    said = capsys.readouterr().out
    assert "sha256" in said and "iterations 1" in said
    assert (
        "phase depth: 30 steps of 2 pairs a process on 1 x cpu, captures; learning rate 0.0005, 32-true, seed 0" in said
    )
    assert said.count("phase ") == 2
