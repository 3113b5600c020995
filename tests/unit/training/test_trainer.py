import csv
import itertools
import json
import math
import signal
from dataclasses import replace

import cv2
import helpers
import pytest
import torch

from posegaussian.config import ModelSettings, NetworkSettings, TrainSettings
from posegaussian.errors import TrainingError
from posegaussian.model.constants import DEFAULTS
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, read_metadata, save_weights
from posegaussian.splatting import NotFiniteError
from posegaussian.training import step as step_module
from posegaussian.training import trainer
from posegaussian.training.ema import EMA
from posegaussian.training.logging import Curves, mean_scalars

SETTINGS = ModelSettings(
    network=NetworkSettings(iterations=1),
    train=TrainSettings(
        depth_steps=6, full_steps=6, target_size=64, validate_every=4, validation_clips=2, save_every=4
    ),
)


def train(files, folder, phase="depth", settings=SETTINGS, val=(), init=None, device="cpu", **options):
    output = folder / f"{phase}.safetensors"
    trainer.train(
        phase,
        train_files=files,
        val_files=list(val),
        output=output,
        state=folder / "state",
        settings=settings,
        init=init,
        device=device,
        **options,
    )
    return output


def stop_after(monkeypatch, step, number=signal.SIGTERM):
    note = Curves.train

    def noted(self, now, values):
        note(self, now, values)
        if now == step:
            signal.raise_signal(number)

    monkeypatch.setattr(Curves, "train", noted)


def table(path):
    return list(csv.DictReader(path.with_suffix(".csv").open()))


@pytest.mark.parametrize("phase", ["depth", "full"])
def test_a_stopped_run_continues_exactly(tmp_path, make_captures, monkeypatch, phase):
    files = [make_captures(tmp_path, seed=seed) for seed in range(2)]
    whole = train(files, tmp_path / "whole", phase, val=files[:1])
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with helpers.refuses(TrainingError, "interrupted") as error:
            train(files, tmp_path / "parts", phase, val=files[:1])
    assert "SIGTERM after step 3 of 6" in error.value.what
    assert not (tmp_path / "parts" / f"{phase}.safetensors").exists()
    parts = train(files, tmp_path / "parts", phase, val=files[:1])
    assert parts.read_bytes() == whole.read_bytes()
    assert parts.with_suffix(".csv").read_bytes() == whole.with_suffix(".csv").read_bytes()


def test_control_c_stops_a_run_and_restores_the_handlers(tmp_path, make_captures, monkeypatch):
    before = signal.getsignal(signal.SIGINT)
    stop_after(monkeypatch, 2, signal.SIGINT)
    with helpers.refuses(TrainingError, "interrupted") as error:
        train([make_captures(tmp_path)], tmp_path)
    assert "SIGINT after step 2" in error.value.what
    assert signal.getsignal(signal.SIGINT) is before


def test_other_settings_start_afresh(tmp_path, make_captures, monkeypatch, capsys):
    files = [make_captures(tmp_path)]
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with helpers.refuses(TrainingError, "interrupted"):
            train(files, tmp_path / "reused")
    other = replace(SETTINGS, train=replace(SETTINGS.train, learning_rate=1e-4))
    reused = train(files, tmp_path / "reused", settings=other)
    assert "starting afresh" in capsys.readouterr().err
    assert reused.read_bytes() == train(files, tmp_path / "fresh", settings=other).read_bytes()


def test_without_true_disparity_its_columns_are_empty(tmp_path, make_captures, capsys):
    files = [make_captures(tmp_path, truth=False)]
    rows = table(train(files, tmp_path, "full", val=files))
    assert {row["split"] for row in rows} == {"train", "val"}
    assert all(row["epe_1024"] == row["depth"] == "" and float(row["psnr_bbox"]) > 5 for row in rows)
    assert "epe_1024" not in capsys.readouterr().err


def test_scalars_are_averaged_where_they_are_known():
    rows = [{"loss": 1.0, "epe": 2.0, "none": math.nan}, {"loss": 3.0, "epe": math.nan, "none": math.nan}]
    assert mean_scalars(rows) == {"loss": 2.0, "epe": 2.0}


def test_curves_and_metadata(tmp_path, make_captures):
    files = [make_captures(tmp_path)]
    depth = train(files, tmp_path, val=files)
    rows = table(depth)
    assert [(row["split"], row["step"]) for row in rows] == [("val", "4"), ("train", "5"), ("train", "6"), ("val", "6")]
    assert all(float(row["epe_1024"]) > 0 and row["psnr_bbox"] == "" for row in rows)
    assert float(rows[1]["temporal"]) > 0
    full = train(files, tmp_path, "full", val=files, init=depth)
    assert all(float(row["psnr_bbox"]) > 5 for row in table(full))
    assert read_metadata(full)["stage"] == "full"
    assert {"rectify", "detector"} <= read_metadata(full).keys()
    runs = json.loads(read_metadata(full)["history"])
    assert [(run["stage"], run["steps"], run["device"]) for run in runs] == [("depth", 6, "cpu"), ("full", 6, "cpu")]
    assert runs[1]["train"]["full_steps"] == 6
    assert list((tmp_path / "state" / "full").glob("events.*"))
    assert cv2.imread(str(tmp_path / "state/full/validation.png")).shape == (2 * 64, 3 * 64, 3)
    start = torch.equal(*(load_network(path).stereo.match.weight for path in (depth, full)))
    assert not start


