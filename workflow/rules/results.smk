# One page of tables and images over all test captures and all models of `report`. It is about the first model; the others are compared
# with it.


rule results:
    input:
        metrics=[
            f"results/metrics/{model}/{capture}.csv" for model in CONFIG.report for capture in PLAN.measured(model)
        ],
        renders=expand("results/renders/{model}/{capture}.h5", model=CONFIG.report[:1], capture=TESTED),
        rectified=PLAN.rectified(TESTED),
        curves=[path for model in CONFIG.report[:1] for path in PLAN.curves(model)],
    output:
        page="results/tables/results.md",
        means="results/tables/means.csv",
        typical="results/tables/typical.jpg",
        worst="results/tables/worst.jpg",
    log:
        "results/logs/results.log",
    benchmark:
        "results/benchmarks/results.tsv"
    localrule: True
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        model=CONFIG.report[:1],
        settings=settings(PLAN.results()),
        version=schema.STAGE_VERSION["report"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " results {params.model} --output $(dirname {output.page}) --metrics {input.metrics}"
        " --renders {input.renders} --rectified {input.rectified} --curves {input.curves}"
        " --settings {params.settings:q} > {log} 2>&1"
