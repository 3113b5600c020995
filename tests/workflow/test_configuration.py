"""Configuration and captures sheet: one line names what is wrong, and where."""

import pytest


def said(workflow) -> str:
    """The one line that a failing Snakemake ends with."""
    done = workflow.run("--dry-run")
    assert done.returncode != 0
    return done.stdout


def test_a_model_of_streamed_people_needs_no_captures_to_learn_from(workflow):
    workflow.sheet = [row for row in workflow.sheet if row[1] != "train"]
    workflow.save()
    assert "needs at least one capture of split 'train'" in said(workflow)
    workflow.config["models"]["demo"]["train"]["stream"] = 1.0
    workflow.save()
    assert {"train_depth:demo", "rectify:b"} <= workflow.planned()


def test_a_configuration_that_only_trains_has_no_report(workflow):
    workflow.config["report"] = []
    workflow.save()
    assert "train_full:demo" in workflow.planned("results/models/demo/full.safetensors")
    done = workflow.run("--dry-run", "results/assess/c.html")
    assert done.returncode != 0 and "report: the list is empty" in done.stdout


def test_a_model_starts_from_another_one(workflow):
    train = workflow.config["models"]["demo"]["train"]
    workflow.config["models"]["demo"]["train"] = train | {"init": None, "depth_steps": 3}
    workflow.config["models"]["tuned"] = {"train": train | {"init": "demo", "depth_steps": 0}}
    workflow.config["models"]["given"] = {"train": train | {"init": "given.safetensors", "depth_steps": 1}}
    (workflow.folder / "given.safetensors").touch()
    workflow.save()
    trained = [job for job in workflow.planned("results/models/tuned/full.safetensors") if job.startswith("train")]
    assert sorted(trained) == ["train_depth:demo", "train_full:demo", "train_full:tuned"]
    trained = [job for job in workflow.planned("results/models/given/full.safetensors") if job.startswith("train")]
    assert sorted(trained) == ["train_depth:given", "train_full:given"]
    workflow.config["models"]["demo"]["train"]["init"] = "demo"
    workflow.save()
    assert "models.demo.train.init: a model cannot start from itself" in said(workflow)


@pytest.mark.parametrize(
    "goal, groups, message",
    [
        ({"group": "all"}, {"some": ["c"]}, "results.goals.0.group: 'all' is not one of `results.groups`: some"),
        ({"group": "some"}, {"some": ["d"]}, "captures.tsv: results.groups.some: 'd' is no capture and no preset"),
        ({"group": "b"}, {}, "captures.tsv: results.goals.0.group: 'b' is no capture of split 'test'"),
    ],
)
def test_results_name_what_is_there(workflow, goal, groups, message):
    workflow.config["results"] = {"groups": groups, "goals": [goal | {"what": "good", "metric": "psnr"}]}
    workflow.save()
    assert message in said(workflow)


def test_unknown_key(workflow):
    workflow.config["models"]["demo"]["train"]["learning_rat"] = 1
    workflow.save()
    assert "models.demo.train.learning_rat: unknown key" in said(workflow)


def test_wrong_value(workflow):
    workflow.config["rectify"]["size"] = [0, 128]
    workflow.save()
    assert "rectify.size.0: input should be greater than 0, not 0" in said(workflow)


def test_unknown_detector(workflow):
    workflow.config["models"]["demo"]["detector"] = "large"
    workflow.save()
    assert "models.demo.detector: 'large' is not one of `detectors`: small" in said(workflow)


def test_undefined_model(workflow):
    workflow.config["report"] = ["nobody"]
    workflow.save()
    assert "configuration: report.0: 'nobody' is not one of `models`: demo" in said(workflow)


@pytest.mark.parametrize(
    "row, message",
    [
        (["d", "holdout", "builtin:4", ""], "captures.tsv, row 4: split: input should be 'train', 'val' or 'test'"),
        (["a", "train", "builtin:4", ""], "captures.tsv, row 4: capture a is listed twice"),
        (["d/e", "train", "builtin:4", ""], "captures.tsv, row 4: capture: 'd/e' is not made of letters"),
        (["d", "train", "builtin:x", ""], "captures.tsv, row 4: path"),
        (["d", "train", "nowhere", ""], "capture d: nowhere: no such folder"),
    ],
)
def test_bad_row(workflow, row, message):
    workflow.sheet.append(row)
    workflow.save()
    assert message in said(workflow)


def test_an_error_of_an_input_function_is_one_line(workflow):
    """A folder without a capture or a scan, found while Snakemake plans the jobs."""
    (workflow.folder / "empty").mkdir()
    for path, message in (("empty", "empty: "), ("nowhere", "no such folder"), ("scan:empty", "holds no scan")):
        workflow.sheet[3][2] = path
        workflow.save()
        last, *before = reversed(said(workflow).splitlines())
        assert last.startswith("captures.tsv: capture c: ") and message in last
        assert before[0].startswith("Building DAG")


def test_missing_sheet(workflow):
    workflow.config["captures"] = "other.tsv"
    workflow.save()
    assert "other.tsv: no such captures sheet" in said(workflow)


def test_missing_split(workflow):
    del workflow.sheet[3]
    workflow.save()
    assert "model demo needs at least one capture of split 'test'" in said(workflow)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_a_configuration_in_another_encoding(workflow, encoding):
    file = workflow.folder / "config/config.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text("captures: captures.tsv  # café\n", encoding=encoding)
    assert "config/config.yaml: no UTF-8" in said(workflow)
