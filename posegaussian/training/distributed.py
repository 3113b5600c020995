"""The processes, device and precision of a run: one process, or several started by `torchrun`."""

import atexit
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from posegaussian.errors import TrainingError
from posegaussian.locks import DEVICE

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
"""Single precision; or mixed (torch.autocast) with bfloat16, or with half precision and scaled gradients."""


class Runtime:
    """What training does differently on one device or several, in single or mixed precision.

    Args:
        device: of this process.
        precision: of the forward pass.
        rank: of this process, among all.
        world: number of processes.
    """

    def __init__(self, device: torch.device, precision: Precision, rank: int = 0, world: int = 1):
        self.device, self.rank, self.world, self._precision = device, rank, world, precision
        self._scaler = torch.amp.GradScaler(device.type, enabled=precision == "16-mixed")  # type: ignore[attr-defined]

    @property
    def first(self) -> bool:
        """Whether this process writes the files and the log."""
        return self.rank == 0

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network; with several processes, one whose backward pass averages the gradients of all."""
        if self.world == 1:
            return network
        # find_unused_parameters stays off: every trainable parameter of a phase gets a gradient.
        return nn.parallel.DistributedDataParallel(network, [self.device] if self.device.type == "cuda" else None)

    def autocast(self) -> AbstractContextManager:
        """The context of a forward pass."""
        if self._precision == "32-true":
            return nullcontext()
        dtype = torch.bfloat16 if self._precision == "bf16-mixed" else torch.float16
        return torch.autocast(self.device.type, dtype)

    def backward(self, loss: Tensor) -> None:
        """The backward pass; CUDA graphs of the networks that make the next batch are captured after it."""
        with DEVICE.shared():
            self._scaler.scale(loss).backward()

    def clip_gradients(self, optimizer: torch.optim.Optimizer, most: float) -> Tensor:
        """Scale the gradients so that their norm is at most `most`; the norm before."""
        self._scaler.unscale_(optimizer)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        return nn.utils.clip_grad_norm_(parameters, most)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """An optimiser step, unless scaled gradients overflow."""
        self._scaler.step(optimizer)
        self._scaler.update()


def make_runtime(device: str, precision: Precision) -> Runtime:
    """The runtime of this process, joined to the others (NCCL on CUDA, gloo on the CPU).

    Args:
        device: auto, cpu, cuda or cuda:N; several processes take one GPU each.
        precision: of the forward pass.

    Raises:
        TrainingError: there is no such device, or `srun` started several processes, which know nothing of each other.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda"):
        raise TrainingError(
            f"no such device: {device}", code="unknown-training-device", hint="use auto, cpu, cuda or cuda:N"
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError("no CUDA device can be used here", code="missing-cuda", hint="use --device cpu")
    world = int(os.environ["WORLD_SIZE"]) if torch.distributed.is_torchelastic_launched() else 1
    if index and world > 1:
        raise TrainingError(f"{world} processes cannot share {device}", code="shared-device", hint="use --device cuda")
    if world == 1 and int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:  # Set by srun alone, not by sbatch.
        raise TrainingError(
            "srun started several tasks, each of which would train alone and write the same files",
            code="several-tasks",
            hint="start one task per node, and in it `torchrun --nproc-per-node N -m posegaussian train ...`",
        )
    place = torch.device("cpu")
    if kind == "cuda" or (kind == "auto" and torch.cuda.is_available()):
        place = torch.device("cuda", int(os.environ["LOCAL_RANK"] if world > 1 else index or 0))
        torch.cuda.set_device(place)
    if world == 1:
        return Runtime(place, precision)
    torch.distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    atexit.register(torch.distributed.destroy_process_group)
    return Runtime(place, precision, torch.distributed.get_rank(), world)
