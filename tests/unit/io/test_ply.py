"""The .ply that other programs read, checked by reading it without this project's reader, and theirs, written here."""

import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import UserError
from posegaussian.io.ply import read_ply, write_ply
from posegaussian.types import Gaussians


@pytest.fixture
def gaussians():
    n = 50
    opacities = torch.rand(n) * 0.9 + 0.05
    opacities[::5] = 0.0
    return Gaussians(
        means=torch.randn(n, 3),
        quaternions=torch.randn(n, 4) * 3,
        scales=torch.rand(n, 3) * 0.01 + 1e-4,
        opacities=opacities,
        colors=torch.rand(n, 3),
    )


def independent(path):
    """Parse the file with nothing but numpy and the published column order."""
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    lines = data[:end].decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    count = int(lines[2].removeprefix("element vertex "))
    names = [line.removeprefix("property float ") for line in lines[3:-1]]
    return np.frombuffer(data[end:], dtype=[(name, "<f4") for name in names]), count, names


def test_columns_are_those_of_the_published_convention(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", gaussians)
    table, count, names = independent(tmp_path / "a.ply")
    assert " ".join(names) == (
        "x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
    )
    kept = gaussians.opacities.numpy() >= 1 / 255
    assert count == len(table) == kept.sum() == 40
    np.testing.assert_array_equal(table["y"], gaussians.means[kept, 1])
    np.testing.assert_allclose(1 / (1 + np.exp(-table["opacity"])), gaussians.opacities[kept], atol=1e-6)
    np.testing.assert_allclose(np.exp(table["scale_2"]), gaussians.scales[kept, 2], rtol=1e-5)
    np.testing.assert_allclose(0.28209479 * table["f_dc_0"] + 0.5, gaussians.colors[kept, 0], atol=1e-6)
    w = gaussians.quaternions[kept, 0] / gaussians.quaternions[kept].norm(dim=1)
    np.testing.assert_allclose(table["rot_0"], w, atol=1e-6)


def test_round_trip(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", gaussians)
    back, expected = read_ply(tmp_path / "a.ply"), gaussians.compact()
    torch.testing.assert_close(back.means, expected.means)
    torch.testing.assert_close(back.scales, expected.scales)
    torch.testing.assert_close(back.opacities, expected.opacities, atol=1e-6, rtol=0)
    torch.testing.assert_close(back.colors, expected.colors, atol=1e-6, rtol=0)


def test_full_opacity_stays_finite(tmp_path, gaussians):
    write_ply(tmp_path / "a.ply", Gaussians(**{**vars(gaussians), "opacities": torch.ones(50)}))
    table, _, _ = independent(tmp_path / "a.ply")
    assert all(np.isfinite(table[name]).all() for name in table.dtype.names)


NAMES = ["x", "y", "z", "f_dc_0", "f_dc_1", "f_dc_2", "opacity", "scale_0", "scale_1", "scale_2"]
NAMES += ["rot_0", "rot_1", "rot_2", "rot_3"]
ROWS = np.random.default_rng(3).normal(size=(7, len(NAMES))).astype(np.float32)


def foreign(
    names=NAMES, kind="float", order="<", extra=(), before=b"", element="", behind="", tail=b"", end="\n", count=7
) -> bytes:
    """A .ply as another program writes it; `extra` holds further columns as (name, type, NumPy's type)."""
    dtypes = {"float": "f4", "float32": "f4", "double": "f8", "float64": "f8"}
    table = np.zeros(len(ROWS), [*((n, order + dtypes[kind]) for n in names), *((n, order + t) for n, _, t in extra)])
    for name in names:
        table[name] = ROWS[:, NAMES.index(name)] if name in NAMES else 0
    for name, _, _ in extra:
        table[name] = 7
    encoding = {"<": "binary_little_endian", ">": "binary_big_endian"}[order]
    lines = ["ply", f"format {encoding} 1.0", "comment of another program", *element.splitlines()]
    lines += [f"element vertex {count}", *(f"property {kind} {name}" for name in names)]
    lines += [*(f"property {given} {name}" for name, given, _ in extra), *behind.splitlines(), "end_header", ""]
    return end.join(lines).encode() + before + table.tobytes() + tail


def ascii_text() -> bytes:
    header = foreign().partition(b"end_header\n")[0].replace(b"binary_little_endian", b"ascii") + b"end_header\n"
    return header + "\n".join(" ".join(map(repr, map(float, row))) for row in ROWS).encode() + b"\n"


COLOURS = tuple((name, "uchar", "u1") for name in ("red", "green", "blue", "alpha"))
CAMERA = "element camera 2\nproperty double focal\nproperty uint8 kind"
FOREIGN = {
    "plain": foreign(),
    "columns in another order": foreign(names=NAMES[::-1]),
    "normals": foreign(names=[*NAMES, "nx", "ny", "nz"]),
    "bytes beside floats": foreign(extra=COLOURS),
    "other names of types": foreign(kind="float32", extra=(("label", "int16", "i2"),)),
    "double": foreign(kind="double"),
    "big end first": foreign(order=">", extra=COLOURS),
    "Windows' ends of lines": foreign(end="\r\n"),
    "a camera before": foreign(element=CAMERA, before=bytes(18)),
    "a camera behind": foreign(behind=CAMERA, tail=bytes(18)),
    "faces behind": foreign(behind="element face 1\nproperty list uchar int vertex_indices", tail=bytes(13)),
    "ASCII": ascii_text(),
    "blanks behind the header": foreign().replace(b"1.0\n", b"1.0 \n").replace(b"end_header\n", b"end_header \n"),
    "ends of lines of two systems": foreign(end="\r\n").replace(b"end_header\r\n", b"end_header\n"),
}


@pytest.mark.parametrize("data", FOREIGN.values(), ids=FOREIGN)
def test_files_of_other_programs(tmp_path, data):
    (tmp_path / "a.ply").write_bytes(data)
    found = read_ply(tmp_path / "a.ply")
    np.testing.assert_array_equal(found.means, ROWS[:, :3])
    np.testing.assert_allclose(found.colors, 0.5 + 0.28209479 * ROWS[:, 3:6], atol=1e-6)
    np.testing.assert_allclose(found.opacities, 1 / (1 + np.exp(-ROWS[:, 6])), atol=1e-6)
    np.testing.assert_allclose(found.scales, np.exp(ROWS[:, 7:10]), rtol=1e-5)
    np.testing.assert_array_equal(found.quaternions, ROWS[:, 10:])


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_colours_that_change_with_the_direction_are_left_out_with_a_word(tmp_path, degree):
    rest = [(f"f_rest_{k}", "float", "f4") for k in range(3 * ((degree + 1) ** 2 - 1))]
    (tmp_path / "a.ply").write_bytes(foreign(extra=rest))
    with helpers.warns("directional-colours", file=tmp_path):
        np.testing.assert_array_equal(read_ply(tmp_path / "a.ply").means, ROWS[:, :3])


def test_broken_gaussians_are_left_out_and_counted(tmp_path):
    data = foreign()
    body = np.frombuffer(data[-ROWS.nbytes :], "<f4").reshape(ROWS.shape).copy()
    body[1, 0], body[2, 7], body[3, 10:], body[4, 6] = np.nan, 1000, 0, np.inf
    (tmp_path / "a.ply").write_bytes(data[: -ROWS.nbytes] + body.tobytes())
    with helpers.warns("broken-gaussians", file="a.ply"):
        found = read_ply(tmp_path / "a.ply")
    np.testing.assert_array_equal(found.means, ROWS[[0, 4, 5, 6], :3])
    assert found.opacities[1] == 1


REFUSED = {
    "a mesh": b"ply\nformat ascii 1.0\nelement vertex 0\nend_header\n",
    "no .ply": b"solid thing\n",
    "no vertices": foreign(element=CAMERA).replace(b"element vertex 7", b"element splat 7"),
    "no opacity": foreign(names=[name for name in NAMES if name != "opacity"]),
    "a column twice": foreign(names=[*NAMES, "nx"]).replace(b" nx\n", b" x\n"),
    "lists before": foreign(element="element face 1\nproperty list uchar int vertex_indices", before=bytes(13)),
    "an unknown type": foreign().replace(b"property float x", b"property half x"),
    "an unknown encoding": foreign().replace(b"binary_little_endian", b"binary_middle_endian"),
    "no count": foreign().replace(b"element vertex 7", b"element vertex many"),
    "a negative count": foreign(count=-1),
    "a huge count": foreign(count=2**40),
    "cut short": foreign()[:-3],
    "ASCII, cut short": ascii_text()[:-200],
    "ASCII with words": ascii_text()[:-30] + b" nothing\n",
    "only a header": foreign()[:60],
    "empty": b"",
}


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_what_holds_no_gaussians_is_refused(tmp_path, data):
    (tmp_path / "a.ply").write_bytes(data)
    with helpers.refuses(UserError, "unreadable-splats", file="a.ply"):
        read_ply(tmp_path / "a.ply")


def test_what_is_missing_of_a_text_that_was_cut(tmp_path):
    (tmp_path / "a.ply").write_bytes(ascii_text()[:-200])
    with pytest.raises(UserError, match=r"vertex \d of 7 has \d+ numbers|\d of 7 are there"):
        read_ply(tmp_path / "a.ply")


def test_how_much_is_there_of_a_file_that_was_cut(tmp_path):
    (tmp_path / "a.ply").write_bytes(foreign()[:-60])
    with pytest.raises(UserError, match="5 of 7"):
        read_ply(tmp_path / "a.ply")
