"""Fill the marked sections of docs/results.md and docs/results/*.md from the files there: no number is copied by hand.

    snakemake --configfile config/benchmark.yaml --cores all results/tables/results.md
    python tools/fill_results.py results/tables

A section begins with `<!-- filled from docs/results/NAME -->` and ends with `<!-- filled -->`; `NAME: headline` is an
extract. First the named folders and files are copied to docs/results/; without arguments, the sections are only filled
again.
"""

import argparse
import importlib.util
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from posegaussian import config
from posegaussian.io.atomic import write_atomic
from posegaussian.registry import METRICS, metrics_on
from posegaussian.report.goals import Means
from posegaussian.report.results import tables_of
from posegaussian.report.tables import formatted

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/results"
SECTION = re.compile(r"(<!-- filled from docs/results/([\w.-]+)((?:: \w+)?) -->\n).*?(<!-- filled -->)", re.S)


def main() -> None:
    """Copy the named files and fill all sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("new", type=Path, nargs="*", help="results/tables, or a benchmark's .json")
    args = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for path in args.new:
        for file in sorted(path.iterdir()) if path.is_dir() else [path]:
            if file.suffix != ".md":
                shutil.copyfile(file, FOLDER / file.name)
    for page in pages():
        write_atomic(page, filled(page.read_text(encoding="utf-8")))


def pages() -> list[Path]:
    """The pages of results: the summary and one for each topic."""
    return [FOLDER.with_suffix(".md"), *sorted(FOLDER.glob("*.md"))]


def filled(text: str) -> str:
    """The page with all sections filled from their files; a section without a file stays as it is."""

    def fill(match: re.Match[str]) -> str:
        path = FOLDER / match[2]
        return f"{match[1]}\n{KINDS[match[2] + match[3]](path).strip()}\n\n{match[4]}" if path.is_file() else match[0]

    return SECTION.sub(fill, text)


def benchmark(path: Path) -> str:
    """The tables of the benchmark from its means."""
    settings = config.load(ROOT / "config/benchmark.yaml")
    return tables_of(Means(pd.read_csv(path), settings.report[0]), settings.results.goals)


def headline(path: Path) -> str:
    """The first model of the report on the rig of the literature and at wider angles, from the benchmark's means."""
    means = Means(pd.read_csv(path), config.load(ROOT / "config/benchmark.yaml").report[0])
    columns = [("full", "psnr"), ("bbox", "psnr"), ("full", "ssim"), ("full", "lpips")]
    columns += [("disparity", name) for name in metrics_on("disparity")]
    titles = [METRICS[name].column + ("" if scope == "disparity" else f" `{scope}`") for scope, name in columns]
    lines = ["| cameras apart | " + " | ".join(titles) + " |", "|" + " --- |" * (len(columns) + 1)]
    for angle in ("22.5°", "35°", "50°"):
        values = ((means.value(f"clean, {angle}", means.model, *column), METRICS[column[1]]) for column in columns)
        lines.append(f"| {angle} | " + " | ".join(formatted(value, metric) for value, metric in values) + " |")
    return "\n".join(lines)


def ablations(path: Path) -> str:
    """The tables of benchmarks/ablation_metrics.py from its rows: means, and differences between variants."""
    spec = importlib.util.spec_from_file_location("ablation_metrics", ROOT / "benchmarks/ablation_metrics.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    rows = json.loads(path.read_text())["rows"]
    return module.table(rows) + ("\n\n" + module.differences(rows) if "values" in rows[0] else "")


KINDS: dict[str, Callable[[Path], str]] = {
    "means.csv": benchmark,
    "means.csv: headline": headline,
    "ablations.json": ablations,
    "baseline.json": ablations,
}
"""The function that makes Markdown of each file of docs/results/, or an extract."""


if __name__ == "__main__":
    main()
