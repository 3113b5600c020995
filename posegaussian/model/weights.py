"""Weights on disk: safetensors whose metadata holds settings and constants, enough to rebuild the network.

The weights that ship with the project go by the name `release`; their card lies beside them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from posegaussian.config import NetworkSettings, as_dict, parse
from posegaussian.errors import WeightsError
from posegaussian.io.atomic import write_atomic
from posegaussian.model.constants import DEFAULTS, InferenceConstants
from posegaussian.model.device import pick_device
from posegaussian.model.network import PoseGaussian

FORMAT = "posegaussian/weights 1"
RELEASE = Path(str(files("posegaussian"))) / "assets" / "weights" / "release.safetensors"
"""The weights that ship with the project."""
_PICKLES = (".pth", ".pt", ".ckpt", ".pkl", ".bin")
_RENAMED = {
    "color.": "color_encoder.",
    "head.refine.": "head.residual.",
    "pose.lift.": "pose_branch.to_quarter.",
    "pose.limbs.": "pose_branch.capsules.",
    "pose.stabilizer.rest.": "pose_branch.stabilizer.stillness.",
    "pose.": "pose_branch.",
    "stereo.motion.look.": "stereo.motion_encoder.first.",
    "stereo.motion.mix.": "stereo.motion_encoder.second.",
    "stereo.polish.look.": "stereo.refinement.join.",
    "stereo.polish.recall.": "stereo.refinement.from_hidden.",
    "stereo.polish.step.": "stereo.refinement.delta_head.",
    "stereo.polish.think.": "stereo.refinement.residual.",
    "stereo.polish.": "stereo.refinement.",
    "stereo.start.": "stereo.initial_hidden.",
    "stereo.step.": "stereo.delta_head.",
    "stereo.surface.": "stereo.prior_correction.",
}
"""Prefixes of tensor names in files of earlier versions, such as `release`, and what they are now; the first one that
fits counts."""


_GROWN = {
    "color_encoder.to_half.0.weight": 0,
    "head.join.weight": 64,
    "head.attributes.weight": None,
    "head.attributes.bias": None,
}
"""Tensors to which `matte: hint` appends channels. Where training starts from a file without them, they start as copies
of the input channels from this one on, so that what lies outside of the masks is seen as what lies inside; or at 0."""
_MATTE = "matte."
"""Prefix of the tensors of the correction of mattes, which files of earlier versions lack; so do networks from them."""
_HINT_ALONE = ("stereo.evidence.", "stereo.fine_evidence.", _MATTE)
"""Prefixes of tensors that networks of `matte: exact` do not have."""


def weights_path(name: str | Path) -> Path:
    """The path of a weights file that is given by its path or as `release`."""
    return RELEASE if str(name) == "release" else Path(name)


def save_weights(network: PoseGaussian, path: str | Path, metadata: Mapping[str, str]) -> None:
    """Write a weights file, completely or not at all; the same weights and metadata give the same bytes.

    Args:
        network: to save, with its settings and constants.
        path: the .safetensors to write; its folder is made.
        metadata: further entries, such as how the weights were trained.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    entries = {
        **metadata,
        "format": FORMAT,
        "network": json.dumps(as_dict(network.settings), sort_keys=True),
        "constants": json.dumps(asdict(network.constants), sort_keys=True),
    }
    # One entry: safetensors does not keep the order of several.
    write_atomic(path, save(tensors, {"posegaussian": json.dumps(entries, sort_keys=True)}))


