# The two reference rows (plane_warp, gt_depth) of a capture: the same for all models.
rule references:
    input:
        rectified="results/rectified/{capture}.h5",
    output:
        "results/references/{capture}.csv",
    log:
        "results/logs/references/{capture}.log",
    benchmark:
        "results/benchmarks/references/{capture}.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=settings(CONFIG.evaluate),
        version=schema.STAGE_VERSION["evaluate"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " references {input.rectified} --output {output} --settings {params.settings:q} > {log} 2>&1"


# Metrics of the renders against the views of held-out cameras, with the reference rows.
rule evaluate:
    input:
        renders="results/renders/{model}/{capture}.h5",
        rectified="results/rectified/{capture}.h5",
        references="results/references/{capture}.csv",
    output:
        "results/metrics/{model}/{capture}.csv",
    log:
        "results/logs/evaluate/{model}/{capture}.log",
    benchmark:
        "results/benchmarks/evaluate/{model}/{capture}.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 2
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        settings=settings(CONFIG.evaluate),
        version=schema.STAGE_VERSION["evaluate"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " evaluate {input.renders} --rectified {input.rectified} --references {input.references} --output {output}"
        " --settings {params.settings:q} > {log} 2>&1"


rule summarize:
    input:
        expand("results/metrics/{{model}}/{capture}.csv", capture=TESTED),
    output:
        "results/metrics/{model}.csv",
    log:
        "results/logs/summarize/{model}.log",
    benchmark:
        "results/benchmarks/summarize/{model}.tsv"
    localrule: True
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        version=schema.STAGE_VERSION["evaluate"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian' " summarize {input} --output {output} > {log} 2>&1"
