import pytest
import torch

from posegaussian.errors import TrainingError
from posegaussian.training import distributed
from posegaussian.training.distributed import Runtime, make_runtime
from tests.helpers import refuses

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("nodes", "host"),
    [
        ("alone", "alone"),
        ("gpu[03-05,7],login", "gpu03"),
        ("gpu[12,14]", "gpu12"),
        ("a-1,b-2", "a-1"),
        ("rack[2-3]-node,x", "rack2-node"),
    ],
)
def test_the_first_of_several_hosts(nodes, host):
    assert distributed._first_host(nodes) == host


def test_srun_names_the_rank_and_the_first_process(monkeypatch):
    given = {
        "SLURM_STEP_NUM_TASKS": "8",
        "SLURM_STEP_NODELIST": "gpu[03-04]",
        "SLURM_JOB_ID": "1234567",
        "SLURM_PROCID": "5",
        "SLURM_LOCALID": "1",
    }
    for name in ("MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.setenv(name, "")  # restored after the test
        monkeypatch.delenv(name)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert distributed._place() == (5, 1, 8)
    found = {name: distributed.os.environ[name] for name in ("MASTER_ADDR", "MASTER_PORT")}
    assert found == {"MASTER_ADDR": "gpu03", "MASTER_PORT": "19567"}
    with refuses(TrainingError, "shared-device"):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
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
