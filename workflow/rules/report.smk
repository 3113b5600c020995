# One self-contained page a model.
rule report:
    input:
        summary="results/metrics/{model}.csv",
        others=others_of,
        renders=expand("results/renders/{{model}}/{capture}.h5", capture=of_split("test")),
        videos=expand("results/renders/{{model}}/{capture}.mp4", capture=of_split("test")),
        splats=expand("results/splats/{{model}}/{capture}", capture=of_split("test")),
        metrics=expand("results/metrics/{{model}}/{capture}.csv", capture=of_split("test")),
        rectified=expand("results/rectified/{capture}.h5", capture=of_split("test")),
        heatmaps=lambda wildcards: heatmaps_of(wildcards.model, of_split("test")),
        curves=lambda wildcards: curves_of(wildcards.model),
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
        " --heatmaps {input.heatmaps} --curves {input.curves}"
        " --benchmarks $(find $(dirname {log})/../../benchmarks -name '*.tsv' | sort)"
        " --settings {params.settings:q} > {log} 2>&1"
