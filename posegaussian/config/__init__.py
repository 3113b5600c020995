"""The configuration: frozen dataclasses, one per stage, and a strict loader.

`workflow/schemas/` is generated from these classes (`python -m posegaussian schema`), so that editors, Snakemake and
the command line accept exactly the same keys. Lightweight on purpose: the MMPose environment imports it.
"""

from posegaussian.config.data import BuiltinSettings, CaptureRow, DetectorSettings, RectifySettings
from posegaussian.config.load import as_dict, json_schema, load, load_settings, parse
from posegaussian.config.model import ModelSettings, NetworkSettings, TrainSettings
from posegaussian.config.people import PeopleSettings
from posegaussian.config.views import EvaluateSettings, RenderSettings, ViewSettings
from posegaussian.config.whole import Config

__all__ = [
    "STAGE_VERSION",
    "BuiltinSettings",
    "CaptureRow",
    "Config",
    "DetectorSettings",
    "EvaluateSettings",
    "ModelSettings",
    "NetworkSettings",
    "PeopleSettings",
    "RectifySettings",
    "RenderSettings",
    "TrainSettings",
    "ViewSettings",
    "as_dict",
    "json_schema",
    "load",
    "load_settings",
    "parse",
]

STAGE_VERSION = {
    "captures": 1,
    "rectify": 1,
    "heatmaps": 1,
    "train": 1,
    "render": 1,
    "evaluate": 1,
    "report": 1,
}
"""Raised by hand when a stage's results change; Snakemake then reruns the stage and what follows it."""
