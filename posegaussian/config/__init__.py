"""The configuration: frozen dataclasses, one per stage, and a strict loader.

`workflow/schemas/` is generated from these classes (`python -m posegaussian schema`), so that editors, Snakemake and
the command line accept exactly the same keys. Lightweight on purpose: the MMPose environment imports it.
"""

from posegaussian.config.data import CaptureRow, DetectorSettings, RectifySettings
from posegaussian.config.load import as_dict, json_schema, load, load_settings, parse
from posegaussian.config.model import LookSettings, ModelSettings, NetworkSettings, TrainSettings
from posegaussian.config.people import PeopleSettings
from posegaussian.config.results import ResultsSettings, TargetSettings
from posegaussian.config.synthetic import (
    FILMED,
    GPS_GAUSSIAN,
    BuiltinSettings,
    LightSettings,
    RigSettings,
    SensorSettings,
    StreamSettings,
)
from posegaussian.config.views import EvaluateSettings, ExportSettings, RenderSettings, ViewSettings
from posegaussian.config.whole import Config

__all__ = [
    "FILMED",
    "GPS_GAUSSIAN",
    "STAGE_VERSION",
    "BuiltinSettings",
    "CaptureRow",
    "Config",
    "DetectorSettings",
    "EvaluateSettings",
    "ExportSettings",
    "LightSettings",
    "LookSettings",
    "ModelSettings",
    "NetworkSettings",
    "PeopleSettings",
    "RectifySettings",
    "RenderSettings",
    "ResultsSettings",
    "RigSettings",
    "SensorSettings",
    "StreamSettings",
    "TargetSettings",
    "TrainSettings",
    "ViewSettings",
    "as_dict",
    "json_schema",
    "load",
    "load_settings",
    "parse",
]

STAGE_VERSION = {
    "captures": 3,
    "rectify": 2,
    "heatmaps": 1,
    "train": 6,
    "render": 6,
    "evaluate": 3,
    "report": 4,
}
"""Raised by hand when a stage's results change; Snakemake then reruns the stage and what follows it."""
