"""Cameras that the user names, or gives the places of."""

from pathlib import Path

import helpers
import pytest

from posegaussian import cli
from posegaussian.captures.pairing import chosen_sources, named_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.errors import CaptureError


def capture(root: Path, *names: str):
    cameras = {name: helpers.lens(10 * place, size=(40, 32)) for place, name in enumerate(names)}
    helpers.write_sphere_capture(root, cameras=cameras, samples=1, frames=1, depths=False)
    return read_capture(root)


@pytest.mark.parametrize(
    ("cameras", "named", "chosen", "warned"),
    [
        ("00 01 02", "00 02", "00 02", False),
        ("00 01 02", "0 2", "00 02", False),
        ("00 01 02", "0 02", "00 02", False),
        ("00 01 02", "02 0", "02 00", False),
        ("a b c", "0 1", "a b", False),
        ("a b c", "c 0", "c a", False),
        ("0 1 2", "1 2", "1 2", False),
        ("1 2 3", "1 2", "1 2", False),
        ("1 2 3", "0 1", "1 2", True),
        ("1 2 3", "2 0", "3 1", True),
        ("c1 c2 c9 c10", "2 3", "c9 c10", False),
    ],
)
def test_names_and_places(cameras, named, chosen, warned, tmp_path, recwarn):
    first, second = chosen_sources(capture(tmp_path, *cameras.split()), tuple(named.split()))
    assert f"{first} {second}" == chosen
    assert [each.message.code for each in recwarn.list] == ["places-not-names"] * warned


@pytest.mark.parametrize(
    ("cameras", "named", "code", "camera"),
    [
        ("1 2 3", "0 3", "unknown-camera", "0"),  # 3 is no place, 0 is no name
        ("1 2 3", "3 4", "unknown-camera", "4"),
        ("a b", "a 7", "unknown-camera", "7"),
        ("00 01", "x 0", "unknown-camera", "x"),
        ("00 01", "0 00", "repeated-camera", "00"),
        ("a b", "1 b", "repeated-camera", "b"),
    ],
)
def test_what_cannot_be_right_is_one_line(cameras, named, code, camera, tmp_path):
    found = capture(tmp_path, *cameras.split())
    with helpers.refuses(CaptureError, code, file=tmp_path, camera=camera) as error:
        chosen_sources(found, tuple(named.split()))
    assert code != "unknown-camera" or ", ".join(cameras.split()) in error.value.what


def test_pairs_take_names_alone(tmp_path):
    found = capture(tmp_path, "1", "2", "3")
    with helpers.refuses(CaptureError, "unknown-camera", camera="0") as error:
        named_pairs(found, [("0", "1")])
    assert "1, 2, 3" in error.value.what


@pytest.mark.parametrize("options", [["--cameras", "0", "1"], ["--targets", "0"], ["--pairs", "0,1"]])
def test_lists_of_the_command_line_take_names_alone(options, tmp_path, capfd):
    capture(tmp_path / "c", "1", "2", "3")
    with helpers.exits(capfd, camera="0", names=["1, 2, 3"]):
        cli.main(["import", str(tmp_path / "c"), "-o", str(tmp_path / "out"), *options])
