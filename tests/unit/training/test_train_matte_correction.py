"""The tool that trains the correction of mattes alone: what it changes, what it writes, which batches it uses."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from posegaussian.config import ModelSettings, NetworkSettings, StreamSettings, TrainSettings
from posegaussian.data.batch import Batch
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import RELEASE, read_metadata, save_weights
from posegaussian.types import Camera, StereoPair

ROOT = Path(__file__).parents[3]
STREAM = StreamSettings(size=(64, 64), target_size=(16, 16), pool=1, lifetime=1000, workers=0)
TRAIN = TrainSettings(full_steps=3, batch_size=2, frames=1, stream=1.0, synthetic=STREAM, ema_decay=0.5, warm_up=0)


def batch(index: int) -> Batch:
    """A square of noise, seen larger than it is."""
    truth, masks = torch.zeros(2, 2, 72, 64), torch.zeros(2, 2, 1, 72, 64)
    truth[..., 20:50, 20:50], masks[..., 18:52, 18:52] = 1, 1
    images = torch.rand(2, 2, 3, 72, 64, generator=torch.Generator().manual_seed(index))
    camera = Camera(torch.eye(3).repeat(2, 1, 1), torch.eye(4).repeat(2, 1, 1), 16, 16)
    pair = StereoPair(images=images, masks=masks, cameras=replace(camera, width=64, height=72))
    target = torch.zeros(2, 3, 16, 16)
    return Batch(pair, truth, truth, target, target[:, :1], camera, 64, 1, truth)


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import train_matte_correction  # pyright: ignore[reportMissingImports]

    return train_matte_correction


def test_the_correction_alone_is_trained_and_the_run_is_in_the_history(tool, monkeypatch, tmp_path):
    monkeypatch.setattr(tool.Repeated, "__getitem__", lambda _, index: batch(index))
    settings = ModelSettings(network=NetworkSettings(matte="hint"), train=TRAIN)
    run = tool.Run(settings, RELEASE, torch.device("cpu"), 600, tmp_path / "out.safetensors")
    run()
    run.batches.close()
    before, after = load_file(RELEASE), load_file(tmp_path / "out.safetensors")
    changed = {name for name, value in after.items() if name not in before or not torch.equal(before[name], value)}
    assert changed and all(name.startswith("matte.") for name in changed) and len(after) >= len(before)
    made = read_metadata(tmp_path / "out.safetensors")
    first, *_, last = json.loads(made["history"])
    assert (last["stage"], last["steps"]) == ("matte", 3) and first == json.loads(read_metadata(RELEASE)["history"])[0]
    assert made["detector"] == read_metadata(RELEASE)["detector"]


def test_it_ends_in_time(tool, monkeypatch, tmp_path):
    monkeypatch.setattr(tool.Repeated, "__getitem__", lambda _, index: batch(index))
    init, settings = tmp_path / "init.safetensors", ModelSettings(network=NetworkSettings(matte="hint"), train=TRAIN)
    save_weights(PoseGaussian(settings.network), init, {})
    run = tool.Run(settings, init, torch.device("cpu"), 0, tmp_path / "out.safetensors")
    run()
    run.batches.close()
    (entry,) = json.loads(read_metadata(tmp_path / "out.safetensors")["history"])
    assert entry["steps"] == 0


def test_each_sample_is_used_with_several_errors(tool, monkeypatch):
    source, made = tool.Repeated("depth", TRAIN, torch.device("cpu"), filmed=True), []
    monkeypatch.setattr(source, "sample", lambda index: made.append(index) or index)
    monkeypatch.setattr(source, "with_errors", lambda sample, index, random: (sample, index, random.random()))
    found = [source[index] for index in range(2 * tool.DRAWS)]
    assert made == [0, 1] and [each[0] for each in found] == [each[1] for each in found]
    assert len({each[2] for each in found}) == len(found)
