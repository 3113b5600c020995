"""Calls Snakemake in forks of a process that has imported it and what it needs: imports take most of a dry run.

Each line on stdin is a call as JSON: arguments, folder, environment, and the file for what it prints. The answer is a
line with the exit status. The library is not imported here: some tests change it.
"""

import gc
import json
import os
import sys

import cyclopts  # noqa: F401
import h5py  # noqa: F401
import numba  # noqa: F401
import pandas  # noqa: F401
import pydantic  # noqa: F401
import smart_open  # noqa: F401
import snakemake.cli
import torch  # noqa: F401


def call(arguments: list[str], folder: str, environment: dict[str, str], output: str) -> None:
    """As `python -m snakemake` does; it ends this process."""
    for stream, path in ((0, os.devnull), (1, output), (2, output)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.path[0] = ["snakemake", *arguments], folder
    sys.exit(snakemake.cli.main(arguments))


if __name__ == "__main__":
    snakemake.cli.parse_args(["--dry-run"])  # imports all plugins
    gc.collect()
    gc.freeze()  # else each fork copies the pages of all objects when it collects garbage
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            call(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
