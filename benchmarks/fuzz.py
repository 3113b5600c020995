"""Damaged copies of every kind of file that can be read: each is read, or refused with one line.

`python benchmarks/fuzz.py --count 2000` damages a small sample of each kind in 2,000 ways and reads the copies in
processes of their own. What is neither read nor refused by a `UserError` of one line is a failure: a traceback, a
native crash, more than 10 s or 1 GiB, a file outside the output. `--only NAME --first NUMBER --count 1` repeats one
copy, and `--keep FOLDER` writes it. The exit status is 1 if anything failed.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import cv2
import torch
from fuzzing.readers import READERS  # the samples are those of the tests
from fuzzing.worker import Tally, copy_of, fuzz
from harness import machine, report

ROOT = Path(__file__).parents[1]


def row(name: str, tally: Tally, seconds: float) -> dict:
    """The row of a reader."""
    failed = sum(count for kind, count in tally.counts.items() if kind not in ("read", "refused"))
    return {
        "reader": name,
        "copies": tally.counts.total(),
        "read": tally.counts["read"],
        "refused": tally.counts["refused"],
        "failed": failed,
        "slowest s": round(tally.slowest, 2),
        "peak MB": round(tally.peak),
        "all s": round(seconds),
        "failures": "; ".join(f"{what} (copy {numbers[0]})" for what, numbers in sorted(tally.failures.items())),
    }


def main() -> None:
    """Fuzz the readers; print the table and write a JSON file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="damaged copies of each kind of file")
    parser.add_argument("--only", nargs="*", metavar="NAME", choices=[*READERS], help="the readers (default: all)")
    parser.add_argument("--first", type=int, default=0, help="number of the first copy")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="only write the first copy of the first reader into this new folder")
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "results" / "benchmarks" / "fuzz.json")
    arguments = parser.parse_args()
    names = arguments.only or [*READERS]
    if arguments.keep:
        print(copy_of(names[0], arguments.first, arguments.keep, arguments.seed))
        return
    torch.set_num_threads(1)  # processes are forked: no threads before
    cv2.setNumThreads(0)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            begin = time.monotonic()
            tally = fuzz(name, arguments.count, Path(folder, "scratch"), arguments.seed, arguments.first)
            rows.append(row(name, tally, time.monotonic() - begin))
            print(rows[-1], file=sys.stderr, flush=True)
    counts = {key: sum(row[key] for row in rows) for key in ("copies", "read", "refused", "failed")}
    rows.append({"reader": "all", **counts})
    report("fuzz", rows, machine(("av", "h5py", "opencv-python-headless", "pillow", "pycolmap")), arguments.output)
    sys.exit(1 if counts["failed"] else 0)


if __name__ == "__main__":
    main()
