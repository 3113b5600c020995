"""Models of TensorFlow Lite, written by hand after its schema, read back."""

import struct

import helpers
import numpy as np
import pytest

from posegaussian.errors import WeightsError
from posegaussian.io.tflite import Node, read_tflite

FLOAT, HALF, INT = 0, 1, 2
CONV, DEQUANTIZE, DENSIFY = 3, 6, 124


def table(data: bytearray, fields: dict) -> int:
    """Append a table; fields by number: an integer, an array, a table (dict) or a list of tables. Returns its place."""
    count = max(fields, default=-1) + 1
    data += bytes(-len(data) % 4)
    vtable, place = len(data), len(data) + 4 + 2 * (count + count % 2)
    offsets = [4 + 4 * index if index in fields else 0 for index in range(count + count % 2)]
    data += struct.pack(f"<HH{len(offsets)}H", 4 + 2 * count, 4 + 4 * count, *offsets)
    data += struct.pack("<i", place - vtable) + bytes(4 * count)
    for number, value in fields.items():
        where = place + 4 + 4 * number
        word = value if isinstance(value, int) else child(data, value) - where
        data[where : where + 4] = struct.pack("<i", word)
    return place


def child(data: bytearray, value) -> int:
    """Append what a field refers to; returns its place."""
    if isinstance(value, dict):
        return table(data, value)
    data += bytes(-len(data) % 4)
    place = len(data)
    data += struct.pack("<I", len(value))
    if isinstance(value, np.ndarray):
        data += value.tobytes()
    else:
        data += bytes(4 * len(value))
        for index, item in enumerate(value):
            where = place + 4 + 4 * index
            data[where : where + 4] = struct.pack("<I", table(data, item) - where)
    return place


def ints(*values: int) -> np.ndarray:
    return np.array(values, "<i4")


def model(operations: list[tuple], tensors: list[dict], buffers: list[np.ndarray], source: int, *made: int) -> bytes:
    """A file with one graph; operations are (code, inputs, output, options)."""
    codes = list(dict.fromkeys(code for code, *_ in operations))
    nodes = [
        {0: codes.index(code), 1: ints(*inputs), 2: ints(output)} | ({4: options} if options else {})
        for code, inputs, output, options in operations
    ]
    graph = {0: tensors, 1: ints(source), 2: ints(*made), 3: nodes}
    data = bytearray(b"\0\0\0\0TFL3")
    root = table(
        data,
        {
            1: [{0: min(code, 127), 3: code} for code in codes],
            2: [graph],
            4: [{0: np.frombuffer(buffer.tobytes(), "<u1")} if buffer.size else {} for buffer in buffers],
        },
    )
    data[:4] = struct.pack("<I", root)
    return bytes(data)


def tensor(kind: int, buffer: int, *shape: int, sparsity: dict | None = None) -> dict:
    return {0: ints(*shape), 1: kind, 2: buffer} | ({6: sparsity} if sparsity else {})


NOTHING = np.empty(0, "<f4")


def test_a_convolution_with_half_weights(tmp_path):
    kernel, bias = np.arange(12, dtype="<f2").reshape(3, 2, 2, 1), np.array([1, 2, 3], "<f2")
    tensors = [tensor(FLOAT, 0, 1, 8, 6, 1), tensor(HALF, 1, *kernel.shape), tensor(HALF, 2, 3)]
    tensors += [tensor(FLOAT, 0, *kernel.shape), tensor(FLOAT, 0, 3), tensor(FLOAT, 0, 1, 4, 6, 3)]
    options = {0: 0, 1: 1, 2: 2, 3: 3}  # SAME, strides 1 and 2, ReLU6
    operations = [(DEQUANTIZE, [1], 3, {}), (DEQUANTIZE, [2], 4, {}), (CONV, [0, 3, 4], 5, options)]
    path = tmp_path / "a.tflite"
    path.write_bytes(model(operations, tensors, [NOTHING, kernel, bias], 0, 5))
    found = read_tflite(path)
    wanted = {"same": True, "stride": [2, 1], "activation": "relu6", "dilation": [1, 1]}
    assert found.nodes == (Node("conv_2d", (0, 3, 4), 5, wanted),)
    assert (found.input, found.outputs, found.size) == (0, (5,), (8, 6))
    assert sorted(found.constants) == [3, 4] and found.constants[3].dtype == np.float16
    np.testing.assert_array_equal(found.constants[3], kernel)
    np.testing.assert_array_equal(found.constants[4], bias)


def sparse(dense: np.ndarray, blocks: int) -> tuple[np.ndarray, dict]:
    """Values and sparsity of a matrix, by hand: rows dense, columns sparse, in blocks of so many columns."""
    grouped = dense.reshape(len(dense), -1, blocks)
    kept = [np.flatnonzero(row.any(-1)) for row in grouped]
    values = np.concatenate([grouped[row][columns].ravel() for row, columns in enumerate(kept)])
    segments = {0: np.cumsum([0, *map(len, kept)]).astype("<i4")}
    indices = {0: np.concatenate(kept).astype("<u1")}
    levels = [{0: 0, 1: len(dense)}, {0: 1, 2: 1, 3: segments, 4: 3, 5: indices}]
    if blocks > 1:
        return values, {0: ints(0, 1, 2), 1: ints(1), 2: [*levels, {0: 0, 1: blocks}]}
    return values, {0: ints(0, 1), 2: levels}


@pytest.mark.parametrize("blocks", [1, 2])
def test_sparse_constants_are_unpacked(tmp_path, blocks):
    dense = np.array([[0, 0, 3, 4, 0, 0], [0, 0, 0, 0, 0, 0], [7, 8, 0, 0, 9, 6]], "<f4")
    values, sparsity = sparse(dense, blocks)
    tensors = [tensor(FLOAT, 0, 1, 1, 1, 6), tensor(FLOAT, 1, 3, 6, sparsity=sparsity), tensor(FLOAT, 0, 3, 6)]
    path = tmp_path / "a.tflite"
    path.write_bytes(model([(DENSIFY, [1], 2, {})], tensors, [NOTHING, values], 0, 2))
    np.testing.assert_array_equal(read_tflite(path).constants[2], dense)


def test_what_is_no_model_is_refused(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(b"PK\3\4 something else")
    with helpers.refuses(WeightsError, "unreadable-weights", file=path):
        read_tflite(path)


def test_a_model_with_another_operation_is_refused(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(model([(25, [0], 1, {})], [tensor(FLOAT, 0, 1, 2, 2, 1)] * 2, [NOTHING], 0, 1))
    with helpers.refuses(WeightsError, "unreadable-weights", file=path) as caught:
        read_tflite(path)
    assert "operation 25" in str(caught.value)


def test_a_cut_model_is_refused(tmp_path):
    whole = model([(14, [0], 1, {})], [tensor(FLOAT, 0, 1, 2, 2, 1)] * 2, [NOTHING], 0, 1)
    path = tmp_path / "a.tflite"
    path.write_bytes(whole)
    read_tflite(path)
    for length in range(8, len(whole) - 8, 8):
        path.write_bytes(whole[:length])
        with helpers.refuses(WeightsError, "unreadable-weights", file=path):
            read_tflite(path)
