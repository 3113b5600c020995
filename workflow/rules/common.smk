# What the rules share: the typed configuration, the sheet of captures, and how a stage is called.
# Rules carry, as plain params, just the part of the configuration they depend on: those are what Snakemake tracks.
import functools
import json
import os
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import pandas as pd
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

ROOT = Path(str(workflow.current_basedir)).parents[1]  # this repository, also as a module of another workflow
sys.path.insert(0, str(ROOT))

from posegaussian import config as schema
from posegaussian.errors import UserError

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
CONTAINER = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method
SPLITS = ("train", "val", "test")


def one_line(function, *args):
    """Call; what the user did wrong becomes one line, without a traceback."""
    try:
        return function(*args)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def find(path):
    """A path of the configuration: as the working directory sees it, else as the repository does."""
    return Path(path) if Path(path).exists() else ROOT / path


def read_captures(path):
    """The sheet of captures as {name: row}; every row is checked against the schema."""
    if not find(path).is_file():
        raise WorkflowError(f"{path}: no such captures sheet")
    table = pd.read_csv(find(path), sep="\t", comment="#", dtype=str, keep_default_na=False)
    rows = {}
    for number, values in enumerate(table.to_dict("records"), start=1):
        row = one_line(schema.parse, schema.CaptureRow, values, f"{path}, row {number}")
        if row.capture in rows:
            raise WorkflowError(f"{path}, row {number}: capture {row.capture} is listed twice")
        if row.path.startswith("builtin:") and not row.path.removeprefix("builtin:").isdigit():
            raise WorkflowError(f"{path}, row {number}: path: {row.path!r} is not builtin:SEED with a whole number")
        if row.path.startswith("fetch:") and row.path != "fetch:pose2sim":
            raise WorkflowError(f"{path}, row {number}: path: {row.path!r} cannot be fetched, only fetch:pose2sim")
        if row.preset and row.preset not in CONFIG.presets:
            known = ", ".join(CONFIG.presets) or "none"
            raise WorkflowError(f"{path}, row {number}: preset: {row.preset!r} is not one of `presets`: {known}")
        rows[row.capture] = row
    return rows


def learns_from_captures(model):
    """Whether a model is trained here, and not on streamed people alone."""
    return model.weights == "train" and model.train.stream < 1


def check_model(name):
    """A model's cross references are good."""
    if name in ("floor", "ceiling"):
        raise WorkflowError(f"models.{name}: the yardsticks have this name in the tables; choose another")
    if name not in CONFIG.models:
        raise WorkflowError(f"report names the model {name!r}, which `models` does not define")
    detector = CONFIG.models[name].detector
    if detector not in CONFIG.detectors:
        raise WorkflowError(
            f"models.{name}.detector: {detector!r} is not one of `detectors`: {', '.join(CONFIG.detectors)}"
        )
    if CONFIG.models[name].train.init == name != "release":
        raise WorkflowError(f"models.{name}.train.init: a model cannot start from itself")
    needed = {"train", "test"} if learns_from_captures(CONFIG.models[name]) else {"test"}
    for split in sorted(needed - {row.split for row in CAPTURES.values()}):
        raise WorkflowError(f"{CONFIG.captures}: model {name} needs at least one capture of split {split!r}")


def check_results(results):
    """What the results name is there."""
    for target in results.targets:
        if target.group not in results.groups:
            raise WorkflowError(f"results.targets: {target.what!r}: no group {target.group!r} in results.groups")
        if target.against not in (None, "floor", "ceiling", *results.groups, *CONFIG.report):
            raise WorkflowError(
                f"results.targets: {target.what!r}: {target.against!r} is no group and no reported model"
            )
    for title, names in results.groups.items():
        for name in names:
            if name not in CAPTURES and name not in CONFIG.presets:
                raise WorkflowError(f"results.groups: {title!r}: {name!r} is no capture and no preset")


CONFIG = one_line(schema.parse, schema.Config, config, "configuration")
CAPTURES = read_captures(CONFIG.captures)
for name in CONFIG.report:
    check_model(name)
check_results(CONFIG.results)

BUILTIN = {name: int(row.path.split(":")[1]) for name, row in CAPTURES.items() if row.path.startswith("builtin:")}
FETCHED = [name for name, row in CAPTURES.items() if row.path == "fetch:pose2sim"]
SCANS = {name: row.path.removeprefix("scan:") for name, row in CAPTURES.items() if row.path.startswith("scan:")}
MADE = {*BUILTIN, *FETCHED, *SCANS}
MMPOSE_ENV = Path(CONFIG.mmpose_env) if Path(CONFIG.mmpose_env).is_absolute() else ROOT / CONFIG.mmpose_env


wildcard_constraints:
    capture="|".join(CAPTURES),
    model="|".join(CONFIG.models),
    detector="|".join(CONFIG.detectors),


# Every stage is called as `python -m posegaussian`, by the interpreter of its conda environment, of the image that the
# Dockerfile makes, or of one of the two virtual environments. These are environment variables, since where an
# interpreter lies is no reason to rerun anything.
if CONDA:
    pythons = ("python", "python")
elif CONTAINER:
    pythons = ("python", "mmpose-python")
else:
    pythons = (sys.executable, str(ROOT / "envs/mmpose-python"))
os.environ |= {"PG_ROOT": str(ROOT), "PG_PYTHON": pythons[0], "PG_MMPOSE_PYTHON": pythons[1]}
os.environ |= {"PG_MMPOSE_ENV": str(MMPOSE_ENV)}


def settings(value):
    """Settings as the text that a stage's --settings takes."""
    return json.dumps(schema.as_dict(value), sort_keys=True)


