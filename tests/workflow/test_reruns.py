"""Exact reruns: what a change of the configuration, of the sheet, of a file or of the software plans, job by job."""

import os
import re
import shutil

import helpers
import pytest

from posegaussian import config

REPORTED = {"report:demo"}
COMPARED = {"evaluate:demo,c", "summarize:demo"} | REPORTED
EVALUATED = {"references:c"} | COMPARED
RENDERED = {"render:demo,c"} | COMPARED
TRAINED = {"train_depth:demo", "train_full:demo"} | RENDERED
DETECTED = {f"heatmaps:small,{capture}" for capture in "abc"} | TRAINED
RECTIFIED = {f"rectify:{capture}" for capture in "abc"} | {"references:c"} | DETECTED
PHOTOGRAPHED = {f"captures:{capture}" for capture in "abc"} | RECTIFIED

# What reruns when a stage's settings or its version change.
AFTER = {
    "captures": PHOTOGRAPHED,
    "people": set[str](),  # all these captures have masks
    "rectify": RECTIFIED,
    "heatmaps": DETECTED,
    "train": TRAINED,
    "render": RENDERED,
    "evaluate": EVALUATED,
    "report": REPORTED,
    "assess": set[str](),  # a target of its own
}


def test_nothing_to_do(done):
    assert done.planned() == set()


def test_touched_without_change(done):
    """Files under Snakemake's checksum limit count by content; the configuration by what it says."""
    os.utime(done.folder / "config.yaml")
    os.utime(done.folder / "captures.tsv")
    os.utime(done.folder / "results/rectified/c.h5")
    os.utime(done.folder / "results/models/demo/depth.safetensors")
    assert done.planned() == set()


def test_a_file_changed_by_hand(done):
    (done.folder / "results/heatmaps/small/c.h5").write_text("other")
    assert done.planned() == RENDERED


@pytest.mark.parametrize(
    "path, value, jobs",
    [
        ("builtin.frames", 4, AFTER["captures"]),
        ("rectify.margin", 0.1, AFTER["rectify"]),
        ("detectors.small.weights", "other.safetensors", AFTER["heatmaps"]),
        ("models.demo.train.learning_rate", 0.001, AFTER["train"]),
        ("models.demo.network.pose", "none", AFTER["train"]),
        ("models.demo.train.full_steps", 3, AFTER["train"] - {"train_depth:demo"}),
        ("render.path_steps", 5, AFTER["render"]),
        ("evaluate.crops", ["full"], AFTER["evaluate"]),
        ("models.demo.weights", "mine.safetensors", AFTER["render"]),
    ],
)
def test_one_key(done, path, value, jobs):
    (done.folder / "mine.safetensors").write_text("weights")
    *parents, last = path.split(".")
    section = done.config
    for parent in parents:
        section = section.setdefault(parent, {})
    section[last] = value
    done.save()
    assert done.planned() == jobs


def test_defaults_written_out(done):
    done.config = config.as_dict(config.parse(config.Config, done.config))
    done.save()
    assert done.planned() == set()


def test_every_stage_has_a_version():
    assert set(AFTER) == set(config.STAGE_VERSION)


@pytest.fixture(scope="module")
def done_from_copy(copy_of_the_repository, new_workflow):
    """A workflow that has run, from a copy of the repository."""
    workflow = new_workflow()
    workflow.root = copy_of_the_repository
    workflow.pretend()
    return workflow


@pytest.mark.parametrize("stage", AFTER)
def test_stage_version_raised(done_from_copy, stage):
    module = done_from_copy.root / "posegaussian/config/__init__.py"
    text = module.read_text()
    try:
        module.write_text(f'{text}\nSTAGE_VERSION["{stage}"] += 1\n')
        assert done_from_copy.planned() == AFTER[stage]
    finally:
        module.write_text(text)


def test_new_settings(done_from_copy):
    """An upgrade that adds a setting with a default to any section makes nothing again."""
    files = {path: path.read_text() for path in (done_from_copy.root / "posegaussian/config").glob("*.py")}
    field = r'^    \w+: .* = .*\n    """[^"]+"""\n'
    try:
        for path, text in files.items():
            if "config=STRICT" in text:
                path.write_text(
                    re.sub(field, r'\g<0>    brand_new: int = 7\n    """New."""\n', text, count=1, flags=re.M)
                )
        assert done_from_copy.planned() == set()
        done_from_copy.config["render"]["brand_new"] = 8
        done_from_copy.save()
        assert done_from_copy.planned() == AFTER["render"], "it is a setting, and other values of it count"
    finally:
        for path, text in files.items():
            path.write_text(text)
        del done_from_copy.config["render"]["brand_new"]
        done_from_copy.save()


