"""Runs readers on damaged files in processes of their own, so that a native crash is a result and not the end."""

import faulthandler
import gc
import os
import re
import resource
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe, connection
from pathlib import Path
from random import Random
from typing import BinaryIO

from fuzzing.mutations import damaged
from fuzzing.readers import READERS, Reader

from posegaussian.errors import UserError

SECONDS = 10.0
"""A reader that takes more seconds of a processor hangs."""
_WAIT = 6
"""So many times as long may be waited for it, since other programs may use the processors. Chosen by hand."""
MEGABYTES = 1024.0
"""A reader may hold so much more than before."""
_ROOM = 3 << 30
"""Bytes of address space that a process may add, so that a damaged size cannot take all memory of the machine."""
_KEPT = 20
"""Failures of one reader that are kept whole; the others are counted. Chosen by hand."""


@dataclass(frozen=True)
class Outcome:
    """What a reader did with one damaged copy: it `read` or `refused` it, or failed in the way that `kind` names."""

    number: int
    kind: str
    what: str = ""
    seconds: float = 0.0
    megabytes: float = 0.0


@dataclass
class Tally:
    """What a reader did with many damaged copies."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: dict[str, list[int]] = field(default_factory=dict)
    """Numbers of the first copies that failed, by what happened."""
    slowest: float = 0.0
    peak: float = 0.0

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.kind] += 1
        self.slowest, self.peak = max(self.slowest, outcome.seconds), max(self.peak, outcome.megabytes)
        if outcome.kind not in ("read", "refused"):
            numbers = self.failures.setdefault(f"{outcome.kind}: {outcome.what}", [])
            numbers += [outcome.number][: _KEPT - len(numbers)]


def fuzz(name: str, count: int, scratch: Path, seed: int = 0, first: int = 0) -> Tally:
    """What a reader does with damaged copies `first` to `first + count - 1`.

    Args:
        name: of the reader in READERS.
        count: how many copies.
        scratch: an empty folder.
        seed: of all copies.
        first: number of the first copy.
    """
    tally = Tally()
    number, end = first, first + count
    while number < end:
        with tempfile.TemporaryFile() as stack:
            for outcome in _in_a_process(name, range(number, end), scratch, seed, stack):
                tally.add(outcome)
                number = outcome.number + 1
    return tally


def copy_of(name: str, number: int, folder: Path, seed: int = 0) -> Path:
    """Write a sample whose damaged copy has this number; returns the damaged file."""
    random = Random(f"{seed} {name} {number}")
    folder.mkdir(parents=True)
    path = random.choice(READERS[name].write(folder))
    path.write_bytes(damaged(path.read_bytes(), random, text=READERS[name].text, repair=READERS[name].repair))
    return path


def _in_a_process(name: str, numbers: range, scratch: Path, seed: int, stack: BinaryIO) -> Iterator[Outcome]:
    """The outcomes of a process, until all copies are read or the process is lost; it writes its stack then."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    ours, theirs = Pipe(duplex=False)
    child = os.fork()
    if not child:
        faulthandler.disable()  # the one that pytest has enabled writes elsewhere
        faulthandler.enable(stack)
        _child(READERS[name], name, numbers, scratch, seed, theirs, stack)
    theirs.close()
    number, waited, used = numbers[0] - 1, -60.0, 60.0  # writing the sample takes its time
    try:
        while waited < _WAIT * SECONDS and _processor_seconds(child) - used < SECONDS:
            if not ours.poll(1.0):
                waited += 1  # counted, not read from the clock: both processes may be stopped for a while
                continue
            outcome = ours.recv()
            waited, used = 0.0, _processor_seconds(child)
            if outcome is not None:
                number = outcome.number
                yield outcome
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        yield Outcome(number + 1, "hang", _innermost(stack), SECONDS)
    except EOFError:
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            yield Outcome(number + 1, "crash", f"{signal.Signals(os.WTERMSIG(status)).name} {_innermost(stack)}")
        elif status:
            raise RuntimeError(f"{name}: the sample cannot be read or written: see the output above") from None
    finally:
        ours.close()


