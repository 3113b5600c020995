"""HDF5 objects whose errors name the file: of a damaged one, h5py raises errors of many kinds wherever it is read.

Depends on NumPy, h5py and isal alone, so that the MMPose environment can import it.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from posegaussian.errors import StoreError
from posegaussian.io import chunks
from posegaussian.io.suffixes import STORE_SUFFIXES

_LARGEST_HEAP = 1 << 24
"""Bytes of the largest heap of texts. Chosen by hand: a store holds a few names of cameras."""


def is_store(path: Path) -> bool:
    """Whether a path is meant as an HDF5 file: by its name, or else by its first bytes."""
    return not path.is_dir() and (path.suffix.lower() in STORE_SUFFIXES or bool(h5py.is_hdf5(path)))


def damaged(path: str | Path, reason: object) -> StoreError:
    """The error for a file that cannot be read."""
    return StoreError(
        f"damaged ({reason})", code="damaged-store", file=path, hint="delete it and rerun the stage that writes it"
    )


@contextmanager
def _naming(node: h5py.HLObject) -> Iterator[None]:
    try:
        yield
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        raise damaged(node.file.filename, error) from None


def check_texts(dataset: h5py.Dataset) -> None:
    """Walk through the heaps that hold the texts of a data set: HDF5 reads a damaged one for ever.

    The layout is that of a global heap collection (HDF5 File Format Specification, III.E).

    Raises:
        ValueError: a heap is damaged.
    """
    offset = dataset.id.get_offset()
    if offset is None:  # nothing was written to it
        return
    with Path(dataset.file.filename).open("rb") as file:
        file.seek(offset)
        texts = struct.iter_unpack(
            "<IQI", file.read(16 * int(dataset.size or 0))
        )  # length, address of the heap, index in it
        for address in {address for _, address, _ in texts if address}:
            file.seek(address)
            signature, size = struct.unpack("<4s4xQ", file.read(16))
            if signature != b"GCOL" or size > _LARGEST_HEAP:
                raise ValueError("a heap of texts is missing")
            heap, place = file.read(size - 16), 0
            while place + 16 <= len(heap):
                index, length = struct.unpack_from("<H6xQ", heap, place)
                step = length if index == 0 else 16 + (length + 7) // 8 * 8  # 0: what is free, with its header
                if step < 16 or place + step > len(heap):
                    raise ValueError("a heap of texts is damaged")
                place += step


def write_text(file: h5py.File, name: str, text: str) -> None:
    """Write an attribute as a text of fixed length, which stands in the checksummed metadata and not in a heap."""
    data = text.encode()
    file.attrs.create(name, data, dtype=h5py.string_dtype(length=len(data)))


class Attributes(h5py.AttributeManager):
    """The attributes of an open file; texts are str, whether their length is fixed or not."""

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        return value.decode() if isinstance(value, bytes) else value


class Dataset(h5py.Dataset):
    """A data set of an open file. Whole chunks are expanded in threads (`chunks`), anything else by HDF5."""

    def __getitem__(self, args: Any, new_dtype: Any = None) -> Any:
        with _naming(self):
            found = chunks.read(self, args) if new_dtype is None else None
            return super().__getitem__(args, new_dtype) if found is None else found

    def __array__(self, dtype: Any = None, copy: bool | None = True) -> np.ndarray:
        return np.asarray(self[()], dtype)


class Group(h5py.Group):
    """A group of an open file."""

    @property
    def attrs(self) -> Attributes:
        """The group's attributes."""
        return Attributes(self)

    def __getitem__(self, name: str) -> Any:
        with _naming(self):
            found = super().__getitem__(name)
        if isinstance(found, h5py.Dataset):
            return Dataset(found.id)
        return Group(found.id) if isinstance(found, h5py.Group) else found


class Reader(Group, h5py.File):
    """A file of one schema, opened for reading. The schema defines whether a name is a data set or a group."""