def test_the_library_changed_but_no_results(done_from_copy):
    """Only a raised version says that results change: edits and upgrades of packages do not."""
    module = done_from_copy.root / "posegaussian/model/network.py"
    module.write_text(module.read_text() + "\n# a comment\n")
    for pins in ("posegaussian.txt", "posegaussian.yaml", "mmpose.post-deploy.sh"):
        path = done_from_copy.root / "envs" / pins
        path.write_text(path.read_text() + "\n# other pins\n")
    assert done_from_copy.planned() == set()


def test_capture_added(done):
    done.sheet.append(["d", "test", "builtin:4", ""])
    done.save()
    own = {"captures:d", "rectify:d", "heatmaps:small,d", "render:demo,d", "references:d", "evaluate:demo,d"}
    assert done.planned() == own | {"summarize:demo", "report:demo"}


def test_splats_are_written_where_a_report_shows_them(done):
    """Of the first two captures that are tested, or of all; what is written already stays."""
    done.sheet += [["d", "test", "builtin:4", ""], ["e", "test", "builtin:5", ""]]
    done.save()
    jobs = done.planned()
    assert {"render:demo,d", "render_views:demo,e"} <= jobs and not {"render:demo,e", "render:demo,c"} & jobs
    commands = done.run("--dry-run", "--printshellcmds").stdout
    for splats in ("demo/d", "demo/c results/splats/demo/d"):
        assert f"--splats results/splats/{splats} " in commands, "of render and report"
    assert "results/splats/demo/e" not in commands
    done.config["splats"] = "all"
    done.save()
    assert done.planned() == jobs - {"render_views:demo,e"} | {"render:demo,e"}


def test_people_are_found_in_captures_without_masks(done):
    """And their joints are taken where the detector is the same network; given masks need neither."""
    helpers.write_sphere_capture(done.folder / "masked", frames=1, size=(64, 48), samples=1, depths=False)
    shutil.copytree(done.folder / "masked", done.folder / "bare", ignore=shutil.ignore_patterns("masks"))
    done.config["detectors"]["real"] = {"kind": "blazepose"}
    done.config["models"]["demo"] |= {"detector": "real", "weights": "release"}
    done.sheet = [[*done.sheet[0], "person"], ["d", "test", "masked", "", ""], ["e", "test", "bare", "", "2"]]
    done.save()
    own = {f"{job},{capture}" for capture in "de" for job in ("heatmaps:real", "render:demo", "evaluate:demo")}
    own |= {"references:d", "references:e"}
    own |= {"rectify:d", "rectify:e", "summarize:demo", "report:demo"}
    assert done.planned() == own | {"people:e"}
    commands = done.run("--dry-run", "--printshellcmds").stdout
    assert commands.count("--people results/people/e.h5") == 3, "of rectify, heatmaps and report"
    assert "--person 2" in command_of("people bare", commands)
    assert "--person" not in command_of("rectify bare", commands)
    done.config["rectify"]["masks"] = "median"
    done.save()
    commands = done.run("--dry-run", "--printshellcmds").stdout
    assert done.planned() == own | {"people:d", "people:e"}, "the joints of d are those of its found masks, too"
    assert "--person 2" in command_of("rectify bare", commands)
    done.config["rectify"]["masks"] = "auto"
    done.save()
    done.pretend()
    done.config["people"] = {"missing": "skip"}
    done.save()
    assert {"people:e", "rectify:e"} <= done.planned() and not {"people:d", "rectify:d"} & done.planned()


def command_of(stage, commands):
    """The line of a stage among the commands that Snakemake prints."""
    (line,) = [line for line in commands.splitlines() if f" {stage} " in line]
    return line


def test_training_capture_added(done):
    done.sheet.append(["d", "train", "builtin:4", ""])
    done.save()
    assert done.planned() == {"captures:d", "rectify:d", "heatmaps:small,d"} | TRAINED


def test_capture_removed(workflow):
    workflow.sheet.append(["d", "test", "builtin:4", ""])
    workflow.save()
    workflow.pretend()
    del workflow.sheet[4]
    workflow.save()
    assert workflow.planned() == {"summarize:demo", "report:demo"}


