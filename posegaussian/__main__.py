"""`python -m posegaussian`, and the program `posegaussian`."""

import atexit
import gc
import signal
import sys
from collections.abc import Sequence

_NEW_OBJECTS = 10_000
"""New objects after which Python looks for cycles among them, 700 by default: importing PyTorch makes 160,000 that
stay. With this and without the search at the end, a `rectify` of two frames takes 0.73 of the processor time."""


def run(argv: Sequence[str] | None = None) -> None:
    """Run one command, see `cli.main`; Ctrl-C ends it with one line, also while modules are imported."""
    gc.set_threshold(_NEW_OBJECTS)
    atexit.register(gc.freeze)  # the search at the end frees nothing that the system does not
    interrupts = _noted_interrupts()
    try:
        from posegaussian.cli import main

        main(argv)
    except BaseException:
        if not interrupts:
            raise
        # An import that is interrupted in compiled code may raise another error than KeyboardInterrupt.
        line_end = "\n" if sys.stderr.isatty() else ""  # of a progress bar
        print(f"{line_end}posegaussian: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _noted_interrupts() -> list[int]:
    """Signals of Ctrl-C that have come: none yet, and none where they are ignored, as in the background of a shell."""
    noted: list[int] = []

    def note(number: int, _frame: object) -> None:
        noted.append(number)
        raise KeyboardInterrupt

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, note)
    return noted


if __name__ == "__main__":
    run()
