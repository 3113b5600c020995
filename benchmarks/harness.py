"""What all benchmarks share: timing in turn, the machine's description, one table and one JSON file."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from posegaussian.io.atomic import write_atomic

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: the median of the samples, and the range that holds the middle half of them."""

    median: float
    spread: float
    samples: int

    def __str__(self) -> str:
        return f"{1e3 * self.median:.4g} ms ± {1e3 * self.spread / 2:.2g}"


def in_turn(
    functions: dict[K, Callable[[], Any]],
    samples: int,
    calls: int = 1,
    synchronise: Callable[[], Any] = lambda: None,
) -> dict[K, Timing]:
    """Time several functions on an equal footing: a sample of each in turn, so that a busy machine disturbs all alike.

    Args:
        functions: by name; each is called once beforehand.
        samples: how many of each.
        calls: per sample; a sample is their mean.
        synchronise: waits until a device is done.
    """
    taken: dict[K, list[float]] = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(samples):
        for name, function in functions.items():
            synchronise()
            start = time.perf_counter()
            for _ in range(calls):
                function()
            synchronise()
            taken[name].append((time.perf_counter() - start) / calls)
    return {name: _timing(seconds) for name, seconds in taken.items()}


def _timing(seconds: list[float]) -> Timing:
    if len(seconds) < 2:
        return Timing(seconds[0], 0.0, len(seconds))
    low, _, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return Timing(statistics.median(seconds), high - low, len(seconds))


def machine(packages: tuple[str, ...]) -> dict[str, Any]:
    """Where and with what the numbers were measured."""
    import torch

    versions = {}
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY"),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "versions": versions,
        "command": " ".join(["python", *sys.argv]),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def report(name: str, rows: list[dict[str, Any]], where: dict[str, Any], path: Path) -> None:
    """Print the rows as Markdown tables, one for each set of columns, and write everything as JSON."""
    print(f"\n# {name}: {where['processor']}, {where['cores']} cores, GPU {where['gpu']}, load {where['load']}")
    columns: list[str] = []
    for row in rows:
        if list(row) != columns:
            columns = list(row)
            print("\n| " + " | ".join(columns) + " |\n|" + " --- |" * len(columns))
        print("| " + " | ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()) + " |")
    plain = [{k: asdict(v) if isinstance(v, Timing) else v for k, v in row.items()} for row in rows]
    write_atomic(path, json.dumps({"benchmark": name, "machine": where, "rows": plain}, indent=2) + "\n")
    print(f"\nwritten: {path}")
