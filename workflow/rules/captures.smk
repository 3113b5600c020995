# Render the built-in people and scans as captures. Captures of the user need no rule: the sheet lists their folders.


rule captures:
    output:
        directory("results/captures/{capture}"),
    log:
        "results/logs/captures/{capture}.log",
    benchmark:
        "results/benchmarks/captures/{capture}.tsv"
    wildcard_constraints:
        capture=one_of(PLAN.seeds),
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        seed=lambda wildcards: PLAN.seeds[wildcards.capture],
        settings=lambda wildcards: settings(PLAN.builtin(wildcards.capture)),
        version=schema.STAGE_VERSION["captures"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " captures --seed {params.seed} --output {output} --settings {params.settings:q}"
        " > {log} 2>&1"


rule photograph_scan:
    input:
        scan_files,
    output:
        directory("results/captures/{capture}"),
    log:
        "results/logs/captures/{capture}.log",
    benchmark:
        "results/benchmarks/captures/{capture}.tsv"
    wildcard_constraints:
        capture=one_of(PLAN.scans),
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        folder=lambda wildcards: PLAN.scans[wildcards.capture],
        settings=lambda wildcards: settings(PLAN.builtin(wildcards.capture)),
        version=schema.STAGE_VERSION["captures"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " captures --scan {params.folder:q} --output {output} --settings {params.settings:q}"
        " > {log} 2>&1"
