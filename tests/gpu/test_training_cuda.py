"""Training on CUDA: numbers are read late, bad steps are left out on the device, batches come from another stream."""

from dataclasses import replace

import helpers
import pytest
import torch

from posegaussian.config import ModelSettings, StreamSettings, TrainSettings
from posegaussian.errors import TrainingError
from posegaussian.model.weights import load_network, read_metadata
from posegaussian.training import step as step_module
from posegaussian.training.trainer import train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]

STREAM = StreamSettings(size=(128, 128), target_size=(128, 128), pool=1, lifetime=1000, workers=0)
TRAIN = TrainSettings(
    depth_steps=6, full_steps=6, batch_size=4, stream=1.0, synthetic=STREAM, precision="bf16-mixed", warm_up=0
)


def run(folder, stage, init=None):
    output = folder / f"{stage}.safetensors"
    settings = ModelSettings(train=TRAIN)
    train(
        stage,
        train_files=[],
        val_files=[],
        output=output,
        state=folder / "state",
        settings=settings,
        init=init,
        device="cuda",
    )
    return output


def test_both_stages_run_on_streamed_people(tmp_path):
    full = run(tmp_path, "full", init=run(tmp_path, "depth"))
    assert read_metadata(full)["steps"] == "6" and len(full.with_suffix(".csv").read_text().splitlines()) == 3
    assert all(value.isfinite().all() for value in load_network(full).state_dict().values())


def test_a_bad_step_is_left_out_on_the_device(tmp_path, monkeypatch):
    combine, seen = step_module.combine, []

    def spoiled(*args):
        losses = combine(*args)
        seen.append(losses)
        return replace(losses, total=losses.total * torch.nan) if len(seen) == 3 else losses

    monkeypatch.setattr(step_module, "combine", spoiled)
    with helpers.refuses(TrainingError, "impossible-step") as error:
        run(tmp_path, "depth")
    assert "step 3" in error.value.what
    assert len(seen) == 4, "it is noticed a step later"
    kept = torch.load(tmp_path / "state/depth.evidence", weights_only=True)
    assert kept["step"] == 3 and all(value.isfinite().all() for value in kept["network"].values())
