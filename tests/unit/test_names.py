"""Names of cameras and files: natural order and misspelt names."""

import random

import pytest

from posegaussian.names import did_you_mean, likely_meant, natural_order, words


@pytest.mark.parametrize(
    "ordered",
    [
        ["c1", "c2", "c9", "c10", "c11", "c100"],
        ["00", "01", "02", "10", "t00", "t01"],
        ["GX0009.mp4", "GX0010.mp4", "GX010001.mp4"],
        ["a", "a0", "a1", "a1b", "a1b2", "a2", "b"],
        ["01", "1", "2", "010", "10"],
        ["", "0", "7", "7" * 5000, "a"],  # longer than int() reads
        ["cam2_take10", "cam10_take2"],
    ],
)
def test_natural_order(ordered):
    shuffled = ordered.copy()
    random.Random(0).shuffle(shuffled)
    assert sorted(shuffled, key=natural_order) == ordered


def test_names_of_equal_length_keep_the_order_of_their_characters():
    names = [f"{prefix}{number:02d}" for prefix in ("", "t", "person") for number in range(0, 100, 7)]
    assert sorted(names, key=natural_order) == sorted(names)


def test_words():
    assert words("Cam-01") == words("cam1") == words("CAM_001") == ("cam", "1")
    assert words("00") == words("0") == ("0",) and words("é_1") == ("é", "1") and words("--") == ()


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("rigth", ["left", "right", "middle"], "right"),
        ("cam_letf", ["cam_left", "cam_right"], "cam_left"),
        ("Right", ["left", "right"], "right"),
        ("0", ["00", "01"], "00"),
        ("cam-1", ["cam01", "cam02"], "cam01"),
        ("cam4", ["cam1", "cam2"], None),  # another number is no misspelling
        ("cam_front", ["cam_left", "cam_right"], None),  # what all share says nothing
        ("cam1", ["cam_a", "cam_b"], None),  # like both
        ("GX0001", ["c1", "c2"], None),
        ("a", [], None),
    ],
)
def test_likely_meant(name, known, meant):
    assert likely_meant(name, known) == meant
    assert did_you_mean(name, known) == (f"did you mean {meant}?" if meant else None)
