"""The workflow as a module of another one: rules renamed, results under a prefix, the other's shell untouched."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
OUTER = """
configfile: "outer.yaml"


module people:
    snakefile:
        "{snakefile}"
    config:
        config["people"]
    prefix:
        "people"


use rule * from people as people_*


rule photographed:
    default_target: True
    input:
        "people/results/captures/a",
    output:
        "photographed.txt",
    shell:
        "echo ${{PYTHONPATH:-untouched}} > {output}"


rule finished:
    input:
        rules.people_all.input,
"""


def test_another_workflow_uses_this_one(workflow):
    (workflow.folder / "outer.yaml").write_text(yaml.safe_dump({"people": workflow.config}))
    snakefile = workflow.folder / "Snakefile"
    snakefile.write_text(OUTER.replace("{snakefile}", str(ROOT / "Snakefile")))

    def snakemake(*arguments):
        command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
        return subprocess.run(command, cwd=workflow.folder, capture_output=True, text=True, check=False)

    plan = snakemake("--dry-run", "finished")
    assert plan.returncode == 0, plan.stderr
    for rule in ("captures", "rectify", "heatmaps", "train_depth", "train_full", "render", "evaluate", "report"):
        assert f"rule people_{rule}:" in plan.stdout, rule

    done = snakemake()
    assert done.returncode == 0, done.stderr
    assert (workflow.folder / "people/results/captures/a/intri.yml").is_file()
    assert (workflow.folder / "photographed.txt").read_text() == "untouched\n"
    assert not (workflow.folder / "results").exists()
