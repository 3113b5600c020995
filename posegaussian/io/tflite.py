"""TensorFlow Lite models read as plain data: operations and constants. NumPy and the standard library alone.

A .tflite file is a FlatBuffer: tables whose fields are found through a list of offsets, each relative to its own place.
The numbers of fields, operations and types below are those of TensorFlow's schema
(tensorflow/compiler/mlir/lite/schema/schema.fbs); only what convolutional networks with float weights use is read.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posegaussian.errors import WeightsError

_TYPES = {0: "<f4", 1: "<f2", 2: "<i4", 4: "<i8"}
"""Types of tensors whose values are read; those of others are not needed."""
_SAME, _ACTIVATIONS = 0, ("none", "relu", "relu1", "relu6")
_INDICES = {1: "<i4", 2: "<u2", 3: "<u1"}
"""Types of the lists that describe sparse constants."""
_SPARSE = 1
"""Format of a sparse dimension; others are dense."""


@dataclass(frozen=True)
class Node:
    """One operation."""

    kind: str  # such as `conv_2d`
    inputs: tuple[int, ...]  # indices of tensors
    output: int  # index of the tensor that it makes
    options: Mapping[str, Any]  # by name


@dataclass(frozen=True)
class Model:
    """A model: images come in as (batch, height, width, channels), and so do all tensors of four axes."""

    nodes: tuple[Node, ...]  # operations, each after those whose output it needs
    # arrays by index of their tensor, as stored: half floats stay so; sparse ones are unpacked
    constants: Mapping[int, np.ndarray]
    input: int  # index of the only input
    outputs: tuple[int, ...]  # indices of the outputs
    size: tuple[int, int]  # (height, width) of the input


def read_tflite(path: Path) -> Model:
    """The first graph of a .tflite file.

    Raises:
        OSError: the file cannot be read.
        WeightsError: it is no .tflite model, or has operations that are not known here.
    """
    data = path.read_bytes()
    if data[4:8] != b"TFL3":
        raise WeightsError("not a TensorFlow Lite model", code="unreadable-weights", file=path)
    try:
        return _read_model(_Table(data, struct.unpack_from("<I", data)[0]))
    except (struct.error, ValueError, IndexError, KeyError, TypeError) as error:
        raise WeightsError(
            f"a damaged TensorFlow Lite model, or with operations that are not known here ({error})",
            code="unreadable-weights",
            file=path,
        ) from None


@dataclass(frozen=True)
class _Table:
    """A table of a FlatBuffer: at `place` lies the distance back to the list of its fields' offsets."""

    data: bytes
    place: int

    def _field(self, number: int) -> int | None:
        """Place of a field; None where it has its default value."""
        fields = self.place - struct.unpack_from("<i", self.data, self.place)[0]
        entry = 4 + 2 * number
        if fields < 0 or entry >= struct.unpack_from("<H", self.data, fields)[0]:
            return None
        offset = struct.unpack_from("<H", self.data, fields + entry)[0]
        return self.place + offset if offset else None

    def _follow(self, place: int) -> int:
        return place + struct.unpack_from("<I", self.data, place)[0]

    def number(self, field: int, kind: str = "<i", default: int = 0) -> int:
        """A number: `<b` for 8, `<i` for 32 bits."""
        place = self._field(field)
        return default if place is None else struct.unpack_from(kind, self.data, place)[0]

    def table(self, field: int) -> "_Table | None":
        """A table, or the one that a union holds."""
        place = self._field(field)
        return None if place is None else _Table(self.data, self._follow(place))

    def array(self, field: int, kind: str) -> np.ndarray:
        """Numbers; none where the field is missing."""
        place = self._field(field)
        if place is None:
            return np.empty(0, kind)
        start = self._follow(place)
        count = struct.unpack_from("<I", self.data, start)[0]
        return np.frombuffer(self.data, kind, count, start + 4)

    def tables(self, field: int) -> "list[_Table]":
        """Tables; none where the field is missing."""
        place = self._field(field)
        if place is None:
            return []
        start = self._follow(place)
        count = struct.unpack_from("<I", self.data, start)[0]
        return [_Table(self.data, self._follow(start + 4 + 4 * index)) for index in range(count)]


def _read_model(model: _Table) -> Model:
    codes = [max(code.number(0, "<b"), code.number(3)) for code in model.tables(1)]
    graph, buffers = model.tables(2)[0], model.tables(4)
    tensors = graph.tables(0)
    constants = {index: value for index, t in enumerate(tensors) if (value := _constant(t, buffers)) is not None}
    nodes = []
    for operation in graph.tables(3):
        code = codes[operation.number(0)]
        if code not in _OPERATIONS:
            raise ValueError(f"operation {code}")
        kind, read_options = _OPERATIONS[code]
        inputs = tuple(int(index) for index in operation.array(1, "<i4"))
        output = int(operation.array(2, "<i4")[0])
        if kind in ("dequantize", "densify") and inputs[0] in constants:
            constants[output] = constants.pop(inputs[0])
        else:
            options = operation.table(4)
            nodes.append(Node(kind, inputs, output, read_options(options) if options and read_options else {}))
    (source,) = (int(index) for index in graph.array(1, "<i4"))
    _, height, width, _ = (int(length) for length in tensors[source].array(0, "<i4"))
    outputs = tuple(int(index) for index in graph.array(2, "<i4"))
    return Model(tuple(nodes), constants, source, outputs, (height, width))


