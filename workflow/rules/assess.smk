# How good views are on the rig of a capture: each camera between two others is held out in turn. `snakemake assessments` makes the pages
# of all captures of split `test`; nothing else needs them.
localrules:
    assessments,


rule assess:
    input:
        capture=capture_inputs,
        people=lambda wildcards: PLAN.people_of_rectify(wildcards.capture),
        weights=first_weights,
    output:
        page="results/assess/{capture}.html",
        table="results/assess/{capture}.csv",
    log:
        "results/logs/assess/{capture}.log",
    benchmark:
        "results/benchmarks/assess/{capture}.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
        gpu=1,
    params:
        folder=capture_folder,
        frames=lambda wildcards: CAPTURES[wildcards.capture].frames,
        people=lambda wildcards, input: f"--people {input.people}" if input.people else "",
        settings=settings(CONFIG.assess),
        version=schema.STAGE_VERSION["assess"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " assess {params.folder:q} --output {output.page} --frames={params.frames:q} {params.people}"
        " --weights {input.weights:q} --settings {params.settings:q} > {log} 2>&1"


rule assessments:
    input:
        expand("results/assess/{capture}.html", capture=TESTED),
