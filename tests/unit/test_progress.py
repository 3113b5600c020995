"""Progress in a log: how far, how fast, and how long it will take."""

import re
from types import SimpleNamespace

import pytest

from posegaussian import progress as module
from posegaussian.progress import progress


@pytest.fixture
def seconds(monkeypatch):
    """A clock that passes two seconds whenever it is read."""
    clock = iter(range(0, 1000, 2))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))


def test_rate_and_time_left_in_a_log(seconds, capsys):
    assert list(progress(range(8), "render x", every=4.0, unit="frames")) == list(range(8))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "render x 2/8 (4 s, 0.5 frames/s, 12 s left)"
    assert lines[-1] == "render x 8/8 (16 s, 0.5 frames/s)"


def test_without_a_unit_or_a_total_there_is_less_to_say(seconds, capsys):
    list(progress(range(2), "import", every=4.0))
    list(progress(iter(range(2)), "read", every=4.0, unit="files"))
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "import 2/2 (4 s)"
    assert re.fullmatch(r"read 2 \(\d+ s, 0\.5 files/s\)", lines[1])


def test_a_line_fits_into_a_narrow_terminal(seconds, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "24")
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    list(progress(range(12), "render results/rectified", unit="frames"))
    text = capsys.readouterr().err
    assert text.endswith("\n") and all(len(line) == 23 for line in text.rstrip("\n").split("\r")[1:])


def test_a_loop_within_another_one_does_not_repeat_its_end(capsys):
    for _ in progress(range(3), "assess pair"):
        list(progress(range(2), "rectify"))
    list(progress(range(2), "write"))
    assert [line.split(" (")[0] for line in capsys.readouterr().err.splitlines()] == ["assess pair 3/3", "write 2/2"]


def test_a_long_loop_within_another_one_is_shown(seconds, capsys):
    for _ in progress(range(1), "assess pair", every=100.0):
        list(progress(range(4), "rectify", every=4.0))
    lines = [line.split(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["rectify 2/4", "rectify 4/4", "assess pair 1/1"]


def test_a_loop_that_was_left_is_not_around_later_ones(capsys):
    for _ in progress(range(3), "left"):
        break
    list(progress(range(1), "write"))
    assert capsys.readouterr().err.startswith("write 1/1")


def test_a_loop_can_be_shown_only_where_it_takes_long(seconds, capsys):
    list(progress(range(2), "match", every=5.0, short=False))
    assert not capsys.readouterr().err
    list(progress(range(4), "match", every=5.0, short=False))
    lines = [line.split(" (")[0] for line in capsys.readouterr().err.splitlines()]
    assert lines == ["match 3/4", "match 4/4"]
