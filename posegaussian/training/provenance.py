"""The provenance of weights: the key of a run, and the metadata in its weights file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from posegaussian.config import (
    STAGE_VERSION,
    DetectorSettings,
    ModelSettings,
    RectifySettings,
    TrainSettings,
    as_dict,
    without_defaults,
)
from posegaussian.counts import counted
from posegaussian.data.captured import Captures, Files
from posegaussian.io import store
from posegaussian.model.weights import load_network, read_metadata
from posegaussian.training import checkpoint

_SMALL = DetectorSettings(config="package:small.py", weights="package:small.safetensors")
"""The detector whose errors `package:errors.json` describes: that of all streamed people."""


def run_key(phase: str, settings: ModelSettings, init: Path | None, *captures: Captures | None) -> str:
    """The hash of everything that the result of a run depends on, except the number of steps."""
    train = without_defaults(settings.train)
    parts = {
        "phase": phase,
        "state": checkpoint.STATE_VERSION,
        "version": STAGE_VERSION["train"],
        "network": without_defaults(settings.network),
        "train": {name: value for name, value in train.items() if name not in ("depth_steps", "full_steps")},
        "init": store.digest(init) if init is not None else None,
        "captures": [c.fingerprints if c else [] for c in captures],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def input_settings(files: Files, settings: TrainSettings) -> dict[str, str]:
    """The settings of rectification and detector that made the training data, as JSON texts by stage.

    `render` applies them to images that it rectifies itself.
    """
    sizes = [settings.synthetic.size, *(variant.size for variant in settings.stream_variants if variant.size)]
    made = {"rectify": as_dict(RectifySettings(size=max(sizes))), "detector": as_dict(_SMALL)}
    if files:
        rectified, heatmaps = files[0]
        with store.open_checked(rectified, store.RECTIFIED) as file:
            made["rectify"] = store.settings_of(file)
        with store.open_checked(heatmaps, store.HEATMAPS) as file:
            made["detector"] = store.settings_of(file)
    return {name: json.dumps(values, sort_keys=True) for name, values in made.items()}


def history(init: Path | None) -> list[dict[str, Any]]:
    """The runs that trained some weights, oldest first; none without weights."""
    return [] if init is None else json.loads(read_metadata(init).get("history", "[]"))


def history_entry(
    phase: str, steps: int, settings: ModelSettings, processes: int, device: torch.device
) -> dict[str, Any]:
    """A run as an entry of the history in its weights' metadata."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return {
        "stage": phase,
        "steps": steps,
        "processes": processes,
        "device": name,
        "stage_version": STAGE_VERSION["train"],
        "train": as_dict(settings.train),
    }


def describe(path: Path) -> str:
    """A text about a weights file: size, checksum, network, and a line for every run that trained it."""
    made, network = read_metadata(path), load_network(path)
    count = sum(parameter.numel() for parameter in network.parameters())
    size = path.stat().st_size / 1e6
    chosen = ", ".join(f"{name} {value}" for name, value in as_dict(network.settings).items())
    lines = [f"{path}: {count:,} parameters, {size:.1f} MB", f"sha256 {store.digest(path)}", f"network: {chosen}"]
    lines += [_line(run) for run in json.loads(made.get("history", "[]"))]
    return "\n".join(lines)


def _line(run: dict[str, Any]) -> str:
    train = run["train"]
    size = "x".join(map(str, train["synthetic"]["size"]))
    seen = f"{train['stream']:.0%} streamed people, {size}" if train["stream"] else "captures"
    where = f"{run['processes']} x {run['device']}"
    pairs = counted(train["batch_size"], "pair")
    return (
        f"phase {run['stage']}: {counted(run['steps'], 'step')} of {pairs} a process on {where}, {seen}; "
        f"learning rate {train['learning_rate']:g}, {train['precision']}, seed {train['seed']}"
    )
