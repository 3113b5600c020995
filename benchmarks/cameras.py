"""Cameras: how exactly boards calibrate them, what is won back of wrong calibrations, and time offsets.

    python benchmarks/cameras.py boards turned offsets --people 8
    python benchmarks/cameras.py real --wheel pose2sim-0.10.49-py3-none-any.whl

boards: boards that the engine draws, with noise and JPEG, four cameras. real: the pictures of a board in the package
pose2sim. turned: people of the validation split in rooms, source cameras turned by 1, 2 and 4 px and focal lengths off
by 1 %; PSNR in the box of a held-out view. offsets: the same people before a wall, cameras up to 2.5 frames apart.
walker: poses from a person in a room, with exact and with unknown lenses, and PSNR of the held-out view with them.
"""

import argparse
import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from camera_boards import BOARDS, drawn_row, real_rows
from camera_captures import offset_row, turned_rows
from camera_walker import walker_row
from harness import machine, report


def main() -> None:
    """Measure the chosen rows, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="+", choices=list(ROWS))
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--first", type=int, default=150, help="seed of the first person; 100 to 199 are of `val`")
    parser.add_argument("--size", type=int, default=1024, help="of images and views, pixels (turned)")
    parser.add_argument("--frames", type=int, default=100, help="of the moved board (boards)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--weights", default="release")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--wheel", type=Path, help="of pose2sim, where pip cannot download it (real)")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks"))
    args = parser.parse_args()
    for name in args.rows:
        rows = ROWS[name](args)
        report(
            f"cameras, {name}",
            rows,
            machine(("numpy", "torch", "opencv-python-headless")),
            args.output / f"cameras_{name}.json",
        )


def _pool(args: argparse.Namespace) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(args.workers, multiprocessing.get_context("spawn"))


def _printed(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, each printed as it comes."""
    found = []
    for row in rows:
        print(row, file=sys.stderr, flush=True)
        found.append(row)
    return found


def boards(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each board that is drawn."""
    with _pool(args) as pool:
        return list(pool.map(drawn_row, BOARDS, [args.frames] * len(BOARDS), [(1280, 720)] * len(BOARDS)))


def real(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each camera of pose2sim's demo."""
    return real_rows(args.wheel)


def turned(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each kind of errors: means over the people, and the share of the loss that is won back."""
    values, count = [], args.people
    with _pool(args) as pool:
        seeds = range(args.first, args.first + count)
        for rows in pool.map(turned_rows, seeds, [args.size] * count, [args.weights] * count, [args.device] * count):
            print(*rows, sep="\n", file=sys.stderr, flush=True)
            values += rows
    return means_of(values)


def means_of(values: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of all people together."""
    rows = []
    for label in dict.fromkeys(value["errors"] for value in values):
        mine = [value for value in values if value["errors"] == label]
        exact = [value for value in values if value["errors"] == f"{label.split(',')[0]}, exact"]
        means = {
            f"{kind}{', aligned' if index else ''}": statistics.fmean(value[kind][index] for value in mine)
            for kind in ("given", "corrected")
            for index in (0, 1)
        }
        aims = [statistics.fmean(value["given"][index] for value in exact) for index in (0, 1)]
        rows.append(
            {
                "errors": label,
                "corrected in": f"{sum(value['used'] for value in mine)} of {len(mine)}",
                "residual, px": statistics.median(value["residual"] for value in mine),
                **means,
                "won back": _share(means["given"], means["corrected"], aims[0]),
                "won back, aligned": _share(means["given, aligned"], means["corrected, aligned"], aims[1]),
                "worst change, dB": min(value["corrected"][0] - value["given"][0] for value in mine),
            }
        )
    return rows


def _share(given: float, corrected: float, exact: float) -> float:
    """Share of the loss that is won back; NaN where less than 0.1 dB is lost."""
    return (corrected - given) / (exact - given) if exact - given > 0.1 else float("nan")


def offsets(args: argparse.Namespace) -> list[dict[str, Any]]:
    """One row: errors of the offsets over all people and cameras."""
    with _pool(args) as pool:
        seeds = range(args.first, args.first + args.people)
        found = _printed(pool.map(offset_row, seeds, [512] * args.people))
    pairs = [values for row in found for values in row["offsets"].values()]
    errors = sorted(abs(measured - true) for true, measured, _ in pairs if measured is not None)
    middle, worst = (statistics.median(errors), max(errors)) if errors else (float("nan"), float("nan"))
    return [{"cameras": len(pairs), "answers": len(errors), "median error, frames": middle, "largest": worst}]


def walker(args: argparse.Namespace) -> list[dict[str, Any]]:
    """A row for each person."""
    with _pool(args) as pool:
        seeds, count = range(args.first, args.first + args.people), args.people
        given = [args.size] * count, [args.weights] * count, [args.device] * count
        return _printed(pool.map(walker_row, seeds, *given))


ROWS: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "boards": boards,
    "real": real,
    "turned": turned,
    "offsets": offsets,
    "walker": walker,
}

if __name__ == "__main__":
    main()
