"""The configuration: frozen dataclasses, one per stage, and a strict loader.

A section of the configuration file lies in the module of its name; the docstring of a field is its documentation.
`workflow/schemas/` and `config/README.md` are generated from these classes (`make schemas`), so that editors, Snakemake
and the command line accept exactly the same keys. Lightweight on purpose: the MMPose environment imports it.
"""

from posegaussian.config.adapt import AdaptSettings
from posegaussian.config.assess import AssessSettings
from posegaussian.config.builtin import BuiltinSettings
from posegaussian.config.detectors import DetectorSettings
from posegaussian.config.evaluate import EvaluateSettings
from posegaussian.config.export import Axis, ExportSettings
from posegaussian.config.find_people import FindPeopleSettings
from posegaussian.config.live import LiveCameraSettings, LiveSettings
from posegaussian.config.load import as_dict, json_schema, load, load_settings, parse, without_defaults
from posegaussian.config.matte import MatteErrorSettings
from posegaussian.config.matting import MattingSettings
from posegaussian.config.models import ModelSettings, NetworkSettings
from posegaussian.config.people import PeopleSettings
from posegaussian.config.plan import Plan
from posegaussian.config.rectify import ANY_LABEL, MaskKind, MaskLabel, RectifySettings
from posegaussian.config.render import RenderSettings
from posegaussian.config.results import GoalSettings, ResultsSettings
from posegaussian.config.room import RoomSettings
from posegaussian.config.sheet import CaptureRow, read_captures
from posegaussian.config.stream import SEQUENCE_SECONDS, StreamSettings, StreamVariantSettings
from posegaussian.config.synthetic import GPS_GAUSSIAN, REALISTIC_SENSOR, LightSettings, RigSettings, SensorSettings
from posegaussian.config.train import TrainSettings
from posegaussian.config.view import ViewSettings
from posegaussian.config.whole import Config

__all__ = [
    "ANY_LABEL",
    "GPS_GAUSSIAN",
    "REALISTIC_SENSOR",
    "SEQUENCE_SECONDS",
    "STAGE_VERSION",
    "AdaptSettings",
    "AssessSettings",
    "Axis",
    "BuiltinSettings",
    "CaptureRow",
    "Config",
    "DetectorSettings",
    "EvaluateSettings",
    "ExportSettings",
    "FindPeopleSettings",
    "GoalSettings",
    "LightSettings",
    "LiveCameraSettings",
    "LiveSettings",
    "MaskKind",
    "MaskLabel",
    "MatteErrorSettings",
    "MattingSettings",
    "ModelSettings",
    "NetworkSettings",
    "PeopleSettings",
    "Plan",
    "RectifySettings",
    "RenderSettings",
    "ResultsSettings",
    "RigSettings",
    "RoomSettings",
    "SensorSettings",
    "StreamSettings",
    "StreamVariantSettings",
    "TrainSettings",
    "ViewSettings",
    "as_dict",
    "json_schema",
    "load",
    "load_settings",
    "parse",
    "read_captures",
    "without_defaults",
]

STAGE_VERSION = {
    "captures": 4,
    "people": 3,
    "rectify": 19,
    "heatmaps": 3,
    "train": 8,
    "render": 12,
    "evaluate": 6,
    "report": 6,
    "assess": 2,
}
"""Raised by hand when a stage's results change, also by another default of a setting: Snakemake then reruns the stage
and what follows it."""
