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


def test_ctrl_c(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("posegaussian.pipeline.summarize.summarize", interrupted)
    with pytest.raises(SystemExit) as stop:
        cli.main(["summarize", "a", "-o", "out"])
    assert stop.value.code == 130


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
from posegaussian import cli
from posegaussian.pipeline import summarize as stage
def summarize(*_):
    try:
        os.kill(os.getpid(), signal.{name})
    finally:
        print("unwound")
stage.summarize = summarize
cli.main(["summarize", "a", "-o", "out"])
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (128 + signal.Signals[name], "unwound\n", line)
