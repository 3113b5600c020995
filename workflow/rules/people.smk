# The person in every image of a capture, found once for all stages that need them. Captures with given masks need no such file.
rule people:
    input:
        capture=capture_inputs,
    output:
        "results/people/{capture}.h5",
    log:
        "results/logs/people/{capture}.log",
    benchmark:
        "results/benchmarks/people/{capture}.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        folder=capture_folder,
        frames=lambda wildcards: CAPTURES[wildcards.capture].frames,
        offsets=lambda wildcards: CAPTURES[wildcards.capture].offsets,
        person=lambda wildcards: PLAN.person(wildcards.capture),
        settings=settings(CONFIG.people),
        version=schema.STAGE_VERSION["people"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " people {params.folder:q} --output {output} --frames={params.frames:q} --offsets={params.offsets:q} --person {params.person}"
        " --settings {params.settings:q} > {log} 2>&1"
