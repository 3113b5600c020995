# Shared by all rules: the configuration, the captures sheet, and the command that runs a stage.
# The params of each rule contain only the part of the configuration that the rule depends on. Snakemake tracks params, so a change of
# another part causes no rerun. Settings that equal their defaults are left out, so that an upgrade with a new setting causes none either.
import json
import os
import sys
import warnings
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.logging import logger
from snakemake.settings.types import DeploymentMethod

ROOT = Path(str(workflow.current_basedir)).parents[1]  # this repository, also as a module of another workflow
sys.path.insert(0, str(ROOT))

from posegaussian import config as schema
from posegaussian.errors import UserError

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
CONTAINER = DeploymentMethod.APPTAINER in workflow.deployment_settings.deployment_method


def one_line(function, *args):
    """The result of a function. A UserError becomes a WorkflowError of one line; a warning becomes one line of the log."""
    with warnings.catch_warnings(record=True) as caught:
        try:
            return function(*args)
        except UserError as error:
            raise WorkflowError(str(error)) from None
        finally:
            for warning in caught:
                logger.warning(str(warning.message))


CONFIG = one_line(schema.parse, schema.Config, config, "configuration")
CAPTURES = one_line(schema.read_captures, CONFIG, ROOT)
PLAN = schema.Plan(CONFIG, CAPTURES, ROOT, has_masks=lambda capture: inputs_of(capture).has_masks)
TESTED = PLAN.of_split("test")
MMPOSE_ENV = ROOT / CONFIG.mmpose_env  # an absolute mmpose_env replaces ROOT


wildcard_constraints:
    capture="|".join(CAPTURES),
    model="|".join(CONFIG.models),
    detector="|".join(CONFIG.detectors),


def one_of(names):
    """The constraint of a wildcard to some names; to nothing where there are none."""
    return "|".join(names) or "(?!)"


# Every stage runs as `python -m posegaussian`, with the interpreter of its conda environment, of the container image, or of one of
# the two virtual environments. The rules read the interpreters from environment variables, because Snakemake does not track them:
# another path of an interpreter causes no rerun.
if CONDA:
    pythons = ("python", "python")
elif CONTAINER:
    pythons = ("python", "mmpose-python")
else:
    pythons = (sys.executable, str(ROOT / "envs/mmpose-python"))
os.environ |= {"PG_ROOT": str(ROOT), "PG_PYTHON": pythons[0], "PG_MMPOSE_PYTHON": pythons[1]}
os.environ |= {"PG_MMPOSE_ENV": str(MMPOSE_ENV)}
PYTHON_OF = {"posegaussian": "PG_PYTHON", "mmpose": "PG_MMPOSE_PYTHON"}


def as_text(values):
    """Plain values as text for the --settings of a stage."""
    return json.dumps(values, sort_keys=True)


def settings(value):
    """Settings as text for the --settings of a stage."""
    return as_text(schema.without_defaults(value))


def at_hand(path):
    """A path of the plan as an input of a rule. Files that no rule makes have absolute paths; `local` exempts them from storage."""
    return local(path) if Path(path).is_absolute() else path
