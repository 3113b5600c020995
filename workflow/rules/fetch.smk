# Downloads, which are never committed: public real footage (`fetch:NAME` in the captures sheet), and the weights of LPIPS. No rule needs
# the latter: `snakemake lpips` fetches them, and without them the columns of LPIPS are empty.
localrules:
    fetch,
    lpips,


rule fetch:
    output:
        directory("results/captures/{capture}"),
    log:
        "results/logs/fetch/{capture}.log",
    benchmark:
        "results/benchmarks/fetch/{capture}.tsv"
    wildcard_constraints:
        capture=one_of(PLAN.fetched),
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


rule lpips:
    output:
        directory("results/lpips"),
    log:
        "results/logs/lpips.log",
    benchmark:
        "results/benchmarks/lpips.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian fetch lpips --output {output} > {log} 2>&1'