def read_metadata(path: str | Path) -> dict[str, str]:
    """The metadata that `save_weights` wrote.

    Raises:
        WeightsError: the file is missing, damaged, or not ours.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(
            "no such weights", code="missing-weights", file=path, hint="name a .safetensors file, or `release`"
        )
    if path.suffix.lower() in _PICKLES:
        raise WeightsError(
            "a pickled file, such as the published code's, is not read: it can run code and fits another network",
            code="pickled-weights",
            file=path,
            hint="use weights (.safetensors) that `posegaussian train` wrote",
        )
    try:
        with safe_open(path, framework="pt") as file:
            entries = json.loads((file.metadata() or {}).get("posegaussian", "{}"))
    except (SafetensorError, json.JSONDecodeError) as error:
        raise WeightsError(f"not a readable safetensors file ({error})", code="unreadable-weights", file=path) from None
    if entries.get("format") != FORMAT:
        raise WeightsError(
            "not weights of PoseGaussian",
            code="foreign-weights",
            file=path,
            hint="use a file that `posegaussian train` wrote",
        )
    return entries


def load_network(path: str | Path, device: str | torch.device = "cpu") -> PoseGaussian:
    """Rebuild a trained network, ready for inference.

    Raises:
        WeightsError: the file is missing, damaged, not ours, or of another version of the network.
    """
    entries = read_metadata(path)
    settings = parse(NetworkSettings, json.loads(entries["network"]), str(path))
    network = PoseGaussian(settings, _constants(entries, path))
    load_weights(network, path)
    return network.to(device).eval()


def load_model(weights: str | Path = "release", device: str = "auto") -> PoseGaussian:
    """A trained network, ready for inference.

    Args:
        weights: a .safetensors file, or `release`: those that ship with the project.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        WeightsError: the file is missing, damaged, not ours, or of another version of the network.
        BackendError: there is no such device.

    Examples:
        >>> import posegaussian as pg
        >>> model = pg.load_model()
        >>> model.settings.pose
        'fused'
    """
    return load_network(weights_path(weights), pick_device(device))


def load_weights(network: PoseGaussian, path: str | Path, partly: bool = False) -> list[str]:
    """Copy a file's weights and constants into a network of the same settings.

    Parameters only fit the constants that they were trained with. So the constants of the file replace those of the
    network, and training that starts from a file continues with its constants.

    Args:
        network: whose parameters and constants are replaced.
        path: of the weights.
        partly: whether parameters that the file lacks may stay as they are, and channels be appended (`_GROWN`), or
            left out where the network takes masks as exact.

    Returns:
        the names of the tensors that the file lacks.

    Raises:
        WeightsError: the file is missing, damaged, not ours, or does not fit the network.
    """
    constants = _constants(read_metadata(path), path)
    with safe_open(path, framework="pt") as file:
        tensors = {_renamed(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    own = network.state_dict()
    if partly:
        present = {name: first for name, first in _GROWN.items() if name in tensors}
        tensors |= {name: _grown(tensors[name], own[name].shape, first) for name, first in present.items()}
        tensors = {name: value for name, value in tensors.items() if name in own or not name.startswith(_HINT_ALONE)}
    missing = [name for name in own if name not in tensors]
    if not partly and not any(name.startswith(_MATTE) for name in tensors):
        network.matte = None
        missing = [name for name in missing if not name.startswith(_MATTE)]
    fits = all(name in own and own[name].shape == value.shape for name, value in tensors.items())
    if not fits or (missing and not partly):
        raise WeightsError(
            "the weights do not fit the network",
            code="weights-mismatch",
            file=path,
            hint="train again, or use the settings they were made with",
        )
    network.load_state_dict(tensors, strict=not partly)
    network.set_constants(constants)
    return missing


def module_names(names: list[str]) -> list[str]:
    """The modules that some tensors belong to, two levels deep, without repetition."""
    return sorted({".".join(name.split(".")[:2]) for name in names})


def _renamed(name: str) -> str:
    """The name of a tensor in this version."""
    for old, new in _RENAMED.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _grown(value: Tensor, shape: torch.Size, copied: int | None) -> Tensor:
    """The tensor with channels appended up to a shape, or the last ones left out; unchanged where it does not fit.

    Args:
        value: of the file.
        shape: wanted.
        copied: the first of the input channels to append copies of; None: append zeros to the output channels.
    """
    dim = 0 if copied is None else 1
    more = shape[dim] - value.shape[dim] if value.ndim == len(shape) else 0
    if more <= 0:
        return value.narrow(dim, 0, value.shape[dim] + more)
    part = value.narrow(dim, copied or 0, more)
    return torch.cat([value, torch.zeros_like(part) if copied is None else part], dim=dim)


def _constants(entries: Mapping[str, str], path: str | Path) -> InferenceConstants:
    """The constants in the metadata of a file; those of `release` where the file has none."""
    if "constants" not in entries:
        return DEFAULTS
    try:
        return TypeAdapter(InferenceConstants).validate_json(entries["constants"])
    except ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(map(str, ("constants", *problem["loc"])))
        hint = "use the version of posegaussian that wrote the weights"
        what = f"{key}: {problem['msg'].lower()}"
        raise WeightsError(what, code="invalid-constants", file=path, hint=hint) from None