def test_source_of_a_capture_changed(done):
    done.sheet[3][2] = "builtin:9"
    done.save()
    assert done.planned() == {"captures:c", "rectify:c", "references:c", "heatmaps:small,c"} | RENDERED


def test_model_added(done):
    """It is trained; the page of the one that is there sets both side by side."""
    done.config["models"]["other"] = {"network": {"pose": "none"}, "train": {"depth_steps": 3, "full_steps": 2}}
    done.config["report"] = ["demo", "other"]
    done.save()
    assert done.planned() == {job.replace("demo", "other") for job in TRAINED} | {"report:demo"}


def test_results(done):
    """A page over all captures and models, made when it is asked for; groups of presets reach it as captures."""
    page = "results/tables/results.md"
    done.config["presets"] = {"near": {"frames": 2}}
    done.config["results"] = {"groups": {"everybody": ["c"], "near by": ["near"]}}
    done.sheet = [[*row, "near" if row[0] == "c" else ""] for row in done.sheet]
    done.sheet[0][-1] = "preset"
    done.save()
    done.pretend()
    assert done.planned("--", page) == {"results"}
    assert '"near by": ["c"]' in done.run("--dry-run", "--printshellcmds", "--", page).stdout
    (done.folder / "results/tables").mkdir()
    for path in ("results.md", "means.csv", "typical.jpg", "worst.jpg"):
        (done.folder / "results/tables" / path).write_text(path)
    done.run("--touch", "--forcerun", "results", "--", page)
    assert done.planned("--", page) == set()
    done.config["results"]["worst"] = 3
    done.save()
    assert done.planned("--", page) == {"results"}
    done.config["models"]["other"] = done.config["models"]["demo"]
    done.config["report"] = ["demo", "other"]
    done.config["results"]["goals"] = [{"what": "w", "group": "near by", "metric": "psnr", "against": "other"}]
    done.save()
    evaluated = {"evaluate:other,c"}
    assert {job for job in done.planned("--", page) if job.startswith("evaluate")} == evaluated
    done.config["results"]["groups"]["near by"] = [done.sheet[1][0]]  # a capture of the split `train`
    done.save()
    assert not {job for job in done.planned("--", page) if job.startswith("evaluate")}


def test_forcerun(done):
    assert done.planned("--forcerun", "render") == RENDERED


def test_until(done):
    assert done.planned("--forcerun", "rectify", "--until", "heatmaps") == {
        job for job in RECTIFIED if job.startswith(("rectify", "heatmaps"))
    }


def test_incomplete_output_is_made_again(done):
    """A job that was killed left its marker; profiles/default asks for --rerun-incomplete."""
    output = "results/renders/demo/c.h5"
    metadata = next(path for path in (done.folder / ".snakemake/metadata").iterdir() if done.is_record(path, output))
    (done.folder / ".snakemake/incomplete").mkdir(exist_ok=True)
    metadata.rename(done.folder / ".snakemake/incomplete" / metadata.name)
    assert done.planned() == RENDERED


def test_given_weights_without_their_stabiliser(done):
    """Rendered again, frame by frame; never trained."""
    (done.folder / "mine.safetensors").write_text("weights")
    done.config["models"]["mine"] = done.config["models"]["demo"] | {"weights": "mine.safetensors"}
    done.config["report"] = ["mine"]
    done.save()
    done.pretend()
    done.config["models"]["mine"] = done.config["models"]["mine"] | {"network": {"stabilizer": False}}
    done.save()
    assert done.planned() == {"render:mine,c", "evaluate:mine,c", "summarize:mine", "report:mine"}
    assert "--no-stabilizer" in done.run("--dry-run", "--printshellcmds").stdout


@pytest.mark.parametrize("relative", [False, True])
def test_given_weights_never_train(done, relative):
    """Not even where they are what another model of the configuration was trained to."""
    weights = "results/models/demo/full.safetensors"
    models = done.config["models"]
    models["mine"] = models["demo"] | {"weights": weights if relative else str(done.folder / weights)}
    models["demo"] = models["demo"] | {"train": models["demo"]["train"] | {"learning_rate": 0.001}}
    done.config["report"] = ["mine"]
    done.save()
    assert done.planned() == {"render:mine,c", "evaluate:mine,c", "summarize:mine", "report:mine"}
