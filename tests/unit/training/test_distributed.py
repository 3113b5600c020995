import pytest
import torch

from posegaussian.errors import TrainingError
from posegaussian.training.distributed import Runtime, make_runtime
from tests.helpers import refuses

CPU = torch.device("cpu")


def test_processes_that_cannot_work_together(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "2")
    with refuses(TrainingError, "several-tasks"):
        make_runtime("cpu", "32-true")
    for name, value in {"TORCHELASTIC_RUN_ID": "any", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with refuses(TrainingError, "shared-device"):
        make_runtime("cuda:1", "32-true")


def test_devices_that_do_not_exist(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert make_runtime("auto", "32-true").device == CPU
    with refuses(TrainingError, "missing-cuda"):
        make_runtime("cuda", "32-true")
    with refuses(TrainingError, "unknown-training-device"):
        make_runtime("tpu", "32-true")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16), ("16-mixed", torch.float16)]
)
def test_a_step_in_every_precision(precision, dtype):
    """The gradient of x / 16 is 1 / 16: clipped to half of it, plain descent moves by 1/32 of the rate."""
    runtime, layer = Runtime(CPU, precision), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 2.0)
    optimizer = torch.optim.SGD(runtime.wrapped(layer).parameters(), lr=8)
    with runtime.autocast():
        found = layer(torch.ones(1, 1))
    assert found.dtype == dtype
    runtime.backward(found.float().sum() / 16)
    assert float(runtime.clip_gradients(optimizer, 1 / 32)) == pytest.approx(1 / 16, rel=1e-4)
    runtime.step(optimizer)
    assert layer.weight.item() == pytest.approx(1.75, abs=1e-4)


def test_scaled_gradients_that_overflow_move_nothing():
    runtime, layer = Runtime(CPU, "16-mixed"), torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(layer.weight, 2.0)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.25)
    runtime.backward(layer(torch.full((1, 1), torch.inf)).sum())
    runtime.clip_gradients(optimizer, 1.0)
    runtime.step(optimizer)
    assert layer.weight.item() == 2
