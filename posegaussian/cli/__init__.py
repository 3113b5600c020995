"""The command line: one command per stage of the pipeline, each usable by hand.

Every stage takes `--settings`: YAML or JSON text, or a file with it; the keys are those of its section in
`config/config.yaml`. Imports happen inside the commands, so that each environment needs only what its stage needs.
"""

import functools
import os
import signal
import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Group, Parameter

from posegaussian import __version__
from posegaussian.caches import use_cache_folder
from posegaussian.cli import cameras, data, live, results, rigs, training, views
from posegaussian.cli.extras import missing_extra
from posegaussian.cli.help_page import HelpPage, shown_default
from posegaussian.errors import CaptureWarning, UserError, warn
from posegaussian.io.atomic import write_error

COMMANDS = {
    "captures": data.captures,
    "contact-sheet": data.contact_sheet,
    "calibrate": cameras.calibrate,
    "import": data.import_,
    "fetch": data.fetch,
    "inspect": data.inspect,
    "assess": rigs.assess,
    "people": data.people,
    "rectify": data.rectify,
    "heatmaps": data.heatmaps,
    "train": training.train,
    "adapt": rigs.adapt,
    "curves": training.curves,
    "weights": training.weights,
    "render": views.render,
    "references": results.references,
    "evaluate": results.evaluate,
    "summarize": results.summarize,
    "report": results.report,
    "results": results.results,
    "export": views.export,
    "view": views.view,
    "live": live.live,
    "schema": results.schema,
}

_SHEETS = "sheets of synthetic people are made by `posegaussian contact-sheet`; `people` finds the people of a capture"
_NO_MMPOSE = "no longer needed: joints are detected by BlazePose, in this environment"
_RETIRED = {
    ("people", "--sheet"): _SHEETS,
    ("people", "--seeds"): _SHEETS,
    ("render", "--pose-python"): _NO_MMPOSE,
    ("inspect", "--pose-python"): _NO_MMPOSE,
}
"""What to do instead of using options of earlier versions, by command and option."""

app = App(
    name="posegaussian",
    help="Render novel views of a person from two calibrated views.",
    version=__version__,
    help_format="plaintext",
    help_formatter=HelpPage(),
    group_parameters=Group("Options"),
    default_parameter=Parameter(
        negative=(),  # no --no-FLAG and --empty-LIST beside every option
        consume_multiple=True,  # an option takes all values that follow it, or none: rules pass lists that may be empty
        allow_repeating=True,  # if an option is given twice, the last value counts; lists are joined
        json_dict=False,
        json_list=False,
        show_default=shown_default,
    ),
)
for _position, (_name, _command) in enumerate(COMMANDS.items()):
    app.command(_command, name=_name, sort_key=_position, version_flags=())


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; a user's mistake is one line on stderr and exit status 2."""
    # Idle OpenMP threads sleep: spinning ones make two jobs on a busy machine ten times slower. Read when torch loads.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # NumPy's products are small and made in our own threads: on 13 cores OpenBLAS's threads, which spin and take turns,
    # made each of them five times as slow. Read when NumPy loads.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # OpenCV would start threads for all cores inside each of ours, however few Snakemake gives to the job. Likewise.
    os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")
    # A cancelled job unwinds, so that what it was writing is removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    words = sys.argv[1:] if argv is None else argv
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default", CaptureWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # an error follows, of one line
            warnings.showwarning = _print_warning
            if not use_cache_folder() and (chosen := os.environ.get("POSEGAUSSIAN_CACHE")):
                hint = "compiled code may be made anew in every run: choose another POSEGAUSSIAN_CACHE"
                warn("the cache folder cannot be written", code="cache-folder", file=chosen, hint=hint)
            parse(words)()
    except UserError as error:
        sys.exit(_fail(str(error)))
    except ImportError as error:
        missing = missing_extra(words[0], error)
        if missing is None:
            raise
        sys.exit(_fail(str(missing)))
    except OSError as error:
        refused = write_error(error)
        if refused is error:
            raise
        sys.exit(_fail(str(refused)))
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or _no_memory(error)):
            raise
        sys.exit(_fail(f"out of memory; choose smaller images, batches or fewer threads ({_first_line(error)})"))


def parse(argv: Sequence[str]) -> functools.partial[None]:
    """The call of a command with its arguments, not yet made.

    Args:
        argv: the words after `posegaussian`.

    Raises:
        UserError: the command line is wrong.
    """
    if not argv:
        raise UserError("no command; see posegaussian --help", code="invalid-command-line")
    for option in argv[1:]:
        if message := _RETIRED.get((argv[0], option)):
            raise UserError(f"{argv[0]}: {option}: {message}", code="retired-option")
    try:
        command, bound, _ = app.parse_args(argv, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        raise UserError(_message(error), code="invalid-command-line") from None
    return functools.partial(command, *bound.args, **bound.kwargs)


def _message(error: CycloptsError) -> str:
    chain, error.command_chain = error.command_chain or (), None  # otherwise only some messages begin with the command
    text = str(error).removesuffix(".")
    text = text[0].lower() + text[1:] + ("" if text.endswith("?") else ";")
    return "".join(f"{name}: " for name in chain) + f"{text} see {' '.join(['posegaussian', *chain])} --help"


def _no_memory(error: RuntimeError) -> bool:
    """Whether PyTorch lacks memory: on a GPU it raises a class of its own, on the CPU only the message differs."""
    return type(error).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _fail(message: str) -> int:
    print(f"posegaussian: error: {message}", file=sys.stderr)
    return 2


def _print_warning(message: Warning | str, category: type[Warning], *place) -> None:
    """Print a warning as one line; warnings about captures are printed without the place in the code."""
    if issubclass(category, CaptureWarning):
        print(f"posegaussian: warning: {message}", file=sys.stderr)
    else:
        print(warnings.formatwarning(message, category, *place[:2]), end="", file=sys.stderr)
