"""Soak test of the stages: killed at random times, on a full and on a read-only disk, and two Snakemakes at once.

After each failure an output must be the old one or the complete new one, or absent if there was none before. A plain
rerun must finish and leave no other files behind. Run `python benchmarks/soak.py`. The full and the read-only disk are
small tmpfs; if the user may not mount them, they are left out and the table notes it.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import machine, report
from soak_stages import Stage, content, copy, log, parts, remove, run, stages, start

ROOT = Path(__file__).parents[1]


def kill(stage: Stage, folder: Path, took: float, choice: random.Random) -> bool:
    """Start a stage and kill it; whether that was during writing.

    Half of the kills are at any time, half after a temporary file has appeared.
    """
    process, begin = start(stage, folder), time.monotonic()
    waits, share = choice.random() < 0.5, choice.random()
    if waits:
        while process.poll() is None and not parts(folder):
            time.sleep(0.001)
        time.sleep(share**2 * 0.2 * took)  # soon after it: writing is short
    else:
        time.sleep(max(0.0, share * took - (time.monotonic() - begin)))
    writing = process.poll() is None and bool(parts(folder))
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return writing


def soak_kills(stage: Stage, folder: Path, kills: int, choice: random.Random) -> dict:
    """The row of a stage that is killed repeatedly and then run to its end."""
    begin = time.monotonic()
    good = run(stage, folder) == 0
    took = time.monotonic() - begin
    if not good:
        raise SystemExit(f"{stage.name} does not run:\n{log(folder)}")
    whole = {name: content(folder / name) for name in (*stage.outputs, *(stage.also if stage.name == "export" else ()))}
    for name in stage.outputs:
        copy(folder / name, folder.parent / "old" / stage.name / name)
    row = {"stage": stage.name, "kills": 0, "while writing": 0, "broken outputs": 0}
    for number in range(kills):
        fresh = number % 2 == 0 or not stage.replaces  # else the old outputs exist
        for name in (*stage.also, *stage.outputs):
            remove(folder / name)
        for name in () if fresh else stage.outputs:
            copy(folder.parent / "old" / stage.name / name, folder / name)
        row["while writing"] += kill(stage, folder, took, choice)
        row["kills"] += 1
        allowed = (None,) if fresh else ()
        row["broken outputs"] += sum(content(folder / n) not in (whole[n], *allowed) for n in stage.outputs)
    for name in () if stage.replaces else stage.outputs:
        remove(folder / name)
    row["rerun finishes"] = run(stage, folder) == 0
    row["same bytes"] = all(content(folder / name) == digest for name, digest in whole.items())
    row["leftovers"] = len(parts(folder))
    return row


@contextmanager
def disk(folder: Path, megabytes: float):
    """A mounted tmpfs of that size."""
    folder.mkdir(exist_ok=True)
    options = f"size={round(megabytes * 1024)}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def remount(folder: Path, options: str) -> None:
    """Remount a tmpfs with other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


def soak_disk(stage: Stage, folder: Path) -> dict:
    """The row of a stage on a disk with room for a third of its output, on a read-only one, and with enough room."""
    names = stage.outputs or stage.also
    paths = [folder / name for name in names]
    size = sum(f.stat().st_size for p in paths for f in ([p] if p.is_file() else p.rglob("*")) if f.is_file())
    with disk(folder.parent / "disk", max(size / 3 / 1e6, 0.004)) as small:
        if size < 3 * 4096:  # a third of it is less than a page, the minimum size of a tmpfs
            (small / "ballast").write_bytes(bytes(4096))
        full = run(stage, folder, small), log(folder)
        broken = [n for n in stage.outputs if content(small / n) not in (None, content(folder / n))]
        left = len(parts(small))
        remount(small, "ro")
        locked = run(stage, folder, small), log(folder)
        remount(small, "rw,size=400m")
        again = run(stage, folder, small)
        same = all(content(small / name) == content(folder / name) for name in stage.outputs)
    return {
        "stage": stage.name,
        "full disk": _failure(*full, "no space left on device", "are free"),
        "broken": len(broken),
        "leftovers": left,
        "read-only": _failure(*locked, "read-only file system"),
        "rerun with room": "finishes, same bytes" if again == 0 and same else f"status {again}, same bytes: {same}",
    }


