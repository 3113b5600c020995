"""The matting network's weights: a .safetensors file in half precision, with the normalisation in the convolutions."""

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from posegaussian.errors import WeightsError
from posegaussian.io.atomic import write_atomic
from posegaussian.model.unet import without_normalisation
from posegaussian.preparation.mattes.network import MattingNetwork

RELEASE = Path(str(files("posegaussian"))) / "assets" / "matting" / "matting.safetensors"
"""The weights that ship with the project; their card lies beside them."""
_KEY = "about"
"""The only key of the metadata: safetensors writes several in any order, but the same input has to give the same
bytes."""


def write_matting_network(path: Path, network: MattingNetwork, about: Mapping[str, str]) -> None:
    """Write a network's weights, with its normalisation merged into its convolutions."""
    merged = deepcopy(network).eval().cpu()
    without_normalisation(merged)
    tensors = {name: value.half().contiguous() for name, value in merged.state_dict().items()}
    write_atomic(path, save(tensors, {_KEY: json.dumps(dict(about), sort_keys=True)}))


@lru_cache(maxsize=4)
def load_matting_network(path: Path = RELEASE, device: str = "cpu") -> MattingNetwork:
    """The network with the weights of a file of `write_matting_network`, for inference.

    Raises:
        WeightsError: the file is missing, damaged, or of something else.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  not a mapping
        network = MattingNetwork().eval()
        without_normalisation(network)
        network.load_state_dict(tensors)
    except OSError as error:
        what = f"cannot be read ({error.strerror or error})"
        raise WeightsError(what, code="unreadable-network", file=path) from None
    except (SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise WeightsError(f"not a matting network ({first})", code="unreadable-weights", file=path) from None
    return network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
