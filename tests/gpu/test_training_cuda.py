"""Training on CUDA: numbers are read late, bad steps are left out on the device, batches come from another stream."""

from dataclasses import replace

import helpers
import pytest
import torch

from posegaussian.config import (
    MatteErrorSettings,
    ModelSettings,
    NetworkSettings,
    RoomSettings,
    StreamSettings,
    TrainSettings,
)
from posegaussian.errors import TrainingError
from posegaussian.model.weights import RELEASE, load_network, read_metadata
from posegaussian.training import step as step_module
from posegaussian.training.trainer import train

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")]

STREAM = StreamSettings(size=(128, 128), target_size=(128, 128), pool=1, lifetime=1000, workers=0)
TRAIN = TrainSettings(
    depth_steps=6, full_steps=6, batch_size=4, stream=1.0, synthetic=STREAM, precision="bf16-mixed", warm_up=0
)


def run(folder, stage, init=None, settings=ModelSettings(train=TRAIN)):  # noqa: B008 (frozen)
    output = folder / f"{stage}.safetensors"
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


def test_mattes_as_a_hint_are_trained_in_rooms_from_the_weights_that_ship(tmp_path):
    errors = MatteErrorSettings(share=1.0, offset=(-3, 3), soft=(0, 3), holes=(0, 6), leaks=(0, 6), lost=0.5)
    stream = replace(STREAM, room=RoomSettings(kinds=("living",)), matte=errors)
    settings = ModelSettings(network=NetworkSettings(matte="hint"), train=replace(TRAIN, synthetic=stream))
    full = run(tmp_path, "full", RELEASE, settings)
    network = load_network(full)
    assert network.settings.filmed and all(value.isfinite().all() for value in network.state_dict().values())
    curves = full.with_suffix(".csv").read_text().splitlines()
    coverage = float(curves[1].split(",")[curves[0].split(",").index("coverage")])
    assert 0 < coverage < 2  # 0.7 for each pixel of the person, if nothing were known


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
