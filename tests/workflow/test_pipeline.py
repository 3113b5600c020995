"""The short demo for real, through Snakemake: every stage; killed in training and run again; every output whole."""

import os
import signal
import subprocess
import time

import h5py
import pandas as pd
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.mmpose]


def kill_in_training(workflow) -> bool:
    """Start the workflow and kill all of it once training has saved a state."""
    process = subprocess.Popen(workflow.command, cwd=workflow.folder, start_new_session=True)
    state = workflow.folder / "results/models/demo/state/depth"
    deadline = time.monotonic() + 900
    while process.poll() is None and time.monotonic() < deadline:
        if state.is_dir() and (state / "depth.state").exists():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.1)
    return False


@pytest.fixture(scope="module")
def finished(new_workflow):
    """The short demo with a longer first stage of training, which is killed once on the way."""
    workflow = new_workflow()
    workflow.config["models"]["demo"]["train"] |= {"depth_steps": 40, "save_every": 5}
    workflow.save()
    assert kill_in_training(workflow), "training ended before it could be killed"
    assert not (workflow.folder / "results/models/demo/depth.safetensors").exists()
    workflow.run("--unlock")
    done = workflow.run()
    assert done.returncode == 0, done.stdout
    return workflow


def test_training_was_resumed(finished):
    log = (finished.folder / "results/logs/train/demo.depth.log").read_text()
    assert "train depth: resuming after step" in log
    steps = pd.read_csv(finished.folder / "results/models/demo/depth.csv").query("split == 'train'").step
    assert steps.is_unique
    assert steps.max() == 40


def test_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in finished.run().stdout


def test_every_store_is_complete(finished):
    files = sorted((finished.folder / "results").rglob("*.h5"))
    assert len(files) == 7  # 3 rectified, 3 heatmaps, 1 renders
    for path in files:
        with h5py.File(path) as file:
            assert file.attrs["complete"]
    assert not list((finished.folder / "results").rglob("*.part"))


def test_metrics_have_both_reference_rows(finished):
    table = pd.read_csv(finished.folder / "results/metrics/demo.csv")
    assert set(table.method) == {"plane_warp", "demo", "gt_depth"}
    psnr = table.query("scope == 'bbox' and metric == 'psnr'").set_index("method")["mean"]
    assert psnr["gt_depth"] > psnr["plane_warp"]


def test_report_stands_alone(finished):
    page = (finished.folder / "results/report/demo/index.html").read_text()
    assert 'src="http' not in page and 'href="http' not in page
    assert "data:video/mp4" in page


def test_single_rule_by_hand(finished):
    """One stage rerun by name leaves the others alone."""
    done = finished.run("--forcerun", "evaluate", "--until", "evaluate", "--dry-run")
    assert "rule evaluate" in done.stdout
    assert "rule render" not in done.stdout


def test_incomplete_store_is_refused_in_one_line(finished):
    path = finished.folder / "results/rectified/c.h5"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    try:
        done = finished.run("--forcerun", "heatmaps", "--until", "heatmaps", "results/heatmaps/small/c.h5")
        log = (finished.folder / "results/logs/heatmaps/small/c.log").read_text()
    finally:
        path.write_bytes(whole)
    assert done.returncode != 0
    assert "results/rectified/c.h5: not a readable HDF5 file" in log
    assert "Traceback" not in log


def test_two_processes_train_one_model(finished):
    """A training with several GPUs is one process each; without any GPU they are processes on the CPU."""
    finished.config["models"]["shared"] = {"train": {"depth_steps": 3, "full_steps": 2, "batch_size": 2}}
    finished.save()
    weights = "results/models/shared/depth.safetensors"
    done = finished.run("--set-resources", "train_depth:gpu=2", "--until", "train_depth", "--", weights)
    assert done.returncode == 0, done.stdout
    assert (finished.folder / weights).is_file()
    assert pd.read_csv(finished.folder / "results/models/shared/depth.csv").step.max() == 3
