"""How a command ends that a signal stops, or for which memory is not enough."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from posegaussian import cli

ROOT = Path(__file__).parents[3]
LACKS_MEMORY = RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1000000000000 bytes")


def test_ctrl_c_while_modules_are_imported():
    """Compiled code may turn the interrupt into an error of its own, as NumPy's did."""
    script = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(self, name, *_):
        if name == "posegaussian.pipeline.summarize":
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                raise AttributeError("module 'numpy' has no attribute 'subtract'") from None
sys.meta_path.insert(0, Finder())
from posegaussian.__main__ import run
run(["summarize", "a", "-o", "out"])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "posegaussian: interrupted\n")


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory.\nTried"), LACKS_MEMORY])
def test_out_of_memory_is_one_line(monkeypatch, capsys, error):
    def hungry(*_):
        raise error

    monkeypatch.setattr("posegaussian.pipeline.summarize.summarize", hungry)
    with pytest.raises(SystemExit) as stop:
        cli.main(["summarize", "a", "-o", "out"])
    line = capsys.readouterr().err
    assert stop.value.code == 2 and line.startswith("posegaussian: error: out of memory; ") and line.count("\n") == 1


@pytest.mark.parametrize(("name", "line"), [("SIGTERM", ""), ("SIGINT", "posegaussian: interrupted\n")])
def test_a_job_that_is_stopped_unwinds(name, line):
    script = f"""
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs in the background of a shell ignore it
from posegaussian.__main__ import run
from posegaussian.pipeline import summarize as stage
def summarize(*_):
    try:
        os.kill(os.getpid(), signal.{name})
    finally:
        print("unwound")
stage.summarize = summarize
run(["summarize", "a", "-o", "out"])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.Signals[name], "unwound\n", line)
