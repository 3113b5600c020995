"""The short demo on a real Slurm of one node, through the slurm executor and profiles/slurm.

The cluster is started by cluster.sh in namespaces of its own, which takes root, Debian's slurm-wlm and munge.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
NEEDED = ("slurmctld", "slurmd", "munged", "unshare", "setpriv", "ip")
missing = [program for program in NEEDED if shutil.which(program) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.mmpose,
    pytest.mark.skipif(bool(missing), reason=f"no {', '.join(missing)}: install Debian's slurm-wlm and munge"),
    pytest.mark.skipif(os.geteuid() != 0, reason="namespaces of its own take root"),
    pytest.mark.skipif(Path("/etc/slurm/slurm.conf").exists(), reason="this machine belongs to a Slurm cluster"),
]

# This cluster's own ways: no accounting, hence squeue; two cores; and no patience between two looks.
HERE = ["--slurm-no-account", "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2"]
HERE += ["--seconds-between-status-checks", "2", "--latency-wait", "5", "--max-threads", str(os.cpu_count())]
NO_GPU = ["--set-resources", "train_depth:gpu=0", "train_full:gpu=0", "render:gpu=0"]

# Snakemake and, beside it, a hand that cancels the first training job once that has saved a state; $1 is the state.
CANCEL = """
hand() {
    until [ -e "$1" ]; do sleep 0.2; done
    job=$(squeue --noheader --format '%A %k' | awk '/rule_train_depth/ {print $1}')
    scancel "$job" && echo "cancelled job $job in mid-training"
}
hand "$1" &
shift
"$@"
"""


def on_cluster(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    script = Path(__file__).with_name("cluster.sh")
    return subprocess.run(
        ["bash", str(script), str(folder / "cluster"), *command],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        timeout=1800,
    )


def snakemake(workflow) -> list[str]:
    command = [word for word in workflow.command if word not in ("--cores", "2")]
    return [*command, "--workflow-profile", str(ROOT / "profiles/slurm"), *HERE]


def test_the_demo_through_slurm_with_a_job_cancelled_in_training(workflow):
    (workflow.folder / "cluster").mkdir()
    workflow.config["models"]["demo"]["train"] |= {"depth_steps": 30, "save_every": 5}
    workflow.save()
    state = workflow.folder / "results/models/demo/state/depth/depth.state"
    command = ["bash", "-c", CANCEL, "bash", str(state), *snakemake(workflow), *NO_GPU, "--retries", "1"]
    done = on_cluster(workflow.folder, *command)
    (workflow.folder / "slurm.log").write_text(done.stdout)
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-5000:]
    assert "in mid-training" in done.stdout
    assert "Trying to restart job" in done.stdout

    # 3 captures, 3 rectified, 3 heatmaps, 2 stages of training and one of them twice, references, render, evaluate
    assert done.stdout.count("has been submitted with SLURM jobid") == 15
    log = (workflow.folder / "results/logs/train/demo.depth.log").read_text()
    assert "train depth: resuming after step" in log
    steps = pd.read_csv(workflow.folder / "results/models/demo/depth.csv").query("split == 'train'").step
    assert steps.is_unique
    assert steps.max() == 30
    assert (workflow.folder / "results/report/demo/index.html").is_file()
    assert "Nothing to be done" in workflow.run().stdout


def test_a_gpu_that_the_cluster_lacks_is_refused_in_plain_words(done):
    (done.folder / "cluster").mkdir()
    run = on_cluster(done.folder, *snakemake(done), "--forcerun", "render", "--until", "render")
    print(run.stdout)
    assert run.returncode != 0
    assert "Error in rule render" in run.stdout
    assert "SLURM sbatch failed" in run.stdout
    assert "--gpus=1" in run.stdout
