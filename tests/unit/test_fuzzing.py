"""2,000 damaged copies of every kind of file that users bring are read, or refused with one line."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fuzzing import worker

from posegaussian.errors import UserError

ROOT = Path(__file__).parents[2]


def rows(folder: Path, *arguments: str) -> list[dict]:
    command = [sys.executable, str(ROOT / "benchmarks/fuzz.py"), "-o", str(folder / "fuzz.json"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads((folder / "fuzz.json").read_text())["rows"][:-1]


@pytest.mark.slow
def test_no_reader_fails(tmp_path):
    found = rows(tmp_path, "--count", "2000")
    assert {row["reader"]: row["failures"] for row in found if row["failed"]} == {}
    assert all(row["copies"] == 2000 and row["refused"] for row in found)
    assert all(row["read"] or "vast" in row["reader"] for row in found)


@pytest.mark.parametrize("kind", ["traceback", "memory", "hang", "crash", "stray file", "not one line"])
def test_every_kind_of_failure_is_noticed(tmp_path, monkeypatch, kind):
    def read(folder: Path) -> None:
        content = (folder / "a.txt").read_bytes()
        if content == b"whole":
            return
        if kind == "traceback":
            raise KeyError("a")
        if kind == "memory":
            assert b"a" * (3 << 29)  # written to: pages that are only read take no memory
        while kind == "hang":
            pass
        if kind == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == "stray file":
            (folder / "../../stray").write_text("")
        if kind == "not one line":
            error = UserError("a", code="a")
            error.args = ("a\nb",)
            raise error

    def write(folder: Path) -> list[Path]:
        (folder / "a.txt").write_bytes(b"whole")
        return [folder / "a.txt"]

    monkeypatch.setitem(worker.READERS, "sample", worker.Reader(write, read))
    monkeypatch.setattr(worker, "SECONDS", 2.0 if kind == "hang" else 6.0)  # of processor time; the others need some
    tally = worker.fuzz("sample", 2, tmp_path / "scratch")
    assert tally.counts[kind] == 2
    failure = next(iter(tally.failures))
    assert failure.startswith(kind)
    assert kind not in ("crash", "hang") or "test_fuzzing.py" in failure  # the place, as in a traceback


def test_copies_depend_on_their_number_and_the_seed_alone(tmp_path):
    chosen = [(5, 0), (5, 0), (6, 0), (5, 1)]
    paths = [worker.copy_of("curves .csv", number, tmp_path / str(i), seed) for i, (number, seed) in enumerate(chosen)]
    first, same, *others = (path.read_bytes() for path in paths)
    assert first == same and first not in others
