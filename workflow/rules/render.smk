# Novel views from the held-out cameras and along a path between the source cameras; a video, images. Outputs cannot depend on
# wildcards, so there are two rules: `render` also writes the Gaussians, `render_views` does not.
WITH_SPLATS = PLAN.with_splats()


rule render:
    input:
        rectified="results/rectified/{capture}.h5",
        heatmaps=lambda wildcards: PLAN.heatmaps(wildcards.model, [wildcards.capture]),
        weights=lambda wildcards: at_hand(PLAN.weights(wildcards.model)),
    output:
        renders="results/renders/{model}/{capture}.h5",
        video="results/renders/{model}/{capture}.mp4",
        frames=directory("results/renders/{model}/{capture}/frames"),
        splats=directory("results/splats/{model}/{capture}"),
    log:
        "results/logs/render/{model}/{capture}.log",
    benchmark:
        "results/benchmarks/render/{model}/{capture}.tsv"
    wildcard_constraints:
        capture=one_of(WITH_SPLATS),
    conda:
        "../../envs/posegaussian.yaml"
    threads: 2
    resources:
        mem_mb=6000,
        runtime=120,
        gpu=1,
    params:
        settings=settings(CONFIG.render),
        splats=lambda wildcards, output: f"--splats {output.splats}" if "splats" in output.keys() else "",
        stabilizer=lambda wildcards: "" if CONFIG.models[wildcards.model].network.stabilizer else "--no-stabilizer",
        version=schema.STAGE_VERSION["render"],
    shell:
        'PYTHONPATH="$PG_ROOT" "$PG_PYTHON" -m posegaussian'
        " render {input.rectified} --heatmaps {input.heatmaps} --weights {input.weights:q}"
        " --output {output.renders} --video {output.video} --frames {output.frames} {params.splats}"
        " {params.stabilizer} --settings {params.settings:q} > {log} 2>&1"


use rule render as render_views with:
    output:
        renders="results/renders/{model}/{capture}.h5",
        video="results/renders/{model}/{capture}.mp4",
        frames=directory("results/renders/{model}/{capture}/frames"),
    wildcard_constraints:
        capture=one_of([name for name in CAPTURES if name not in WITH_SPLATS]),
