"""HDF5 files between the stages: an atomic writer of declared schemas, a reader with checks.

One frame per chunk (automatic chunks read 3-5 times slower), packed in threads as the standard gzip filter (`chunks`).
A file is written under a temporary name and renamed when it is complete (`atomic`); readers refuse a file without
`attrs["complete"]`. The same input gives the same bytes for any number of threads: no time stamps, and no lzf, whose
output depends on uninitialised memory. Depends on NumPy, h5py and isal alone, so that the MMPose environment can import
it.
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from posegaussian.errors import StoreError
from posegaussian.io import chunks
from posegaussian.io.atomic import atomic_file
from posegaussian.io.schemas import HEATMAPS, RECTIFIED, RENDERS, Field, Schema
from posegaussian.io.space import ensure_room
from posegaussian.io.store_reader import Reader, check_texts, damaged, write_text
from posegaussian.io.store_writer import Writer, discard_on_error, open_writer

__all__ = [
    "CONVENTIONS",
    "HEATMAPS",
    "RECTIFIED",
    "RENDERS",
    "Field",
    "Reader",
    "Schema",
    "Writer",
    "create",
    "digest",
    "expected_size",
    "open_checked",
    "settings_of",
    "strings",
]

CONVENTIONS = "OpenCV axes; world_to_camera; pixel centres at +0.5; metres; RGB uint8; disparity = x_left - x_right"
_UNIT_DIMS = ("pair", "frame", "target", "step")
"""Dimensions of which a chunk holds one index; it holds all of the others."""
_OVERHEAD = 40_000
"""Bytes of a file besides its data sets, measured like `Field.packed`."""
_MOST = 1 << 29
"""Most bytes of one frame of a data set; damaged files promise more. Chosen by hand: an image of 13,000 x 13,000."""


def expected_size(schema: Schema, dims: Mapping[str, int], without: Sequence[str] = ()) -> float:
    """Estimated bytes of a file; the arguments are those of `create`."""
    fields = [field for field in _present(schema, dims, without).values() if field.dtype != "str"]
    return _OVERHEAD + sum(f.packed * np.dtype(f.dtype).itemsize * math.prod(_shape(f, dims)) for f in fields)


def _present(schema: Schema, dims: Mapping[str, int], without: Sequence[str]) -> dict[str, Field]:
    """The fields of a file: those of the schema without the named ones, and without optional ones of unknown size."""

    def sized(field: Field) -> bool:
        return all(name in dims or name.isdecimal() for name in field.dims.split())

    return {n: f for n, f in schema.fields.items() if n not in without and (sized(f) or not f.optional)}


def _shape(field: Field, dims: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(dims[name] if name in dims else int(name) for name in field.dims.split())


@contextmanager
def create(
    path: str | Path,
    schema: Schema,
    dims: Mapping[str, int],
    *,
    stage_version: int,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    without: tuple[str, ...] = (),
) -> Iterator[Writer]:
    """A writer of a file that appears under its name only if the block ends without an error.

    Args:
        path: the file to write; its folder is created.
        schema: of the file.
        dims: the size of every named dimension; optional fields with other dimensions are left out.
        stage_version: of the stage that writes.
        settings: the resolved configuration of the stage.
        inputs: the digest of every input, by name.
        without: optional fields that this file does not have.

    Raises:
        StoreError: the file cannot be written, or the disk has no room for it.
    """
    ensure_room(path, expected_size(schema, dims, without))
    with atomic_file(path) as temporary, _new_file(temporary) as file, discard_on_error(file):
        fields = _present(schema, dims, without).items()
        datasets = {name: _create_dataset(file, name, field, dims) for name, field in fields}
        file.attrs.update(schema_version=schema.version, stage_version=stage_version)
        texts = {
            "schema": f"posegaussian/{schema.name}",
            "settings": json.dumps(settings, sort_keys=True),
            "inputs": json.dumps(inputs, sort_keys=True),
            "conventions": CONVENTIONS,
        }
        for name, text in texts.items():
            write_text(file, name, text)
        with open_writer(datasets) as writer:
            yield writer
        file.attrs["complete"] = True


def _new_file(path: Path) -> h5py.File:
    """A new file of format 1.10: its metadata have checksums. In older formats, HDF5 walks damaged trees for ever."""
    return h5py.File(path, "w", libver=("v110", "v110"), locking=False)


def _create_dataset(file: h5py.File, name: str, field: Field, dims: Mapping[str, int]) -> h5py.Dataset:
    names, shape = field.dims.split(), _shape(field, dims)
    if field.dtype == "str":
        return file.create_dataset(name, shape, h5py.string_dtype())
    if 0 in shape or not any(n.endswith("width") for n in names):
        return file.create_dataset(name, shape, field.dtype)
    packing = chunks.filters(np.dtype(field.dtype))
    return file.create_dataset(name, shape, field.dtype, chunks=_chunk(names, shape), **packing)


def _chunk(names: Sequence[str], shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(1 if n in _UNIT_DIMS else size for n, size in zip(names, shape, strict=True))


def open_checked(path: str | Path, schema: Schema) -> Reader:
    """A file, opened for reading, that is complete and of the schema.

    Raises:
        StoreError: the file is missing, truncated, incomplete, damaged, or of another schema or version. Damage to
            what is read later raises it there.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError("no such file", code="missing-store", file=path, hint="run the stage that writes it")
    try:
        file = Reader(path, "r", locking=False)
    except OSError as error:
        raise StoreError(
            "not a readable HDF5 file (truncated?)",
            code="unreadable-store",
            file=path,
            hint=_hint(schema),
        ) from error
    try:
        _check(file, schema, path)
    except StoreError:
        file.close()
        raise
    except Exception as error:  # h5py raises anything for damaged metadata
        file.close()
        raise damaged(path, error) from None
    return file


