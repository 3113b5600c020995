"""The device that a network runs on, by the name that a user gives."""

import torch

from posegaussian.errors import BackendError


def pick_device(name: str) -> torch.device:
    """The device that a user names; `auto` is CUDA where there is one, else the CPU.

    Raises:
        BackendError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.zeros(1, device=name).device
    except (RuntimeError, AssertionError):
        raise BackendError(
            f"no such device: {name}", code="unknown-device", hint="use auto, cpu, cuda or cuda:N"
        ) from None
