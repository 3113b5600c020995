"""The command line: one subcommand per stage of the pipeline, each usable by hand.

Every stage takes `--settings`: YAML or JSON text, or a file with it; the keys are those of its section in
`config/config.yaml`. Imports happen inside the subcommands, so that each environment needs only what its stage needs.
"""

import argparse
import os
import signal
import sys
import warnings

from posegaussian.cli import data, results, training, views
from posegaussian.errors import CaptureWarning, UserError
from posegaussian.io.atomic import refusal

_SUBCOMMANDS = (
    data.add_captures,
    data.add_people,
    data.add_import,
    data.add_fetch,
    data.add_inspect,
    data.add_rectify,
    data.add_heatmaps,
    training.add_train,
    training.add_curves,
    training.add_weights,
    views.add_render,
    results.add_evaluate,
    results.add_summarize,
    results.add_report,
    results.add_results,
    views.add_export,
    views.add_view,
    results.add_schema,
)


def main(argv: list[str] | None = None) -> None:
    """Run one subcommand; a user's mistake is one line on stderr and exit status 2."""
    # Idle OpenMP threads sleep: spinning ones make two jobs on a busy machine ten times slower. Read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # A cancelled job unwinds, so that what it was writing is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    args = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", CaptureWarning)
            warnings.showwarning = _tell
            args.run(args)
    except UserError as error:
        sys.exit(_fail(str(error)))
    except OSError as error:
        refused = refusal(error)
        if refused is error:
            raise
        sys.exit(_fail(str(refused)))
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(message: str) -> int:
    print(f"posegaussian: error: {message}", file=sys.stderr)
    return 2


def _tell(message: Warning | str, category: type[Warning], *place) -> None:
    """A warning as one line; what concerns captures goes without its place in the code."""
    if issubclass(category, CaptureWarning):
        print(f"posegaussian: warning: {message}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, *place[:2]), end="", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="posegaussian", description="Two views of a person in, novel views out.")
    stages = parser.add_subparsers(title="stages", required=True, metavar="STAGE")
    for add in _SUBCOMMANDS:
        add(stages)
    return parser
