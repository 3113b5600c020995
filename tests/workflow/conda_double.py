"""A test double of conda. It proves Snakemake's wiring and only that: nothing is solved, no channel is asked.

It answers the calls that `snakemake --use-conda` makes. `env create` makes a virtual environment that borrows the
packages of an environment that is there (CONDA_DOUBLE_LENDERS names one for each environment file), and lets the
real pip check that the file's `pip:` section is met by what was borrowed.
"""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import yaml


def borrow(lender: str, prefix: Path) -> None:
    venv.EnvBuilder(symlinks=True).create(prefix)
    (packages,) = prefix.glob("lib/python*/site-packages")
    (lent,) = Path(lender).glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(f"{lent}\n")


def create(file: Path, prefix: Path) -> None:
    environment = yaml.safe_load(file.read_text())
    pins = [pin for item in environment["dependencies"] if isinstance(item, dict) for pin in item["pip"]]
    lenders = json.loads(os.environ["CONDA_DOUBLE_LENDERS"])
    borrow(lenders["with pins" if pins else "without pins"], prefix)
    if pins:
        subprocess.run([prefix / "bin/python", "-m", "pip", "install", "--quiet", "--no-index", *pins], check=True)


def main(base: str, *call: str) -> None:
    with Path(base, "calls").open("a") as log:
        print(*call, file=log)
    match list(call):
        case ["info", "--json"]:
            print(json.dumps({"conda_prefix": base, "platform": "linux-64"}))
        case ["--version"]:
            print("conda 99.0.0")
        case ["config", "--get", "channel_priority", "--json"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["env", "create", "--quiet", "--no-default-packages", "--file", file, "--prefix", prefix]:
            create(Path(file), Path(prefix))
        case ["clean", *_]:
            pass
        case other:
            sys.exit(f"the test double of conda knows no {other}")


if __name__ == "__main__":
    main(*sys.argv[1:])
