"""Chunks that threads pack and expand: any reader of HDF5 opens them, and files that HDF5 packed are read."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from posegaussian.io import store
from posegaussian.io.store_reader import Reader

DIMS = {"pair": 2, "frame": 3, "height": 8, "width": 6}
KINDS = {"u1": np.uint8, "f2": np.float16, "f4": np.float32, "f8": np.float64}


@pytest.fixture
def filled(tmp_path):
    """A file of numbers of several sizes, written frame by frame but for one that is left out; and the numbers."""
    fields = {name: store.Field(name, "pair frame height width") for name in KINDS}
    schema = store.Schema("numbers", 1, fields)
    truth = {name: np.zeros((2, 3, 8, 6), kind) for name, kind in KINDS.items()}
    with store.create(tmp_path / "x.h5", schema, DIMS, stage_version=1, settings={}, inputs={}) as writer:
        for name, array in truth.items():
            array[:] = (40 * np.random.default_rng(0).normal(size=array.shape)).astype(array.dtype)
            array[1, 2] = 0
            buffer = np.empty_like(array[0, 0])
            for place in [(1, 1), (0, 0), (0, 2), (1, 0), (0, 1)]:
                buffer[:] = array[place]
                writer[name, *place] = buffer
                buffer[:] = 99  # what comes later must not change what is being packed
    return tmp_path / "x.h5", schema, truth


def test_any_reader_of_hdf5_opens_what_threads_packed(filled):
    path, _, truth = filled
    with h5py.File(path) as file:
        for name, expected in truth.items():
            np.testing.assert_array_equal(np.asarray(file[name]), expected)


def test_threads_expand_what_is_selected(filled):
    path, schema, truth = filled
    selections = [
        (), (1,), (1, 2), (0, 1, 3), (-1, slice(None)), (slice(0, 2), 1), (slice(None), slice(1, 3), slice(2, 4)),
        (..., 2), ([0, 1], 1), (0, 1, 2, 3),
    ]  # fmt: skip
    with store.open_checked(path, schema) as file:
        for name, expected in truth.items():
            for selection in selections:
                found = file[name][selection]
                np.testing.assert_array_equal(found, expected[selection])
                assert found.dtype == expected.dtype
            with pytest.raises(IndexError):
                file[name][2]


def test_files_packed_by_hdf5_are_read(tmp_path):
    images = np.arange(2 * 3 * 8 * 6).reshape(2, 3, 8, 6).astype(np.uint8)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        options: dict = {"chunks": (1, 1, 8, 6), "compression": "gzip", "compression_opts": 9}
        file.create_dataset("old", data=images, shuffle=True, **options)
        file.create_dataset("checked", data=images, fletcher32=True, **options)
        file.create_dataset("plain", data=images)
    with Reader(tmp_path / "x.h5") as file:
        for name in ("old", "checked", "plain"):
            np.testing.assert_array_equal(file[name][1], images[1])


def test_numbers_that_do_not_fit_are_converted_as_hdf5_does(tmp_path):
    schema = store.Schema("numbers", 1, {"levels": store.Field("u1", "frame height width")})
    with store.create(tmp_path / "x.h5", schema, DIMS, stage_version=1, settings={}, inputs={}) as writer:
        writer["levels", 0] = np.full((8, 6), 300)
        writer["levels", 1] = np.full((8, 6), 2.7)
        writer["levels", 2] = np.ones((8, 6), bool)
    with h5py.File(tmp_path / "x.h5") as file:
        assert [int(np.asarray(file["levels"])[frame].max()) for frame in range(3)] == [255, 2, 1]


def test_a_machine_without_isal_reads_and_writes(filled, tmp_path):
    path, _, truth = filled
    script = f"""
import sys
sys.modules["isal"] = None
import numpy as np
from posegaussian.io import chunks, store_reader
assert chunks.deflate.__name__ == "zlib"
with store_reader.Reader({str(path)!r}, "r") as file:
    np.save({str(tmp_path / "read.npy")!r}, file["f4"][()])
    packed = chunks.pack(file["f4"][0, 1])
    values = chunks.unpack(packed, np.dtype("f4"), (8, 6), shuffled=True)
    assert (values == file["f4"][0, 1]).all()
"""
    subprocess.run([sys.executable, "-c", script], check=True, env={"PYTHONPATH": ":".join(sys.path)})
    np.testing.assert_array_equal(np.load(tmp_path / "read.npy"), truth["f4"])
