# What the rules share: the typed configuration, the sheet of captures, and how a stage is called.
# Rules carry, as plain params, just the part of the configuration they depend on: those are what Snakemake tracks.
import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

ROOT = Path(str(workflow.current_basedir)).parents[1]  # this repository, also as a module of another workflow
sys.path.insert(0, str(ROOT))

from posegaussian import config as schema
from posegaussian.errors import UserError

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
CONTAINER = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def one_line(function, *args):
    """Call; a user's mistake becomes one line, without a traceback."""
    try:
        return function(*args)
    except UserError as error:
        raise WorkflowError(str(error)) from None


CONFIG = one_line(schema.parse, schema.Config, config, "configuration")
CAPTURES = one_line(schema.read_captures, CONFIG, ROOT)
PLAN = schema.Plan(CONFIG, CAPTURES, ROOT)
TESTED = PLAN.of_split("test")
MMPOSE_ENV = ROOT / CONFIG.mmpose_env  # which wins where it is absolute


wildcard_constraints:
    capture="|".join(CAPTURES),
    model="|".join(CONFIG.models),
    detector="|".join(CONFIG.detectors),


# Every stage is called as `python -m posegaussian`, by the interpreter of its conda environment, of the image that the
# Dockerfile makes, or of one of the two virtual environments. These are environment variables, since where an
# interpreter lies is no reason to rerun anything.
if CONDA:
    pythons = ("python", "python")
elif CONTAINER:
    pythons = ("python", "mmpose-python")
else:
    pythons = (sys.executable, str(ROOT / "envs/mmpose-python"))
os.environ |= {"PG_ROOT": str(ROOT), "PG_PYTHON": pythons[0], "PG_MMPOSE_PYTHON": pythons[1]}
os.environ |= {"PG_MMPOSE_ENV": str(MMPOSE_ENV)}


def as_text(values):
    """Plain values as the text that a stage's --settings takes."""
    return json.dumps(values, sort_keys=True)


def settings(value):
    """Settings as the text that a stage's --settings takes."""
    return as_text(schema.as_dict(value))


def at_hand(path):
    """A path of the plan as an input: what no rule makes is absolute and stays where it is."""
    return local(path) if Path(path).is_absolute() else path
