"""Whole chunks of HDF5 data sets, compressed and expanded outside of HDF5: in threads, and by ISA-L.

The bytes are those of HDF5's own filters shuffle and gzip (HDF5 File Format Specification, IV.A.2.l), so that any
reader of HDF5 opens the files. ISA-L at level 1 packs about nine times as fast as the zlib inside HDF5, to the same
size, and unpacks four times as fast. Depends on NumPy, h5py and isal alone: the MMPose environment imports it.
"""

import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from posegaussian.parallel import in_order

try:
    from isal import isal_zlib as deflate
except ImportError:  # a machine without it works, too, but more slowly and writes other bytes
    import zlib as deflate

_LEVEL = 1
"""Of ISA-L, 0 to 3. On rectified images, level 0 takes 0.8 times as long and makes files 1.4 to 1.8 times as large."""


def filters(dtype: np.dtype) -> dict[str, Any]:
    """How h5py creates data sets that `pack` can write: gzip, after shuffle for items of more than a byte."""
    return {"compression": "gzip", "compression_opts": 1, "shuffle": dtype.itemsize > 1}


def pack(values: np.ndarray) -> bytes:
    """The bytes of a chunk."""
    size = values.itemsize
    if size > 1:
        values = np.ascontiguousarray(values).reshape(-1).view(np.uint8).reshape(-1, size).T
    return deflate.compress(np.ascontiguousarray(values).data, _LEVEL)


def unpack(packed: bytes, dtype: np.dtype, shape: tuple[int, ...], shuffled: bool) -> np.ndarray:
    """The values of a chunk, perhaps read-only.

    Raises:
        OSError: the chunk is damaged.
    """
    expected = dtype.itemsize * math.prod(shape)
    try:
        found = deflate.decompress(packed, bufsize=expected)
    except deflate.error as error:  # type: ignore[misc]
        raise OSError(f"a chunk cannot be expanded: {error}") from None
    if len(found) != expected:
        raise OSError(f"a chunk holds {len(found)} bytes instead of {expected}")
    values = np.frombuffer(found, np.uint8)
    if shuffled and dtype.itemsize > 1:
        planes, values = values.reshape(dtype.itemsize, -1), np.empty(expected, np.uint8)
        for byte, plane in enumerate(planes):  # twice as fast as a copy of the transpose
            values[byte :: dtype.itemsize] = plane
    return values.reshape(-1).view(dtype).reshape(shape)


def units(dataset: h5py.Dataset) -> int:
    """The number of leading axes along which a chunk holds one index; it holds all of the others.

    0 for data sets that are not of this kind, or not packed by the filters of `filters`.
    """
    if dataset.compression != "gzip" or dataset.fletcher32 or dataset.scaleoffset is not None:
        return 0
    shape: Any = dataset.shape
    chunks: Any = dataset.chunks
    count = next((axis for axis, size in enumerate(chunks) if size != 1), len(chunks))
    return count if tuple(chunks[count:]) == tuple(shape[count:]) else 0


def read(dataset: h5py.Dataset, selection: Any) -> Any:
    """What is selected; None where the selection is not one of whole chunks, along the leading axes, or out of range.

    Raises:
        OSError, RuntimeError: a chunk is damaged.
    """
    count = units(dataset)
    selection = selection if isinstance(selection, tuple) else (selection,)
    selection = () if selection == (Ellipsis,) else selection
    if not count or not all(isinstance(each, int | np.integer | slice) for each in selection):
        return None
    leading = (*selection[:count], *[slice(None)] * (count - len(selection)))
    sizes: Any = dataset.shape
    wanted = []
    for each, size in zip(leading, sizes, strict=False):
        if isinstance(each, slice):
            wanted.append(range(*each.indices(size)))
        elif -size <= each < size:
            wanted.append([int(each) % size])
        else:
            return None
    shape, dtype = sizes[count:], dataset.dtype
    found = np.empty((*map(len, wanted), *shape), dtype)
    packed = _packed(dataset, wanted, found.shape[:count])
    if math.prod(found.shape[:count]) == 1:
        parts: Iterator = (_unpacked(each, dtype, shape, dataset.shuffle) for each in packed)
    else:
        parts = in_order(lambda each: _unpacked(each, dtype, shape, dataset.shuffle), packed)
    for place, values in parts:
        found[place] = values
    kept = tuple(slice(None) if isinstance(each, slice) else 0 for each in leading)
    return found[(*kept, *selection[count:])]


def _packed(dataset: h5py.Dataset, wanted: list, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Any]]:
    """The place of each chunk among those that are wanted, and its bytes; None for one that was never written."""
    inner = (0,) * (dataset.ndim - len(wanted))
    for place in np.ndindex(shape):
        offset = (*(indices[i] for indices, i in zip(wanted, place, strict=True)), *inner)
        if dataset.id.get_chunk_info_by_coord(offset).byte_offset is None:
            yield place, None
        else:
            mask, packed = dataset.id.read_direct_chunk(offset)
            if mask:
                raise OSError("a chunk is not packed as its data set is")
            yield place, packed


def _unpacked(
    chunk: tuple[tuple[int, ...], bytes | None], dtype: np.dtype, shape: tuple[int, ...], shuffled: bool
) -> tuple[tuple[int, ...], Any]:
    place, packed = chunk
    return place, 0 if packed is None else unpack(packed, dtype, shape, shuffled)
