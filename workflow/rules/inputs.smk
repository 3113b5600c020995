# Input functions of the rules: which files a job needs, where a wildcard alone does not say it.
import functools

from posegaussian.cli.inputs import capture_files


def scan_files(wildcards):
    """A scan's mesh, material and texture."""
    folder = PLAN.scans[wildcards.capture]
    files = [str(path) for path in sorted(Path(folder).glob("*")) if path.is_file()]
    if not files:
        raise WorkflowError(f"{CONFIG.captures}: capture {wildcards.capture}: {folder} holds no scan")
    return files


@functools.cache
def files_of(name):
    """Every file of a user's capture."""
    try:
        return capture_files(Path(CAPTURES[name].path), CAPTURES[name].frames)
    except UserError as error:
        raise WorkflowError(f"{CONFIG.captures}: capture {name}: {error}") from None


def capture_inputs(wildcards):
    """What rectification depends on: the folder that a rule makes, or every file of the user's own."""
    name = wildcards.capture
    return f"results/captures/{name}" if PLAN.is_made(name) else files_of(name)


def capture_folder(wildcards, input):
    """Where a capture lies: where a rule put it, or where the user has it."""
    name = wildcards.capture
    return str(input) if PLAN.is_made(name) else CAPTURES[name].path


def detector_files(wildcards):
    """The detector's files that lie here: those that ship with the project, and the user's own."""
    return [local(path) for path in PLAN.detector_files(wildcards.detector) if Path(path).is_file()]


def train_inputs(wildcards):
    """What both stages learn from, and the captures to watch."""
    model, learn, watch = wildcards.model, PLAN.learned(wildcards.model), PLAN.of_split("val")
    return {
        "rectified": PLAN.rectified(learn),
        "heatmaps": PLAN.heatmaps(model, learn),
        "val_rectified": PLAN.rectified(watch),
        "val_heatmaps": PLAN.heatmaps(model, watch),
    }


def init_of(stage):
    """What a stage starts from: weights, or nothing."""

    def of(wildcards):
        init = PLAN.init(wildcards.model, stage)
        return [] if init is None else at_hand(init)

    return of
