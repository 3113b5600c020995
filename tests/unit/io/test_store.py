"""Files between the stages: whole or not there, and checked before they are believed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import helpers
import numpy as np
import pytest

from posegaussian.errors import StoreError
from posegaussian.io import store

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


def edited(change: Callable[[h5py.File], object]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        with h5py.File(path, "a") as file:
            change(file)

    return spoil


def replaced(name: str, values: object) -> Callable[[Path], object]:
    def change(file: h5py.File) -> None:
        del file[name]
        file[name] = values

    return edited(change)


def promise(file: h5py.File) -> None:
    """Images that would take terabytes."""
    del file["images"]
    shape = (2, 3, 2, 1 << 15, 1 << 15, 3)
    file.create_dataset("images", shape, "u1", chunks=(1, 1, 2, 1 << 14, 1 << 14, 3))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "missing-store"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-100]), "unreadable-store"),
    "empty": (lambda path: path.write_bytes(b""), "unreadable-store"),
    "text": (lambda path: path.write_text("hello"), "unreadable-store"),
    "incomplete": (edited(lambda file: file.attrs.pop("complete")), "incomplete-store"),
    "foreign": (edited(lambda file: file.attrs.clear()), "wrong-schema"),
    "other schema": (edited(lambda file: file.attrs.update(schema="posegaussian/heatmaps")), "wrong-schema"),
    "other version": (edited(lambda file: file.attrs.update(schema_version=2)), "wrong-schema"),
    "without a field": (edited(lambda file: file.pop("images")), "damaged-store"),
    "of another type": (replaced("frames", [0.0, 1.0, 2.0]), "damaged-store"),
    "of another length": (replaced("frames", [0, 1]), "damaged-store"),
    "of a promised size": (edited(promise), "damaged-store"),
    "without settings": (edited(lambda file: file.attrs.update(settings="{")), "damaged-store"),
}
"""How a file is spoilt, and the code of the error."""


@pytest.mark.parametrize("kind", SPOILT)
def test_what_cannot_be_believed_is_refused(tmp_path, kind):
    spoil, code = SPOILT[kind]
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
    assert "a file of the stage rectify; if it is one, delete it and run the stage again" in caught.value.hint


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