def test_training_uses_the_constants_of_its_initial_weights(tmp_path, make_captures):
    other = replace(DEFAULTS, prior=replace(DEFAULTS.prior, skin_offset=0.02))
    init = tmp_path / "init.safetensors"
    save_weights(PoseGaussian(SETTINGS.network, other), init, {})
    assert load_network(train([make_captures(tmp_path)], tmp_path, init=init)).constants == other


def test_frozen_parts_keep_their_weights(tmp_path, make_captures):
    files, start = [make_captures(tmp_path)], tmp_path / "start.safetensors"
    save_weights(PoseGaussian(SETTINGS.network), start, {})
    settings = replace(SETTINGS, train=replace(SETTINGS.train, frozen=("color_encoder",)))
    before, after = (
        load_network(start).state_dict(),
        load_network(train(files, tmp_path, settings=settings, init=start)).state_dict(),
    )
    same = {name for name, values in after.items() if torch.equal(values, before[name])}
    assert {name for name in after if name.startswith("color_encoder.")} <= same
    assert any(name.startswith("stereo.") for name in after.keys() - same)
    with helpers.refuses(TrainingError, "unknown-part"):
        train(files, tmp_path, settings=replace(SETTINGS, train=replace(SETTINGS.train, frozen=("encoder",))))


@pytest.fixture
def late(monkeypatch):
    """Scalars are read a step late, as on CUDA."""
    scalars = trainer.DeferredScalars
    monkeypatch.setattr(trainer, "DeferredScalars", lambda lag, world: scalars(lag=1, world=world))


def spoil(monkeypatch, step):
    """Make the loss of a step NaN."""
    combine, count = step_module.combine, itertools.count(1)

    def spoiled(*args):
        losses = combine(*args)
        return replace(losses, total=losses.total * torch.nan) if next(count) == step else losses

    monkeypatch.setattr(step_module, "combine", spoiled)


def saved_batch_of_step_3(files, folder, monkeypatch):
    spoil(monkeypatch, 3)
    with helpers.refuses(TrainingError, "impossible-step") as error:
        train(files, folder)
    assert "step 3" in error.value.what and str(folder / "state/depth.evidence") in str(error.value.hint)
    assert not (folder / "depth.safetensors").exists()
    return torch.load(folder / "state/depth.evidence", weights_only=True)


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_batch(tmp_path, make_captures, monkeypatch):
    kept = saved_batch_of_step_3([make_captures(tmp_path)], tmp_path, monkeypatch)
    assert kept["step"] == 3 and kept["batch"]["pair"]["images"].shape[1] == 2
    assert all(value.isfinite().all() for value in kept["network"].values())


def test_gaussians_that_are_not_finite_stop_the_run_and_keep_the_batch(tmp_path, make_captures, monkeypatch):
    def not_finite(*_, **__):
        raise NotFiniteError("gaussians.means holds values that are not finite")

    files, settings = [make_captures(tmp_path)], replace(SETTINGS, train=replace(SETTINGS.train, depth_steps=0))
    monkeypatch.setattr(step_module, "rasterize", not_finite)
    with helpers.refuses(TrainingError, "impossible-step") as error:
        train(files, tmp_path, "full", settings=settings)
    assert "step 1 cannot be taken: gaussians.means holds values that are not finite" in error.value.what
    assert torch.load(tmp_path / "state/full.evidence", weights_only=True)["step"] == 1


def test_the_same_batch_is_saved_where_scalars_are_read_late(tmp_path, make_captures, monkeypatch, request):
    files = [make_captures(tmp_path, seed=seed) for seed in range(2)]
    with monkeypatch.context() as patch:
        soon = saved_batch_of_step_3(files, tmp_path / "soon", patch)
    request.getfixturevalue("late")
    late = saved_batch_of_step_3(files, tmp_path / "late", monkeypatch)
    assert torch.equal(soon["batch"]["pair"]["images"], late["batch"]["pair"]["images"])
    assert all(torch.equal(value, late["network"][name]) for name, value in soon["network"].items())


