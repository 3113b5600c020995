"""A simulated run of many short captures on many cores: how much of the cores Snakemake keeps busy.

The workflow is the real one; its jobs only wait, as long as a stage takes, and write empty files. So a machine with two
cores can simulate 64: what is measured is the order of the jobs and the time that Snakemake itself takes.
"""

import argparse
import os
import resource
import shlex
import subprocess
import sys
import time
from pathlib import Path

import yaml
from harness import machine, report

ROOT = Path(__file__).parents[1]
SECONDS = {"captures": 3, "rectify": 5.5, "heatmaps": 8.5, "render": 5, "references": 20, "evaluate": 10}
"""Of a job by stage: 15 frames of two cameras of 1024 x 1024 and the start-up (docs/howto/cluster.md)."""
_THREADS = {"render": 2, "references": 2, "evaluate": 2}
"""As the rules request them; other rules take one."""
_STAND_IN = """#!/bin/bash
# python -m posegaussian STAGE ...: waits, and makes the outputs
stage=$3; shift 3
case $stage in {cases} *) t=1;; esac
sleep $t
while [ $# -gt 0 ]; do
  case $1 in
    --output|--video) mkdir -p "$(dirname "$2")"; [ $stage = captures ] && mkdir -p "$2" || echo $stage > "$2";;
    --frames|--splats) [ $stage = render ] && mkdir -p "$2";;
  esac
  shift
done
echo $stage $t >> {folder}/jobs.txt
"""


def main() -> None:
    """Simulate, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=96)
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--folder", type=Path, default=ROOT / "results/benchmarks/many_captures")
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmarks/many_captures.json")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True)  # an old run would leave nothing to do
    _write(folder, given.captures)
    command = [sys.executable, "-m", "snakemake", "--cores", str(given.cores), "--quiet", "all", "--", "all"]
    start = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True)
    wall, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = [line.split() for line in (folder / "jobs.txt").read_text().splitlines()]
    requested = sum(_THREADS.get(stage, 1) * float(seconds) for stage, seconds in jobs)
    row = {
        "captures": given.captures,
        "jobs": len(jobs),
        "cores": given.cores,
        "wall, s": wall,
        "sum of the jobs / cores, s": requested / given.cores,
        "cores requested, mean": requested / wall,
        "CPU s a job": (used.ru_utime + used.ru_stime) / len(jobs),
    }
    report("many_captures", [row], machine(("snakemake",)), given.output)


def _write(folder: Path, captures: int) -> None:
    """A sheet, a configuration, and the workflow with an interpreter that waits."""
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config |= {"captures": "captures.tsv", "report": ["release"], "splats": "report"}
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(yaml.safe_dump(config))
    rows = [f"p{number}\ttest\tbuiltin:{number}" for number in range(1, captures + 1)]
    (folder / "captures.tsv").write_text("\n".join(["capture\tsplit\tpath", *rows]) + "\n")
    cases = " ".join(f"{stage}) t={seconds};;" for stage, seconds in SECONDS.items())
    stand_in = folder / "python"
    stand_in.write_text(_STAND_IN.format(cases=cases, folder=shlex.quote(str(folder))))
    stand_in.chmod(0o755)
    pythons = {name: str(stand_in) for name in ("PG_PYTHON", "PG_MMPOSE_PYTHON")}
    snakefile = f'include: "{ROOT / "Snakefile"}"\n\nos.environ |= {pythons}\n'
    (folder / "Snakefile").write_text(snakefile)


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    main()
