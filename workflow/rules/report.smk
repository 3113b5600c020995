# One self-contained page per model.
rule report:
    input:
        summary="results/metrics/{model}.csv",
        others=lambda wildcards: expand("results/metrics/{model}.csv", model=PLAN.others(wildcards.model)),
        renders=expand("results/renders/{{model}}/{capture}.h5", capture=TESTED),
        videos=expand("results/renders/{{model}}/{capture}.mp4", capture=TESTED),
        splats=expand("results/splats/{{model}}/{capture}", capture=PLAN.shown_in_3d()),
        metrics=expand("results/metrics/{{model}}/{capture}.csv", capture=TESTED),
        rectified=PLAN.rectified(TESTED),
        heatmaps=lambda wildcards: PLAN.heatmaps(wildcards.model, TESTED),
        curves=lambda wildcards: PLAN.curves(wildcards.model),
        people=lambda wildcards: PLAN.people_of_report(wildcards.model),
    output:
        report("results/report/{model}/index.html", caption="../report/page.rst", category="Models"),
    log:
        "results/logs/report/{model}.log",
    benchmark:
        "results/benchmarks/report/{model}.tsv"
    localrule: True
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=lambda wildcards: settings(CONFIG.models[wildcards.model]),
        version=schema.STAGE_VERSION["report"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " report {wildcards.model} --output {output} --summary {input.summary} --others {input.others}"
        " --renders {input.renders} --videos {input.videos} --rectified {input.rectified}"
        " --splats {input.splats} --metrics {input.metrics}"
        " --heatmaps {input.heatmaps} --curves {input.curves} --people {input.people}"
        " --benchmarks $(find $(dirname {log})/../../benchmarks -name '*.tsv' | sort)"
        " --settings {params.settings:q} > {log} 2>&1"