def scan_files(wildcards):
    """A scan's mesh, material and texture."""
    files = [str(path) for path in sorted(Path(SCANS[wildcards.capture]).glob("*")) if path.is_file()]
    if not files:
        raise WorkflowError(f"{CONFIG.captures}: capture {wildcards.capture}: {SCANS[wildcards.capture]} holds no scan")
    return files


def builtin_settings(wildcards):
    """How a built-in capture is made."""
    preset = CAPTURES[wildcards.capture].preset
    return settings(CONFIG.presets[preset] if preset else CONFIG.builtin)


def of_split(*splits):
    """The captures of some splits, in the sheet's order."""
    return [name for name, row in CAPTURES.items() if row.split in splits]


def heatmaps_of(model, captures):
    """The heatmap files that a model reads."""
    detector = CONFIG.models[model].detector
    return expand("results/heatmaps/{detector}/{capture}.h5", detector=detector, capture=captures)


def weights_of(model):
    """The weights that a model renders with: trained here, released with the project, or the user's own file."""
    weights = CONFIG.models[model].weights
    return f"results/models/{model}/full.safetensors" if weights == "train" else weights_file(weights)


def weights_file(weights):
    """Weights that are there already: `release`, or a path."""
    if weights == "release":
        return local(str(ROOT / "posegaussian/assets/weights/release.safetensors"))
    # Absolute, so that weights of another configuration's model are a file, not a wish to train that model.
    return local(str(find(weights).absolute()))


def init_of(wildcards):
    """What the first stage of a model's training starts from: the weights of `train.init`, or nothing."""
    init = CONFIG.models[wildcards.model].train.init
    if init is None:
        return []
    return weights_of(init) if init in CONFIG.models and init != "release" else weights_file(init)


def stages_of(model):
    """The stages of a model's training."""
    return ("depth", "full") if CONFIG.models[model].train.depth_steps else ("full",)


def full_init(wildcards):
    """What stage full starts from: stage depth, where there is one."""
    depth = "results/models/{model}/depth.safetensors"
    return depth.format(model=wildcards.model) if "depth" in stages_of(wildcards.model) else init_of(wildcards)


def capture_folder(wildcards, input):
    """Where a capture lies: where a rule put it, or where the user has it."""
    return str(input) if wildcards.capture in MADE else CAPTURES[wildcards.capture].path


def capture_files(wildcards):
    """What rectification depends on: the folder that a rule makes, or every file of the user's own."""
    if wildcards.capture in MADE:
        return f"results/captures/{wildcards.capture}"
    return files_of(wildcards.capture)


@functools.cache
def files_of(name):
    """Every file that the reader of a user's capture names, whatever its layout."""
    from posegaussian.captures.footage import FrameRange
    from posegaussian.captures.reading import read_capture

    row = CAPTURES[name]
    try:
        with warnings.catch_warnings(action="ignore"):  # said again, in its log, when the capture is rectified
            capture = read_capture(Path(row.path), frames=FrameRange.parse(row.frames) if row.frames else None)
    except UserError as error:
        raise WorkflowError(f"{CONFIG.captures}: capture {name}: {error}") from None
    return [str(path) for path in capture.files()]


def train_settings(stage):
    """A model's settings as far as a stage depends on them."""

    def of(wildcards):
        model = CONFIG.models[wildcards.model]
        values = schema.as_dict(replace(model, weights="train"))
        if stage == "depth":
            del values["train"]["full_steps"]
        return json.dumps(values, sort_keys=True)

    return of


def train_inputs(wildcards):
    """What both stages learn from; captures to watch alone where all people are streamed."""
    learn = of_split("train") if learns_from_captures(CONFIG.models[wildcards.model]) else []
    watch = of_split("val")
    return {
        "rectified": expand("results/rectified/{capture}.h5", capture=learn),
        "heatmaps": heatmaps_of(wildcards.model, learn),
        "val_rectified": expand("results/rectified/{capture}.h5", capture=watch),
        "val_heatmaps": heatmaps_of(wildcards.model, watch),
    }


def curves_of(model):
    """The training curves, where the model was trained here."""
    stages = stages_of(model) if CONFIG.models[model].weights == "train" else ()
    return expand("results/models/{model}/{stage}.csv", model=model, stage=stages)


def captures_of_groups():
    """The held-out captures of every group of the results, presets replaced by their captures."""
    tested = of_split("test")
    return {
        title: tuple(c for c in tested if c in names or CAPTURES[c].preset in names)
        for title, names in CONFIG.results.groups.items()
    }


def results_settings():
    """The groups of captures, and the targets."""
    return settings(replace(CONFIG.results, groups=captures_of_groups()))


def measured(model):
    """The captures on which the results need a model: all, but for one that targets are set against only their groups."""
    groups = captures_of_groups()
    named = [groups[target.group] for target in CONFIG.results.targets if target.against == model]
    if model == CONFIG.report[0] or not named:
        return of_split("test")
    return sorted(set().union(*named))


def others_of(wildcards):
    """The summaries of the other models that are reported: measured on the same captures."""
    return expand("results/metrics/{model}.csv", model=[name for name in CONFIG.report if name != wildcards.model])


def detector_files(wildcards):
    """The detector's files that lie here: those that ship with the project, and the user's own."""
    detector = CONFIG.detectors[wildcards.detector]
    packaged = ROOT / "posegaussian/assets/detector"
    named = (
        packaged / name.removeprefix("package:") if name.startswith("package:") else Path(name)
        for name in (detector.config, detector.weights)
    )
    return [local(str(path)) for path in named if path.is_file() and (detector.url is None or path.parent == packaged)]
