# Input functions: the files that a job needs, where a pattern with wildcards is not enough. What is wrong ends Snakemake by SystemExit,
# which shows one line; Snakemake wraps every other exception of an input function in a traceback.
import functools

from posegaussian.cli.inputs import capture_inputs as read_inputs, disk_space


def scan_files(wildcards):
    """The files of a scan: mesh, material and texture."""
    folder = PLAN.scans[wildcards.capture]
    files = [str(path) for path in sorted(Path(folder).glob("*")) if path.is_file()]
    if not files:
        raise SystemExit(f"{CONFIG.captures}: capture {wildcards.capture}: {folder} holds no scan")
    return files


@functools.cache
def inputs_of(name):
    """The files of a user's capture, and whether it has masks. Cached, because Snakemake calls input functions several times per job."""
    try:
        return read_inputs(Path(CAPTURES[name].path), CAPTURES[name].frames)
    except UserError as error:
        raise SystemExit(f"{CONFIG.captures}: capture {name}: {error}") from None


def capture_inputs(wildcards):
    """The inputs of rectification: the folder that a rule makes, or all files of a user's capture."""
    name = wildcards.capture
    return f"results/captures/{name}" if PLAN.is_made(name) else inputs_of(name).files


def capture_folder(wildcards, input):
    """The folder of a capture: that of the rule, or the user's."""
    name = wildcards.capture
    return str(input.capture) if PLAN.is_made(name) else CAPTURES[name].path


def first_weights(wildcards):
    """The weights of the first model of `report`."""
    if not CONFIG.report:
        raise SystemExit("report: the list is empty; assess takes the weights of the first model that it names")
    return at_hand(PLAN.weights(CONFIG.report[0]))


def detector_files(wildcards):
    """The local files of the detector: those of the package and the user's own; downloads are left out."""
    return [local(path) for path in PLAN.detector_files(wildcards.detector) if Path(path).is_file()]


def train_inputs(wildcards):
    """The inputs of both training rules: rectified pairs and heatmaps for training and for validation."""
    model, learn, watch = wildcards.model, PLAN.learned(wildcards.model), PLAN.of_split("val")
    return {
        "rectified": PLAN.rectified(learn),
        "heatmaps": PLAN.heatmaps(model, learn),
        "val_rectified": PLAN.rectified(watch),
        "val_heatmaps": PLAN.heatmaps(model, watch),
    }


def init_of(stage):
    """The input function for the weights that a training stage starts from; no file for random weights."""

    def of(wildcards):
        init = PLAN.init(wildcards.model, stage)
        return [] if init is None else at_hand(init)

    return of


def needed_jobs():
    """The rule and the wildcards of every job that will run."""
    return [(job.rule.name, job.wildcards_dict) for job in workflow.dag.needrun_jobs()]
