"""Networks as .safetensors files: the constants are the tensors, and the operations are JSON among the metadata.

A constant of which at least half is zero is stored as a mask and the other values.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from posegaussian.errors import WeightsError
from posegaussian.io.atomic import write_atomic
from posegaussian.io.tflite import Model, Node, read_tflite
from posegaussian.pose.detectors.blazepose.network import Network

_KEY = "network"
"""The only key of the metadata: safetensors writes several in any order, but the same input has to give the same
bytes."""


def load_network(path: Path) -> Network:
    """The network of a .safetensors file of `write_network`, or of a .tflite file.

    Raises:
        WeightsError: the file is missing, damaged, or of something else.
    """
    try:
        return Network(read_tflite(path) if path.suffix == ".tflite" else _read(path))
    except OSError as error:
        raise WeightsError(
            f"cannot be read ({error.strerror or error})", code="unreadable-network", file=path
        ) from None
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"not a network of BlazePose ({error})", code="unreadable-weights", file=path) from None


def write_network(path: Path, model: Model, about: Mapping[str, str]) -> None:
    """Write a network."""
    tensors: dict[str, np.ndarray] = {}
    sparse = {}
    for index, value in model.constants.items():
        if 2 * np.count_nonzero(value) <= value.size:
            sparse[str(index)] = value.shape
            tensors[f"{index}.mask"], tensors[f"{index}.values"] = np.packbits(value != 0), value[value != 0]
        else:
            tensors[str(index)] = np.ascontiguousarray(value)
    head = {**about, "input": model.input, "outputs": model.outputs, "size": model.size, "sparse": sparse}
    head["nodes"] = [asdict(node) for node in model.nodes]
    write_atomic(path, save(tensors, {_KEY: json.dumps(head, sort_keys=True)}))


def _read(path: Path) -> Model:
    with safe_open(path, "np") as file:
        head: dict[str, Any] = json.loads((file.metadata() or {})[_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a mapping
    constants = {int(name): value for name, value in tensors.items() if "." not in name}
    for name, shape in head["sparse"].items():
        mask = np.unpackbits(tensors[f"{name}.mask"], count=int(np.prod(shape))).astype(bool)
        value = np.zeros(len(mask), tensors[f"{name}.values"].dtype)
        value[mask] = tensors[f"{name}.values"]
        constants[int(name)] = value.reshape(shape)
    nodes = tuple(Node(**{**node, "inputs": tuple(node["inputs"])}) for node in head["nodes"])
    return Model(nodes, constants, head["input"], tuple(head["outputs"]), tuple(head["size"]))
