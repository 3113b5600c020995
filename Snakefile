# PoseGaussian: two calibrated views of a person -> 3D Gaussians -> novel views.
# `snakemake --cores all` writes the report of every model under `report:`.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.8")
try:
    # Snakemake itself reads the file, and shows a traceback for other encodings.
    if Path("config/config.yaml").is_file():
        Path("config/config.yaml").read_text(encoding="utf-8")
except UnicodeDecodeError:
    raise WorkflowError("config/config.yaml: no UTF-8; save the file as UTF-8") from None


configfile: "config/config.yaml"


include: "workflow/rules/common.smk"


container: CONFIG.container


include: "workflow/rules/inputs.smk"
include: "workflow/rules/captures.smk"
include: "workflow/rules/fetch.smk"
include: "workflow/rules/people.smk"
include: "workflow/rules/rectify.smk"
include: "workflow/rules/heatmaps.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/render.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/assess.smk"
include: "workflow/rules/results.smk"


onstart:
    # A run that cannot fit on the disk stops before its first job.
    print(one_line(disk_space, PLAN, needed_jobs()), file=sys.stderr)


onsuccess:
    pages = [page for model in CONFIG.report if Path(page := f"results/report/{model}/index.html").is_file()]
    print(*(f"open {page} in a browser" for page in pages), sep="\n", file=sys.stderr)


rule all:
    default_target: True
    input:
        expand("results/report/{model}/index.html", model=CONFIG.report),
