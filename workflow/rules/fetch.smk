# Real footage that anyone can fetch, never committed: `fetch:pose2sim` in the sheet of captures.
localrules:
    fetch_pose2sim,


rule fetch_pose2sim:
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
        version=schema.STAGE_VERSION["captures"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian fetch pose2sim --output {output} > {log} 2>&1'