def _constant(tensor: _Table, buffers: list[_Table]) -> np.ndarray | None:
    """Values of a constant tensor; None where it is computed, or is of another type."""
    kind = _TYPES.get(tensor.number(1, "<b"))
    stored = buffers[tensor.number(2)].array(0, "<u1")
    if kind is None or not stored.size:
        return None
    shape, values, sparsity = tensor.array(0, "<i4"), stored.view(kind), tensor.table(6)
    return values.reshape(shape) if sparsity is None else _unpacked(values, shape, sparsity)


def _unpacked(values: np.ndarray, shape: np.ndarray, sparsity: _Table) -> np.ndarray:
    """A sparse constant as a dense array.

    Its levels are the tensor's axes in some order, then blocks that divide an axis. At each level every entry so far
    has all positions (dense) or those that `indices[segments[e] : segments[e + 1]]` lists (sparse). The values belong
    to the entries of the last level.
    """
    order, blocks = sparsity.array(0, "<i4"), sparsity.array(1, "<i4")
    places = np.zeros((1, 0), int)  # of each entry, its position at every level so far
    lengths = np.ones(len(order), int)
    for level, dimension in enumerate(sparsity.tables(2)):
        if dimension.number(0, "<b") == _SPARSE:
            segments, indices = _list(dimension, 2), _list(dimension, 4)
            owners = np.repeat(np.arange(len(places)), np.diff(segments))
        else:
            lengths[level] = dimension.number(1)
            owners = np.repeat(np.arange(len(places)), lengths[level])
            indices = np.tile(np.arange(lengths[level]), len(places))
        places = np.column_stack([places[owners], indices])
    at = np.zeros((len(shape), len(places)), int)
    for level, axis in enumerate(order):
        if axis < len(shape):
            block = np.flatnonzero(blocks == axis)
            at[axis] += places[:, level] * (lengths[list(order).index(len(shape) + block[0])] if block.size else 1)
        else:
            at[blocks[axis - len(shape)]] += places[:, level]
    dense = np.zeros(shape, values.dtype)
    dense[tuple(at)] = values
    return dense


def _list(dimension: _Table, field: int) -> np.ndarray:
    """One of the lists of a sparse dimension: a union of tables for three types of number."""
    held = dimension.table(field + 1)
    if held is None:
        raise ValueError("a sparse constant without indices")
    return held.array(0, _INDICES[dimension.number(field, "<B")]).astype(int)


def _conv(options: _Table) -> dict[str, Any]:
    return {
        "same": options.number(0, "<b") == _SAME,
        "stride": [options.number(2), options.number(1)],
        "activation": _ACTIVATIONS[options.number(3, "<b")],
        "dilation": [options.number(5, default=1), options.number(4, default=1)],
    }


def _depthwise(options: _Table) -> dict[str, Any]:
    return {
        "same": options.number(0, "<b") == _SAME,
        "stride": [options.number(2), options.number(1)],
        "activation": _ACTIVATIONS[options.number(4, "<b")],
        "dilation": [options.number(6, default=1), options.number(5, default=1)],
    }


def _pool(options: _Table) -> dict[str, Any]:
    return {
        "same": options.number(0, "<b") == _SAME,
        "stride": [options.number(2), options.number(1)],
        "size": [options.number(4), options.number(3)],
        "activation": _ACTIVATIONS[options.number(5, "<b")],
    }


def _add(options: _Table) -> dict[str, Any]:
    return {"activation": _ACTIVATIONS[options.number(0, "<b")]}


def _concatenation(options: _Table) -> dict[str, Any]:
    return {"axis": options.number(0), "activation": _ACTIVATIONS[options.number(1, "<b")]}


def _resize(options: _Table) -> dict[str, Any]:
    return {"align_corners": bool(options.number(2, "<b")), "half_pixel": bool(options.number(3, "<b"))}


def _block(options: _Table) -> dict[str, Any]:
    return {"block": options.number(0)}


_OPERATIONS: dict[int, tuple[str, Any]] = {
    0: ("add", _add),
    2: ("concatenation", _concatenation),
    3: ("conv_2d", _conv),
    4: ("depthwise_conv_2d", _depthwise),
    5: ("depth_to_space", _block),
    6: ("dequantize", None),
    14: ("logistic", None),
    17: ("max_pool_2d", _pool),
    22: ("reshape", None),
    23: ("resize_bilinear", _resize),
    34: ("pad", None),
    124: ("densify", None),
}
"""Builtin operations by their code: name, and what reads their options."""
