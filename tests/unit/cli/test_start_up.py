"""What starting a command costs: the modules that it does not import, and the folder of compiled code."""

import os
import subprocess
import sys

import pytest

from posegaussian import caches

SLOW = (
    "torchmetrics",
    "matplotlib",
    "pandas",
    "scipy.interpolate",
    "scipy.ndimage",
    "scipy.signal",
    "scipy.stats",
    "snakemake",
)
"""Packages that take more than a tenth of a second to import, each."""

HELP = "from posegaussian.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass"


def imported(code):
    """Names of the modules that are loaded after a line of Python."""
    code += "\nimport sys; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_help_imports_no_package_of_numbers():
    assert not {"numpy", "torch", "cv2", "h5py", "scipy", "numba", *SLOW} & imported(HELP)


def test_threads_of_libraries_do_not_multiply_those_of_stages():
    code = f"{HELP}\nimport cv2; assert cv2.getNumThreads() == 1, cv2.getNumThreads()"
    assert "cv2" in imported(code)


@pytest.mark.parametrize("stage", ["rectify", "heatmaps", "evaluate"])
def test_stages_import_no_slow_package_that_they_rarely_need(stage):
    assert not set(SLOW) & imported(f"import posegaussian.pipeline.{stage}")


def test_compiled_code_lies_in_one_folder_unless_variables_name_others(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "environ", {"XDG_CACHE_HOME": str(tmp_path / "home"), "TRITON_CACHE_DIR": "/elsewhere"})
    assert caches.cache_folder() == tmp_path / "home/posegaussian"
    os.environ["POSEGAUSSIAN_CACHE"] = str(tmp_path / "own")
    caches.use_cache_folder()
    assert os.environ["NUMBA_CACHE_DIR"] == str(tmp_path / "own/numba")
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == str(tmp_path / "own/inductor")
    assert os.environ["TRITON_CACHE_DIR"] == "/elsewhere"


def test_a_cache_folder_that_cannot_be_made_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setattr(os, "environ", {"POSEGAUSSIAN_CACHE": str(tmp_path / "file/cache")})
    assert not caches.use_cache_folder()
    assert "NUMBA_CACHE_DIR" not in os.environ
