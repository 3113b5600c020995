# Training on all captures of a model: phase depth, then phase full. The state for resuming is not a declared output, because Snakemake
# deletes the declared outputs of a job that fails. With several GPUs, torchrun starts one process per GPU.


rule train_depth:
    input:
        unpack(train_inputs),
        init=init_of("depth"),
    output:
        weights="results/models/{model}/depth.safetensors",
        curves="results/models/{model}/depth.csv",
    log:
        "results/logs/train/{model}.depth.log",
    benchmark:
        "results/benchmarks/train/{model}.depth.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 8
    resources:
        mem_mb=6000,
        runtime=1440,
        gpu=1,
    params:
        settings=lambda wildcards: as_text(PLAN.train_settings(wildcards.model, "depth")),
        version=schema.STAGE_VERSION["train"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON"'
        " $([ {resources.gpu} -gt 1 ] && echo -m torch.distributed.run --standalone --nproc-per-node {resources.gpu})"
        " -m posegaussian train depth --rectified {input.rectified} --heatmaps {input.heatmaps}"
        " --val-rectified {input.val_rectified} --val-heatmaps {input.val_heatmaps} --init {input.init}"
        " --state $(dirname {output.weights})/state/depth --output {output.weights}"
        " --settings {params.settings:q} > {log} 2>&1"


rule train_full:
    input:
        unpack(train_inputs),
        init=init_of("full"),
    output:
        weights="results/models/{model}/full.safetensors",
        curves="results/models/{model}/full.csv",
    log:
        "results/logs/train/{model}.full.log",
    benchmark:
        "results/benchmarks/train/{model}.full.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 8
    resources:
        mem_mb=6000,
        runtime=2880,
        gpu=1,
    params:
        settings=lambda wildcards: as_text(PLAN.train_settings(wildcards.model, "full")),
        version=schema.STAGE_VERSION["train"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON"'
        " $([ {resources.gpu} -gt 1 ] && echo -m torch.distributed.run --standalone --nproc-per-node {resources.gpu})"
        " -m posegaussian train full --rectified {input.rectified} --heatmaps {input.heatmaps}"
        " --val-rectified {input.val_rectified} --val-heatmaps {input.val_heatmaps} --init {input.init}"
        " --state $(dirname {output.weights})/state/full --output {output.weights}"
        " --settings {params.settings:q} > {log} 2>&1"
