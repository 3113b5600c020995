"""Training on streamed people, and by several processes, through the command line."""

import csv
import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow
STREAM = {"size": [64, 64], "target_size": [64, 64], "pool": 1, "lifetime": 64, "workers": 0}
TRAIN = {"batch_size": 2, "cooldown": 0.0, "validate_every": 4, "save_every": 4, "synthetic": STREAM}
STOP = ("--time-budget", 0.001)
"""Ends a run after its first step."""


def call(*words, processes=1):
    launcher = ["torch.distributed.run", "--nproc-per-node", str(processes), "-m"] if processes > 1 else []
    command = [sys.executable, "-m", *launcher, "posegaussian", "train", *map(str, words), "--device", "cpu"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment)


def settings(**changes):
    return json.dumps({"network": {"iterations": 1}, "train": TRAIN | changes})


def test_a_streamed_run_continues_exactly(tmp_path):
    common = ["full", "--settings", settings(full_steps=4, stream=1.0)]
    call(*common, "--state", tmp_path / "whole", "-o", tmp_path / "whole.safetensors")
    for more in (STOP, ()):
        done = call(*common, "--state", tmp_path / "parts", "-o", tmp_path / "parts.safetensors", *more)
    assert "resuming after step 1 of 4" in done.stderr
    for suffix in (".safetensors", ".csv"):
        whole, parts = (tmp_path / f"{name}{suffix}" for name in ("whole", "parts"))
        assert whole.read_bytes() == parts.read_bytes()
    assert float(next(csv.DictReader((tmp_path / "whole.csv").open()))["temporal"]) > 0


def test_two_processes_train_one_network(tmp_path, make_captures):
    files = [make_captures(tmp_path, seed=seed) for seed in range(2)]
    common = ["depth", "--settings", settings(depth_steps=10, learning_rate=1e-3), "--rectified"]
    common += [*(rectified for rectified, _ in files), "--heatmaps", *(heatmaps for _, heatmaps in files)]
    call(*common, "--state", tmp_path / "whole", "-o", tmp_path / "whole.safetensors", processes=2)
    for more in (STOP, ()):
        part = ["--state", tmp_path / "parts", "-o", tmp_path / "parts.safetensors", *more]
        done = call(*common, *part, processes=2)
    assert done.stderr.count("resuming after step 1 of 10") == 1
    assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "parts.safetensors").read_bytes()
    rows = list(csv.DictReader((tmp_path / "whole.csv").open()))
    assert float(rows[-1]["depth"]) < float(rows[0]["depth"])


def test_all_ranks_hold_the_same_weights(tmp_path, make_captures):
    rectified, heatmaps = make_captures(tmp_path)
    script = tmp_path / "script.py"
    script.write_text(f"""
import torch
from pathlib import Path
from posegaussian.config import ModelSettings, NetworkSettings, TrainSettings
from posegaussian.training.distributed import make_runtime
from posegaussian.training.trainer import Trainer
from posegaussian.training.stopping import Clock

settings = ModelSettings(network=NetworkSettings(iterations=1), train=TrainSettings(full_steps=3, warm_up=0))
files = [(Path({str(rectified)!r}), Path({str(heatmaps)!r}))]
runtime = make_runtime("cpu", "32-true")
trainer = Trainer("full", files, [], Path({str(tmp_path)!r}), settings, None, runtime, Clock(None))
seen = trainer.batches.take(0).pair.scores.flatten()
start = torch.cat([p.flatten() for p in trainer.network.parameters()])
trainer.fit(Path({str(tmp_path / "out.safetensors")!r}))
trainer.batches.close()
def gathered(values):
    found = [torch.empty_like(values) for _ in range(2)]
    torch.distributed.all_gather(found, values)
    return found

for network in (trainer.network, trainer.ema.network):
    one, other = gathered(torch.cat([p.flatten() for p in network.parameters()]))
    assert torch.equal(one, other) and not torch.equal(one, start)
one, other = gathered(seen)
assert not torch.equal(one, other), "both ranks saw the same batch"
""")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", script]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(command, check=True, env=environment)