def test_reading_scalars_late_changes_nothing_else(tmp_path, make_captures, monkeypatch, request):
    files = [make_captures(tmp_path, seed=seed) for seed in range(2)]
    soon = train(files, tmp_path / "soon", "full", val=files[:1])
    request.getfixturevalue("late")
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        with helpers.refuses(TrainingError, "interrupted") as error:
            train(files, tmp_path / "late", "full", val=files[:1])
    assert "after step 3 of 6" in error.value.what  # The signal is read a step later.
    late = train(files, tmp_path / "late", "full", val=files[:1])
    for suffix in (".safetensors", ".csv"):
        assert soon.with_suffix(suffix).read_bytes() == late.with_suffix(suffix).read_bytes()


def test_the_ema_follows_the_weights_and_is_written(tmp_path, make_captures):
    network, decay = torch.nn.Linear(1, 1, bias=False), 0.5
    torch.nn.init.constant_(network.weight, 0.0)
    ema = EMA(network, decay)
    torch.nn.init.constant_(network.weight, 1.0)
    ema.update(network, done=0)
    assert ema.network.weight.item() == pytest.approx(0.9)
    ema.update(network, done=1000)
    assert ema.network.weight.item() == pytest.approx(0.95)
    files = [make_captures(tmp_path)]
    weights = {}
    for value in (0.0, 0.999):
        settings = replace(SETTINGS, train=replace(SETTINGS.train, ema_decay=value))
        saved = load_network(train(files, tmp_path / str(value), settings=settings)).state_dict()
        state = torch.load(tmp_path / str(value) / "state/depth.state", weights_only=True)
        assert all(torch.equal(saved[name], state["ema"][name]) for name in saved)
        weights[value] = all(torch.equal(saved[name], state["network"][name]) for name in saved)
    assert weights == {0.0: True, 0.999: False}


@pytest.mark.parametrize("phase", ["depth", "full"])
@pytest.mark.parametrize("pose", ["fused", "none"])
def test_every_trained_parameter_gets_a_gradient(tmp_path, make_captures, phase, pose):
    files, settings = [make_captures(tmp_path)], replace(SETTINGS, network=replace(SETTINGS.network, pose=pose))
    runtime = trainer.make_runtime("cpu", "32-true")
    one = trainer.Trainer(phase, files, [], tmp_path, settings, None, runtime, trainer.Clock(None))
    one.step()
    one.batches.close()
    trained = {name: p.grad for name, p in one.network.named_parameters() if p.requires_grad}
    assert len(trained) > 50 and not [name for name, gradient in trained.items() if gradient is None]


def test_a_prolonged_run_is_a_long_one(tmp_path, make_captures, capsys):
    files = [make_captures(tmp_path)]
    longer = replace(SETTINGS, train=replace(SETTINGS.train, depth_steps=10, cooldown=0.5))
    shorter = replace(longer, train=replace(longer.train, depth_steps=6))
    train(files, tmp_path / "prolonged", settings=shorter)
    prolonged = train(files, tmp_path / "prolonged", settings=longer)
    assert "resuming after step 3 of 10" in capsys.readouterr().err
    assert prolonged.read_bytes() == train(files, tmp_path / "long", settings=longer).read_bytes()


def test_a_time_budget_ends_the_run_with_weights(tmp_path, make_captures, capsys):
    files = [make_captures(tmp_path)]
    settings = replace(SETTINGS, train=replace(SETTINGS.train, depth_steps=100_000))
    output = train(files, tmp_path, settings=settings, time_budget=1.5)
    errors = capsys.readouterr().err
    steps = int(read_metadata(output)["steps"])
    assert f"the time budget is used up after step {steps} of 100000" in errors and 0 < steps < 1000
    rows = table(output)
    assert int(rows[-1]["step"]) == steps
    rates = [float(row["lr"]) for row in rows]
    assert rates[-1] < 0.6 * max(rates) or len(rates) < 3


def test_missing_captures_and_unknown_devices_are_refused(tmp_path, make_captures):
    files = [make_captures(tmp_path)]
    with helpers.refuses(TrainingError, "no-training-data"):
        train([], tmp_path)
    with helpers.refuses(TrainingError, "unknown-training-device"):
        train(files, tmp_path, device="tpu")


@pytest.mark.slow
def test_a_small_scene_is_learned(tmp_path, make_captures):
    files = [make_captures(tmp_path)]
    chosen = replace(SETTINGS.train, depth_steps=30, full_steps=45, heatmap_dropout=0.0, validate_every=10)
    settings = replace(SETTINGS, train=chosen)
    depth = train(files, tmp_path, settings=settings, val=files)
    errors = [float(row["epe_1024"]) for row in table(depth)]
    assert errors[-1] < 0.35 * errors[0] and errors[-1] < 6
    full = train(files, tmp_path, "full", settings, val=files, init=depth)
    quality = [float(row["psnr_bbox"]) for row in table(full) if row["split"] == "val"]
    assert quality[-1] > 26 and quality[-1] > quality[0]
