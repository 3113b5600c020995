# Stereo rectification of every pair and frame of a capture.
rule rectify:
    input:
        capture=capture_inputs,
        people=lambda wildcards: PLAN.people_of_rectify(wildcards.capture),
    output:
        "results/rectified/{capture}.h5",
    log:
        "results/logs/rectify/{capture}.log",
    benchmark:
        "results/benchmarks/rectify/{capture}.tsv"
    conda:
        "../../envs/posegaussian.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=60,
    params:
        folder=capture_folder,
        pairs=lambda wildcards: CAPTURES[wildcards.capture].pairs.split(),
        frames=lambda wildcards: CAPTURES[wildcards.capture].frames,
        targets=lambda wildcards: CAPTURES[wildcards.capture].targets.split(),
        offsets=lambda wildcards: CAPTURES[wildcards.capture].offsets,
        people=lambda wildcards, input: (
            f"--people {input.people}" if input.people else PLAN.person_option(wildcards.capture)
        ),
        settings=settings(CONFIG.rectify),
        version=schema.STAGE_VERSION["rectify"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " rectify {params.folder:q} --output {output} --pairs {params.pairs:q} --frames={params.frames:q} --offsets={params.offsets:q}"
        " --targets {params.targets:q} {params.people}"
        " --settings {params.settings:q} > {log} 2>&1"
