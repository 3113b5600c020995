"""Where a run computes: one process on one device, or several that `torchrun` or Slurm's `srun` started."""

import os
from typing import Literal

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.strategies.ddp import DDPStrategy

from posegaussian.errors import TrainingError


def make_fabric(device: str, precision: Literal["32-true", "bf16-mixed", "16-mixed"]) -> Fabric:
    """Lightning Fabric, launched; its ranks share the work by DistributedDataParallel (NCCL on CUDA, gloo on the CPU).

    Args:
        device: auto, cpu, cuda or cuda:N; several processes take one GPU each.
        precision: in Fabric's words.

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
    strategy = DDPStrategy()  # all that a stage learns gets a gradient: it need not look for what does not
    fabric = Fabric(accelerator=kind, devices=local, num_nodes=world // local, strategy=strategy, precision=precision)
    fabric.launch()
    return fabric


def _processes() -> tuple[int, int]:
    """How many processes there are in all, and on this machine."""
    if torch.distributed.is_torchelastic_launched():
        return int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
    world = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))  # set by srun alone, not by sbatch
    return world, world // int(os.environ.get("SLURM_STEP_NUM_NODES", "1"))
