"""The processes and devices of a run: one process, or several started by `torchrun` or Slurm's `srun`."""

import os
from typing import Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.ddp import DDPStrategy

from posegaussian.errors import TrainingError


def make_fabric(device: str, precision: Literal["32-true", "bf16-mixed", "16-mixed"]) -> Fabric:
    """Lightning Fabric, launched; ranks average gradients by DistributedDataParallel (NCCL on CUDA, gloo on the CPU).

    Args:
        device: auto, cpu, cuda or cuda:N; several processes take one GPU each.
        precision: as Lightning Fabric names it.

    Raises:
        TrainingError: there is no such device.
    """
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda"):
        raise TrainingError(
            f"no such device: {device}", code="unknown-training-device", hint="use auto, cpu, cuda or cuda:N"
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError("no CUDA device can be used here", code="missing-cuda", hint="use --device cpu")
    world, local = _processes()
    if world == 1:
        alone = LightningEnvironment()
        return Fabric(accelerator=kind, devices=[int(index)] if index else 1, precision=precision, plugins=[alone])
    if index:
        raise TrainingError(f"{world} processes cannot share {device}", code="shared-device", hint="use --device cuda")
    strategy = DDPStrategy()  # find_unused_parameters stays off: every trainable parameter of a phase gets a gradient.
    fabric = Fabric(accelerator=kind, devices=local, num_nodes=world // local, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def _processes() -> tuple[int, int]:
    """How many processes there are in all, and on this machine."""
    if torch.distributed.is_torchelastic_launched():
        return int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    world = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))  # Set by srun alone, not by sbatch.
    return world, world // int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))