def _child(
    reader: Reader,
    name: str,
    numbers: range,
    scratch: Path,
    seed: int,
    pipe: "connection.Connection | connection.PipeConnection",
    stack: BinaryIO,
) -> None:
    """Read the copies and send the outcomes; never returns."""
    status = 1
    try:
        for outcome in _outcomes(reader, name, numbers, scratch, seed):
            pipe.send(outcome)
            faulthandler.dump_traceback_later(0.9 * SECONDS, repeat=True, file=stack)  # if the next copy hangs
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        pipe.close()
        os._exit(status)


def _outcomes(reader: Reader, name: str, numbers: range, scratch: Path, seed: int) -> Iterator[Outcome | None]:
    """The outcome of every copy; before the first one None, when the sample is written and has been read."""
    folder = scratch / "a" / "b" / "sample"  # what is written to ../../ of it is seen
    folder.mkdir(parents=True)
    files = {path: path.read_bytes() for path in reader.write(folder)}
    with suppress(UserError):
        reader.read(folder)
    out = folder.parent / "out"
    _remove(out)
    known = _tree(scratch)
    soft, hard = _bytes("VmSize") + _ROOM, resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    _silence()
    yield None
    for number in numbers:
        random = Random(f"{seed} {name} {number}")
        path = random.choice([*files])
        _replace(path, damaged(files[path], random, text=reader.text, repair=reader.repair))
        outcome = _outcome(reader, folder, number)
        _replace(path, files[path])
        _remove(out)
        if strays := _tree(scratch) - known:
            outcome = Outcome(number, "stray file", str(sorted(strays)[0].relative_to(scratch)))
            for stray in strays:
                _remove(stray)
        yield outcome


def _outcome(reader: Reader, folder: Path, number: int) -> Outcome:
    Path("/proc/self/clear_refs").write_text("5")  # the peak of memory begins anew
    before, start = _bytes("VmRSS"), time.process_time()
    kind, what = "read", ""
    try:
        reader.read(folder)
    except UserError as error:
        one_line = len(str(error).splitlines()) == 1 and str(error).isprintable()
        kind, what = ("refused", "") if one_line else ("not one line", repr(str(error))[:80])
    except MemoryError as error:
        kind, what = "memory", _where(error)
    except Exception as error:
        kind, what = "traceback", _where(error)
    gc.collect() if kind == "traceback" else None  # a traceback keeps files open
    seconds, megabytes = time.process_time() - start, max(0, _bytes("VmHWM") - before) / 2**20
    if megabytes > MEGABYTES:
        kind, what = "memory", f"{megabytes:.0f} MB"
    if seconds > SECONDS:
        kind, what = "hang", ""
    return Outcome(number, kind, what, seconds, megabytes)


def _innermost(stack: BinaryIO) -> str:
    """The innermost places of the stack that `faulthandler` wrote last; empty where it could not write one."""
    stack.seek(0)
    last = stack.read().decode().rpartition("(most recent call first)")[2]
    frames = re.findall(r'File ".*?([^/"]+)", line (\d+) in (\S+)', last)
    return " < ".join(f"{file}:{line} {function}" for file, line, function in frames[:4])


def _where(error: BaseException) -> str:
    """The place in the library, and the error without what differs from copy to copy."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "posegaussian" in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno} {frames[-1].name}" if frames else "?"
    said = re.sub(r"(0x)?\d+|'[^']*'|[^ -~]", "…", " ".join(str(error).split()))
    return f"{place}: {type(error).__name__}: {said[:60]}"


def _bytes(key: str) -> int:
    """A size from the system's view of this process."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024


def _processor_seconds(process: int) -> float:
    """Seconds that the threads of a process have used, without the system's part."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()  # a name may hold blanks
    return int(fields[11]) / os.sysconf("SC_CLK_TCK")  # utime, field 14 of proc(5)


def _silence() -> None:
    """Nothing more on stdout and stderr: libraries report damaged data there."""
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _replace(path: Path, data: bytes) -> None:
    """Write a new file in the place of an old one, which may still be open."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _tree(folder: Path) -> set[Path]:
    return {Path(where, name) for where, folders, files in os.walk(folder) for name in (*folders, *files)}
