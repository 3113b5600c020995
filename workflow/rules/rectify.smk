# Stereo rectification of every pair and frame of a capture.
import functools

from posegaussian.cli.inputs import capture_files


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


rule rectify:
    input:
        capture_inputs,
    output:
        "results/rectified/{capture}.h5",
    log:
        "results/logs/rectify/{capture}.log",
    benchmark:
        "results/benchmarks/rectify/{capture}.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        folder=capture_folder,
        pairs=lambda wildcards: CAPTURES[wildcards.capture].pairs.split(),
        frames=lambda wildcards: CAPTURES[wildcards.capture].frames,
        targets=lambda wildcards: CAPTURES[wildcards.capture].targets.split(),
        settings=settings(CONFIG.rectify),
        version=schema.STAGE_VERSION["rectify"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " rectify {params.folder:q} --output {output} --pairs {params.pairs:q} --frames={params.frames:q}"
        " --targets {params.targets:q}"
        " --settings {params.settings:q} > {log} 2>&1"