def _failure(status: int, text: str, *reasons: str) -> str:
    """How a stage failed: `one clear line` with one of the reasons, or its status and last line."""
    if status == 0:
        return "finished"
    last = text.strip().splitlines()[-1] if text.strip() else ""
    plain = (
        status == 2
        and last.startswith("posegaussian: error: ")
        and any(reason in last for reason in reasons)
        and "Traceback" not in text
    )
    return "one clear line" if plain else f"status {status}: {last[-90:]}"


def soak_snakemake(folder: Path, kills: int, choice: random.Random) -> dict:
    """The row of two Snakemakes in one folder, and of one killed with its children; up to the rectified captures."""
    remove(folder)
    folder.mkdir()
    target = "results/rectified/person6.h5"
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--configfile"]
    command += [ROOT / "config/test.yaml", "--directory", folder, "--cores", "1", target]

    def begin() -> subprocess.Popen:
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    first = begin()
    while first.poll() is None and not list(folder.glob(".snakemake/locks/*")):
        time.sleep(0.02)
    second = begin()
    refusal = second.communicate()[0]
    status = first.communicate() and first.returncode
    row = {"two at once": f"first {status}, second {second.returncode}"}
    row["message of the second"] = "locked" if "cannot be locked" in refusal else refusal[-80:]
    whole, broken = content(folder / target), 0
    for _ in range(kills):
        remove(folder / "results")
        process = begin()
        time.sleep(choice.uniform(1.5, 12))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.2)
        broken += content(folder / target) not in (None, whole)
        subprocess.run([*map(str, command), "--unlock"], capture_output=True, check=False)
    again = begin()
    again.communicate()
    row |= {"kills of Snakemake": kills, "broken": broken, "rerun": again.returncode}
    return row | {"same bytes": content(folder / target) == whole, "leftovers": len(parts(folder / "results"))}


def main() -> None:
    """Run all tests; print the tables and write a JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=12, help="kills of each stage")
    parser.add_argument("--only", nargs="*", metavar="STAGE", help="the stages to test; the others run once")
    parser.add_argument("--snakemake-kills", type=int, default=4, help="kills of Snakemake; 0 leaves it out")
    parser.add_argument("--without-disks", action="store_true", help="kills only")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "soak", help="working folder; it is emptied")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "results" / "benchmarks" / "soak.json")
    arguments = parser.parse_args()
    choice = random.Random(arguments.seed)
    work = arguments.folder.resolve()
    remove(work)
    folder = work / "work"
    folder.mkdir(parents=True)
    rows, disks = [], []
    for stage in stages():
        if arguments.only is not None and stage.name not in arguments.only:
            if run(stage, folder):
                raise SystemExit(f"{stage.name} does not run:\n{log(folder)}")
            continue
        rows.append(soak_kills(stage, folder, arguments.kills, choice))
        print(rows[-1], file=sys.stderr, flush=True)
        if arguments.without_disks:
            continue
        try:
            disks.append(soak_disk(stage, folder))
        except subprocess.CalledProcessError as error:
            disks.append({"stage": stage.name, "full disk": f"left out: {' '.join(map(str, error.cmd[:2]))} failed"})
        print(disks[-1], file=sys.stderr, flush=True)
    counts = ("kills", "while writing", "broken outputs")
    rows.append({"stage": "all", **{name: sum(row[name] for row in rows) for name in counts}})
    kills = arguments.snakemake_kills
    together = [soak_snakemake(work / "snakemake", kills, choice)] if kills else []
    report("soak", [*rows, *disks, *together], machine(("h5py", "snakemake", "torch")), arguments.output)


if __name__ == "__main__":
    main()
