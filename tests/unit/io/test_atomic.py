"""Whatever kills a writer, and whenever: the old file or the new one, whole, and nothing for others to clear away."""

import errno
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import helpers
import numpy as np
import pytest

from posegaussian.cli import main
from posegaussian.errors import StoreError
from posegaussian.io import store
from posegaussian.io.atomic import atomic_file, atomic_folder

ROOT = Path(__file__).parents[3]
KILLED = """
import os, signal, sys
from pathlib import Path
from posegaussian.io import atomic

kind, target, moment = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
die = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
replace = os.replace

def replaced(source, goal):
    if moment == "before renaming":
        die()
    replace(source, goal)
    if moment == "after the first rename":
        die()

atomic.os.replace = replaced
writer = atomic.atomic_file(target) if kind == "file" else atomic.atomic_folder(target, replaces=["old"])
with writer as temporary:
    for part in range(3):
        file = temporary if kind == "file" else temporary / str(part)
        with file.open("a") as writing:
            writing.write("new")
        if moment == f"in part {part}":
            die()
"""
MOMENTS = ["in part 0", "in part 2", "before renaming", "after the first rename"]


def run(script: str, *arguments, **options) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", script, *map(str, arguments)], env=environment, **options)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_folder_of_a_new_file_is_made(tmp_path):
    with atomic_file(tmp_path / "deep" / "er" / "a") as temporary:
        temporary.write_text("new")
        assert names(temporary.parent) == [temporary.name]
    assert names(tmp_path / "deep" / "er") == ["a"]


def test_an_error_keeps_the_old_one(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").touch()
    with pytest.raises(RuntimeError), atomic_file(tmp_path / "file") as temporary:
        temporary.write_text("new")
        raise RuntimeError
    with pytest.raises(RuntimeError), atomic_folder(tmp_path / "folder", replaces=["old"]) as temporary:
        (temporary / "new").touch()
        raise RuntimeError
    assert (tmp_path / "file").read_text() == "old"
    assert [p.relative_to(tmp_path).as_posix() for p in sorted(tmp_path.rglob("*"))] == ["file", "folder", "folder/old"]


def test_a_folder_replaces_an_older_output(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old.png").touch()
    with atomic_folder(tmp_path / "folder", replaces=["*.png"]) as temporary:
        (temporary / "new.png").touch()
    assert names(tmp_path) == ["folder"] and names(tmp_path / "folder") == ["new.png"]


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with helpers.refuses(StoreError, "not-a-file", file=tmp_path / "pipe"), atomic_file(tmp_path / "pipe"):
        pytest.fail("it began")
    assert (tmp_path / "pipe").is_fifo() and names(tmp_path) == ["pipe"]


@pytest.mark.parametrize("replaces", [(), ("*.png",)])
def test_a_folder_replaces_nothing_else(tmp_path, monkeypatch, replaces):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "letter.txt").touch()
    (tmp_path / "file").touch()
    monkeypatch.chdir(folder)
    for path in (folder, Path("."), Path("../folder"), tmp_path / "file"):
        with helpers.refuses(StoreError, "output-exists", file=path), atomic_folder(path, replaces):
            pytest.fail("it began")
    with helpers.refuses(StoreError, "output-exists", file=tmp_path / "new"), atomic_folder(tmp_path / "new"):
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / "made meanwhile").touch()
    assert names(tmp_path) == ["file", "folder", "new"] and names(folder) == ["letter.txt"]


