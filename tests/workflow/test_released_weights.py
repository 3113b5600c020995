"""The weights that ship need no training: what a run with them plans."""

import pytest
import yaml


def trainings(jobs: set[str]) -> set[str]:
    return {job for job in jobs if job.startswith("train")}


def test_a_model_of_released_weights_is_not_trained(workflow):
    workflow.config |= {"report": ["ready"], "models": {"ready": {"weights": "release"}}}
    workflow.sheet = [workflow.sheet[0], *(row for row in workflow.sheet if row[1] == "test")]
    workflow.save()
    jobs = workflow.planned()
    assert {"captures:c", "render:ready,c", "report:ready"} <= jobs and not trainings(jobs)


@pytest.mark.parametrize("name", ["pose2sim", "pose2sim_hrnet", "zju_mocap"])
def test_configurations_for_real_footage_train_nothing(workflow, name):
    settings = yaml.safe_load((workflow.root / f"config/{name}.yaml").read_text())
    if name == "zju_mocap":  # its captures are not at hand, and its groups name them
        settings = {**settings, "captures": "config/pose2sim.tsv", "results": {}}
    (workflow.folder / "config.yaml").write_text(yaml.safe_dump(settings))
    jobs = workflow.planned()
    assert any(job.startswith("render:") for job in jobs) and not trainings(jobs)


def test_the_demo_tunes_them(workflow):
    (workflow.folder / "config.yaml").write_text((workflow.root / "config/config.yaml").read_text())
    jobs = workflow.planned()
    assert trainings(jobs) == {"train_full:demo"}
    assert {"report:demo", "report:release"} <= jobs
    done = workflow.run("--dry-run", "--printshellcmds", "--until", "train_full")
    assert "posegaussian/assets/weights/release.safetensors" in done.stdout