def _hint(schema: Schema) -> str:
    return f"give a file of the stage {schema.stage}; if it is one, delete it and run the stage again"


def _check(file: Reader, schema: Schema, path: Path) -> None:
    """Raise an error, a StoreError where the reason is known, unless the file is whole and of the schema."""
    hint = _hint(schema)
    found = file.attrs.get("schema", "no schema"), file.attrs.get("schema_version", "unknown")
    if found != (f"posegaussian/{schema.name}", schema.version):
        what = f"holds {found[0]} version {found[1]}, expected posegaussian/{schema.name} version {schema.version}"
        raise StoreError(what, code="wrong-schema", file=path, hint=hint)
    if not file.attrs.get("complete", False):
        what = "the file is incomplete: its writer was interrupted"
        raise StoreError(what, code="incomplete-store", file=path, hint=hint)
    for name in ("settings", "inputs"):
        if not isinstance(json.loads(str(file.attrs[name])), dict):
            raise ValueError(f"no {name}")
    dims: dict[str, int] = {}
    for name, field in schema.fields.items():
        if field.optional and name not in file:
            continue
        names, shape, dtype = field.dims.split(), file[name].shape, file[name].dtype
        sizes = [
            dims.setdefault(n, size) if not n.isdecimal() else int(n) for n, size in zip(names, shape, strict=True)
        ]
        if tuple(sizes) != shape or dtype != (h5py.string_dtype() if field.dtype == "str" else np.dtype(field.dtype)):
            raise ValueError(f"{name} has another shape or type")
        if field.dtype == "str" and math.prod(shape):
            check_texts(file[name])
        chunk = _chunk(names, shape)
        if file[name].chunks not in (None, chunk) or dtype.itemsize * math.prod(chunk) > _MOST:
            raise ValueError(f"{name} has impossible sizes")


def settings_of(file: Reader) -> dict[str, Any]:
    """The resolved configuration of the stage that wrote the file."""
    return json.loads(str(file.attrs["settings"]))


def strings(dataset: h5py.Dataset) -> np.ndarray:
    """Array of str from a text data set."""
    return np.asarray(dataset.asstr()[()], dtype=object)


def digest(path: str | Path) -> str:
    """The sha256 of a file's bytes, in hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
