# Public real footage, which is downloaded and never committed: `fetch:NAME` in the captures sheet.
localrules:
    fetch,


rule fetch:
    output:
        directory("results/captures/{capture}"),
    log:
        "results/logs/fetch/{capture}.log",
    benchmark:
        "results/benchmarks/fetch/{capture}.tsv"
    wildcard_constraints:
        capture="|".join(PLAN.fetched) or "(?!)",
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        footage=lambda wildcards: PLAN.fetched[wildcards.capture],
        version=schema.STAGE_VERSION["captures"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian fetch {params.footage} --output {output} > {log} 2>&1'
