"""Files between the stages: whole or not there, and checked before they are believed."""

import json
import subprocess
import sys

import h5py
import helpers
import numpy as np
import pytest

from posegaussian.errors import StoreError
from posegaussian.io import store
from posegaussian.io.store_reader import Reader

SCHEMA = store.Schema(
    "sample",
    3,
    {
        "frames": store.Field("i8", "frame"),
        "names": store.Field("str", "pair 2"),
        "images": store.Field("u1", "pair frame 2 height width 3"),
        "extra": store.Field("f4", "frame height width", optional=True),
    },
)
DIMS = {"pair": 2, "frame": 3, "height": 8, "width": 6}


def values(shape):
    """Numbers without an order, of which some are equal."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float16)


def write(path, *, without=(), dims=DIMS, fail: bool = False) -> None:
    keys = {"stage_version": 7, "settings": {"b": 1, "a": [2, 3]}, "inputs": {"x": "0f"}, "without": without}
    with store.create(path, SCHEMA, dims, **keys) as writer:
        writer["frames"] = np.arange(dims["frame"])
        writer["names"] = [["00", "01"], ["01", "große Kamera"]]
        for pair in range(dims["pair"]):
            for frame in range(dims["frame"]):
                writer["images", pair, frame, 1] = np.full((8, 6, 3), 10 * pair + frame)
        if "extra" not in without:
            writer["extra"] = values((dims["frame"], 8, 6))
        if fail:
            raise RuntimeError("the writer's own mistake")


def test_what_is_written_is_read(tmp_path):
    write(tmp_path / "new" / "x.h5")
    with store.open_checked(tmp_path / "new/x.h5", SCHEMA) as file:
        assert file["frames"][()].tolist() == [0, 1, 2]
        assert store.strings(file["names"]).tolist() == [["00", "01"], ["01", "große Kamera"]]
        assert (file["images"][1, 2, 1] == 12).all()
        assert (file["images"][1, 2, 0] == 0).all()
        assert store.settings_of(file) == {"a": [2, 3], "b": 1}
        assert json.loads(str(file.attrs["inputs"])) == {"x": "0f"}
        assert (file.attrs["schema"], file.attrs["schema_version"]) == ("posegaussian/sample", 3)
        assert file.attrs["stage_version"] == 7
        assert "pixel centres at +0.5" in str(file.attrs["conventions"])


def test_a_damaged_heap_does_not_hang_hdf5(tmp_path):
    """HDF5 walks a heap of texts for ever if it says that an entry takes no room: attributes are kept out of heaps."""
    write(tmp_path / "x.h5")
    data = bytearray((tmp_path / "x.h5").read_bytes())
    heap = data.index(b"GCOL")
    data[heap + 16 : heap + 32] = bytes(16)  # the first entry is free space of no length
    (tmp_path / "x.h5").write_bytes(data)
    with store.Reader(tmp_path / "x.h5", "r") as file:
        assert file.attrs["schema"] == "posegaussian/sample"
    with helpers.refuses(StoreError, "damaged-store", file=tmp_path / "x.h5"):
        store.open_checked(tmp_path / "x.h5", SCHEMA)


def test_one_frame_per_chunk(tmp_path):
    write(tmp_path / "x.h5")
    with store.Reader(tmp_path / "x.h5", "r") as file:
        assert file["images"].chunks == (1, 1, 2, 8, 6, 3)
        assert file["extra"].chunks == (1, 8, 6)
        assert (file["images"].compression, file["images"].shuffle) == ("gzip", False), "a byte has nothing to shuffle"
        assert (file["extra"].compression, file["extra"].shuffle) == ("gzip", True)


def test_optional_fields_may_be_missing(tmp_path):
    write(tmp_path / "x.h5", without=("extra",))
    with store.open_checked(tmp_path / "x.h5", SCHEMA) as file:
        assert "extra" not in file
        assert "images" in file


def test_a_dimension_may_be_empty(tmp_path):
    schema = store.Schema("sample", 3, {"images": store.Field("u1", "target frame height width 3")})
    dims = {"target": 0, "frame": 3, "height": 8, "width": 6}
    with store.create(tmp_path / "x.h5", schema, dims, stage_version=1, settings={}, inputs={}):
        pass
    with store.open_checked(tmp_path / "x.h5", schema) as file:
        assert file["images"].shape == (0, 3, 8, 6, 3)


def test_an_error_leaves_nothing_and_keeps_the_old_file(tmp_path):
    with pytest.raises(RuntimeError, match="own mistake"):
        write(tmp_path / "x.h5", fail=True)
    assert list(tmp_path.iterdir()) == []
    write(tmp_path / "x.h5")
    before = (tmp_path / "x.h5").read_bytes()
    with pytest.raises(RuntimeError, match="own mistake"):
        write(tmp_path / "x.h5", fail=True)
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]
    assert (tmp_path / "x.h5").read_bytes() == before


def test_nothing_has_the_final_name_before_it_is_whole(tmp_path):
    with store.create(tmp_path / "x.h5", SCHEMA, DIMS, stage_version=1, settings={}, inputs={}):
        assert not (tmp_path / "x.h5").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_same_bytes_from_two_processes_with_other_numbers_of_threads(tmp_path):
    script = "import sys, test_store; test_store.write(sys.argv[1])"
    for name, threads in (("a.h5", "1"), ("b.h5", "5")):
        command = [sys.executable, "-c", script, str(tmp_path / name)]
        environment = {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": threads}
        subprocess.run(command, check=True, env=environment, cwd=__file__.rpartition("/")[0])
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert store.digest(tmp_path / "a.h5") == store.digest(tmp_path / "b.h5")


KINDS = {"u1": np.uint8, "f2": np.float16, "f4": np.float32, "f8": np.float64}


@pytest.fixture
def filled(tmp_path):
    """A file of numbers of several sizes, written frame by frame but for one that is left out; and the numbers."""
    fields = {name: store.Field(name, "pair frame height width") for name in KINDS}
    schema = store.Schema("numbers", 1, fields)
    truth = {name: np.zeros((2, 3, 8, 6), kind) for name, kind in KINDS.items()}
    with store.create(tmp_path / "x.h5", schema, DIMS, stage_version=1, settings={}, inputs={}) as writer:
        for name, array in truth.items():
            array[:] = (40 * values(array.shape)).astype(array.dtype)
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


def missing(path):
    path.unlink()


def truncated(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("hello")


def incomplete(path):
    with h5py.File(path, "a") as file:
        del file.attrs["complete"]


def foreign(path):
    with h5py.File(path, "w") as file:
        file["x"] = 1


def other_schema(path):
    with h5py.File(path, "a") as file:
        file.attrs["schema"] = "posegaussian/heatmaps"


def other_version(path):
    with h5py.File(path, "a") as file:
        file.attrs["schema_version"] = 2


def without_a_field(path):
    with h5py.File(path, "a") as file:
        del file["images"]


def of_another_type(path):
    with h5py.File(path, "a") as file:
        del file["frames"]
        file["frames"] = [0.0, 1.0, 2.0]


def of_another_length(path):
    with h5py.File(path, "a") as file:
        del file["frames"]
        file["frames"] = [0, 1]


def of_a_promised_size(path):
    with h5py.File(path, "a") as file:
        del file["images"]
        shape = (2, 3, 2, 1 << 15, 1 << 15, 3)
        file.create_dataset("images", shape, "u1", chunks=(1, 1, 2, 1 << 14, 1 << 14, 3))


def without_settings(path):
    with h5py.File(path, "a") as file:
        file.attrs["settings"] = "{"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (missing, "missing-store"),
        (truncated, "unreadable-store"),
        (empty, "unreadable-store"),
        (text, "unreadable-store"),
        (incomplete, "incomplete-store"),
        (foreign, "wrong-schema"),
        (other_schema, "wrong-schema"),
        (other_version, "wrong-schema"),
        (without_a_field, "damaged-store"),
        (of_another_type, "damaged-store"),
        (of_another_length, "damaged-store"),
        (of_a_promised_size, "damaged-store"),
        (without_settings, "damaged-store"),
    ],
)
def test_what_cannot_be_believed_is_refused(tmp_path, spoil, code):
    path = tmp_path / "x.h5"
    write(path)
    spoil(path)
    with helpers.refuses(StoreError, code, file=path):
        store.open_checked(path, SCHEMA)


def test_files_of_an_older_version_say_what_to_run(tmp_path):
    path = tmp_path / "x.h5"
    dims = dict.fromkeys(("pair", "frame", "height", "width", "coefficients", "target"), 1)
    dims |= {"target_height": 1, "target_width": 1}
    with store.create(path, store.RECTIFIED, dims, stage_version=1, settings={}, inputs={}):
        pass
    with h5py.File(path, "a") as file:
        file.attrs["schema_version"] = 1
    with helpers.refuses(StoreError, "wrong-schema", file=path) as caught:
        store.open_checked(path, store.RECTIFIED)
    assert "version 1, expected posegaussian/rectified version 2" in str(caught.value)
    assert "rerun rectify" in str(caught.value)


def test_metadata_have_checksums(tmp_path):
    """A byte anywhere in the metadata is changed: the file is refused, or nothing that is read from it changes."""
    path = tmp_path / "x.h5"
    write(path)
    with store.Reader(path, "r") as file:
        chunks = [file["images"].id.get_chunk_info(index) for index in range(file["images"].id.get_num_chunks())]
        before = {name: file[name][()] for name in ("frames", "images")}
    data = path.read_bytes()
    kept = np.ones(len(data), bool)
    for chunk in chunks:
        kept[chunk.byte_offset : chunk.byte_offset + chunk.size] = False
    refused = 0
    for place in np.flatnonzero(kept)[:: len(data) // 150]:
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            with store.open_checked(path, SCHEMA) as file:
                after = {name: file[name][()] for name in before}
        except StoreError:
            refused += 1
            continue
        np.testing.assert_array_equal(after["images"], before["images"])
    assert refused > 30


@pytest.mark.parametrize("read", [lambda images: images[1, 2], np.asarray, list])
def test_damage_to_an_image_is_named_where_it_is_read(tmp_path, read):
    path = tmp_path / "x.h5"
    write(path)
    with h5py.File(path) as file:
        place = file["images"].id.get_chunk_info(5).byte_offset
    with path.open("r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 8)
    with store.open_checked(path, SCHEMA) as file:
        assert (file["images"][0, 0, 1] == 0).all()
        with helpers.refuses(StoreError, "damaged-store", file=path):
            read(file["images"])


def test_the_schemas_name_their_dimensions():
    numbers = {"pair", "frame", "target", "step", "coefficients", "camera"}
    for schema in (store.RECTIFIED, store.HEATMAPS, store.RENDERS):
        for name, field in schema.fields.items():
            for dim in field.dims.split():
                known = dim.isdecimal() or dim in numbers or dim.endswith(("height", "width"))
                assert known, f"{schema.name}: {name} has a dimension {dim}"


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
