"""HDF5 objects whose errors name the file: of a damaged one, h5py raises errors of many kinds wherever it is read.

Depends on NumPy and h5py alone, so that the MMPose environment can import it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from posegaussian.errors import StoreError


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


class Dataset(h5py.Dataset):
    """A data set of an open file."""

    def __getitem__(self, args: Any, new_dtype: Any = None) -> Any:
        with _naming(self):
            return super().__getitem__(args, new_dtype)

    def __array__(self, dtype: Any = None, copy: bool | None = True) -> np.ndarray:
        with _naming(self):
            return super().__array__(dtype, copy)


class Group(h5py.Group):
    """A group of an open file."""

    def __getitem__(self, name: str) -> Any:
        with _naming(self):
            found = super().__getitem__(name)
        if isinstance(found, h5py.Dataset):
            return Dataset(found.id)
        return Group(found.id) if isinstance(found, h5py.Group) else found


class Reader(Group, h5py.File):
    """A file of one schema, opened for reading. The schema defines whether a name is a data set or a group."""
