# 2D pose heatmaps, by BlazePose in the environment of the other stages, or by MMPose in its own: a conda environment with --use-conda,
# otherwise a virtual environment with the same pinned versions, which envs/mmpose-python creates at first use. It is not an input of
# the rule, so that a new environment causes no rerun. `snakemake mmpose_env` creates it in advance, for clusters whose nodes have no
# network.
rule mmpose_env:
    input:
        str(ROOT / "envs/mmpose.post-deploy.sh"),
    output:
        str(MMPOSE_ENV / "pins.lock"),
    log:
        "results/logs/mmpose_env.log",
    benchmark:
        "results/benchmarks/mmpose_env.tsv"
    localrule: True
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    shell:
        "bash {input} $(dirname {output:q}) > {log} 2>&1"


rule heatmaps:
    input:
        rectified="results/rectified/{capture}.h5",
        detector=detector_files,
        people=lambda wildcards: PLAN.people_of_heatmaps(wildcards.detector, wildcards.capture),
    output:
        "results/heatmaps/{detector}/{capture}.h5",
    log:
        "results/logs/heatmaps/{detector}/{capture}.log",
    benchmark:
        "results/benchmarks/heatmaps/{detector}/{capture}.tsv"
    conda:
        lambda wildcards: f"../../envs/{PLAN.environment(wildcards.detector)}.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=lambda wildcards: settings(CONFIG.detectors[wildcards.detector]),
        version=schema.STAGE_VERSION["heatmaps"],
        people=lambda wildcards, input: f"--people {input.people}" if input.people else "",
        python=lambda wildcards: PYTHON_OF[PLAN.environment(wildcards.detector)],
    shell:
        'PYTHONPATH="$PG_ROOT" "${{{params.python}}}" -m posegaussian'
        " heatmaps {input.rectified} --output {output} {params.people}"
        " --settings {params.settings:q} > {log} 2>&1"