def test_the_modes_are_those_of_plain_files(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_file(tmp_path / "file"):
        pass
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_file_is_old_or_new_and_the_next_writer_sweeps(tmp_path, moment):
    target = tmp_path / "a"
    target.write_text("old")
    assert run(KILLED, "file", target, moment).wait() == -signal.SIGKILL
    assert target.read_text() == ("newnewnew" if moment == "after the first rename" else "old")
    assert len(names(tmp_path)) == (1 if moment == "after the first rename" else 2)
    with atomic_file(target) as temporary:
        temporary.write_text("newer")
    assert names(tmp_path) == ["a"] and target.read_text() == "newer"


@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_folder_is_old_or_none_and_the_next_writer_sweeps(tmp_path, moment):
    target = tmp_path / "a"
    target.mkdir()
    (target / "old").touch()
    assert run(KILLED, "folder", target, moment).wait() == -signal.SIGKILL
    # Between its two renames there is no folder of this name; never a part of one.
    assert not target.exists() if moment == "after the first rename" else names(target) == ["old"]
    with atomic_folder(target, replaces=["old"]) as temporary:
        (temporary / "newer").touch()
    assert names(tmp_path) == ["a"] and names(target) == ["newer"]


def test_what_a_living_writer_is_at_is_left_alone(tmp_path):
    waits = "import sys; from posegaussian.io.atomic import atomic_file\nwith atomic_file(sys.argv[1]) as t:\n"
    waits += "    t.write_text('theirs'); print('ready', flush=True); sys.stdin.read()"
    other = run(waits, tmp_path / "a", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout.readline() == "ready\n"
    with atomic_file(tmp_path / "a") as temporary:
        temporary.write_text("ours")
    assert (tmp_path / "a").read_text() == "ours" and len(names(tmp_path)) == 2
    other.communicate("")
    assert (tmp_path / "a").read_text() == "theirs" and names(tmp_path) == ["a"]


def test_the_sweep_spares_other_targets(tmp_path):
    others = [".b.0123abcd.part", ".a.csv.0123abcd.part", ".a.part", "a.0123abcd.part"]
    for name in [*others, ".a.89abcdef.part"]:
        (tmp_path / name).touch()
    with atomic_file(tmp_path / "a"):
        pass
    assert names(tmp_path) == sorted([*others, "a"])


def test_writers_who_race_for_one_target_all_end_and_leave_one_whole_file(tmp_path):
    many = "import sys; from posegaussian.io.atomic import atomic_file\nfor i in range(60):\n"
    many += "    with atomic_file(sys.argv[1]) as t: t.write_text(sys.argv[2] * 50_000)"
    racers = [run(many, tmp_path / "a", letter) for letter in "xyz"]
    seen, target = set(), tmp_path / "a"
    while any(racer.poll() is None for racer in racers):
        if target.exists():
            seen.add(target.read_text())
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    assert seen <= {letter * 50_000 for letter in "xyz"} and names(tmp_path) == ["a"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_disk_refuses_is_one_line_with_a_hint(tmp_path, number):
    target = tmp_path / "a.h5"
    with helpers.refuses(StoreError, "cannot-write", file=target) as error, atomic_file(target):
        raise OSError(number, "the system's words")
    assert error.value.hint and names(tmp_path) == []


def test_other_mistakes_of_the_system_pass_through(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a"):
        raise FileNotFoundError(errno.ENOENT, "no input")


def test_a_store_that_the_disk_has_no_room_for_is_one_line(tmp_path):
    """The size of files is limited in a process of its own; HDF5 reports that as it reports a full disk."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))

    script = """
import sys, numpy as np
from posegaussian.io import store
from posegaussian.cli import main
from posegaussian.errors import StoreError
schema = store.Schema("sample", 1, {"images": store.Field("u1", "frame height width")})
dims = dict(frame=9, height=300, width=300)
try:
    with store.create(sys.argv[1], schema, dims, stage_version=1, settings={}, inputs={}) as w:
        for frame in range(9):
            w["images", frame] = np.random.default_rng(frame).integers(0, 255, (300, 300))
except StoreError as error:
    print(error)
"""
    (tmp_path / "a.h5").write_text("old")
    told = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, complaints = run(script, tmp_path / "a.h5", preexec_fn=limit, **told).communicate()
    assert (
        out
        == f"{tmp_path}/a.h5: cannot be written (file too large); raise the limit on the size of files and run again\n"
    )
    assert complaints == ""
    assert names(tmp_path) == ["a.h5"] and (tmp_path / "a.h5").read_text() == "old"


def test_a_store_killed_in_any_frame_is_the_old_one(tmp_path):
    script = """
import os, signal, sys, numpy as np
from posegaussian.io import store
schema = store.Schema("sample", 1, {"images": store.Field("u1", "frame height width")})
value, death, dims = int(sys.argv[2]), int(sys.argv[3]), dict(frame=4, height=64, width=64)
with store.create(sys.argv[1], schema, dims, stage_version=1, settings={}, inputs={}) as w:
    for frame in range(4):
        w["images", frame] = np.full((64, 64), value)
        w._datasets["images"].file.flush()
        if frame == death:
            os.kill(os.getpid(), signal.SIGKILL)
"""
    schema = store.Schema("sample", 1, {"images": store.Field("u1", "frame height width")})
    assert run(script, tmp_path / "a.h5", 1, -1).wait() == 0
    deaths = [run(script, tmp_path / "a.h5", 2, frame) for frame in range(4)]
    assert [death.wait() for death in deaths] == [-signal.SIGKILL] * 4
    with store.open_checked(tmp_path / "a.h5", schema) as file:
        assert np.unique(file["images"]).tolist() == [1]
    assert run(script, tmp_path / "a.h5", 3, -1).wait() == 0
    with store.open_checked(tmp_path / "a.h5", schema) as file:
        assert np.unique(file["images"]).tolist() == [3]
    assert names(tmp_path) == ["a.h5"]


def test_the_command_line_says_in_one_line_what_the_system_refuses(tmp_path, capsys, monkeypatch):
    def run(*_, **__):
        raise OSError(errno.EROFS, "the system's words", str(tmp_path / "events"))

    monkeypatch.setattr("posegaussian.pipeline.summarize.summarize", run)
    with helpers.exits(capsys, file=tmp_path / "events"):
        main(["summarize", "a.csv", "-o", "b.csv"])
