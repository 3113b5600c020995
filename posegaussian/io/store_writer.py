"""What writes the data sets of a store: chunks packed in threads, and errors that leave no half-written file.

Depends on NumPy, h5py and isal alone, so that the MMPose environment can import it.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import h5py
import numpy as np

from posegaussian.io import chunks
from posegaussian.parallel import Background

_AHEAD = 16
"""Chunks that wait to be packed or written, at most: twice as many as keep 8 cores busy. It does not depend on the
number of threads, since the order of the writes decides where HDF5 places the data."""


class Writer:
    """Writes into the data sets of one schema: `writer["frames"] = ...`, `writer["sources/images", 0, 3] = ...`.

    Whole chunks are packed in threads and written later, in the order of the assignments; the value may be overwritten
    at once. Parts of chunks are packed by HDF5, more slowly.
    """

    def __init__(self, datasets: Mapping[str, h5py.Dataset], background: Background):
        self._datasets = datasets  # kept open: h5py hides errors that occur while a data set is closed
        self._background = background
        self._units = {name: chunks.units(dataset) for name, dataset in datasets.items()}

    def __setitem__(self, key: str | tuple, value: Any) -> None:
        name, index = (key, ()) if isinstance(key, str) else (key[0], key[1:])
        dataset, units = self._datasets[name], self._units[name]
        whole = units and len(index) <= units and all(isinstance(n, int | np.integer) and n >= 0 for n in index)
        if not whole or not np.can_cast(np.asarray(value).dtype, dataset.dtype, "same_kind"):
            if units:  # what waits may belong to the same chunk
                self._background.finish()
            dataset[index] = value
            return
        values = np.broadcast_to(np.asarray(value, dataset.dtype), dataset.shape[len(index) :])
        for rest in np.ndindex(dataset.shape[len(index) : units]):
            offset = (*index, *rest, *[0] * (dataset.ndim - units))
            self._background.call(_packed, dataset, offset, np.array(values[rest], order="C"))


def _packed(dataset: h5py.Dataset, offset: tuple[int, ...], values: np.ndarray) -> tuple[h5py.Dataset, tuple, bytes]:
    return dataset, offset, chunks.pack(values)


def _write(packed: tuple[h5py.Dataset, tuple, bytes]) -> None:
    dataset, offset, content = packed
    dataset.id.write_direct_chunk(offset, content)


@contextmanager
def open_writer(datasets: Mapping[str, h5py.Dataset]) -> Iterator[Writer]:
    """A writer into the data sets; all is written when the block ends without an error."""
    with Background(ahead=_AHEAD, then=_write) as background:
        yield Writer(datasets, background)


@contextmanager
def discard_on_error(file: h5py.File) -> Iterator[None]:
    """Discard the buffers of HDF5 on an error, and raise the system's error.

    On a full disk, HDF5 would otherwise try to write them again whenever an object is closed, and crash when Python
    ends. They are written to the null device instead.
    """
    try:
        yield
        file.flush()
    except BaseException as error:
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, file.id.get_vfd_handle())
        os.close(null)
        with suppress(OSError, RuntimeError):
            file.close()
        number = re.search(r"errno = (\d+)", str(error))
        raise (OSError(int(number[1]), str(error)) if number else error) from None
