"""MMPose's top-down heatmap models as detectors.

MMPose and torch live in an environment of their own (envs/mmpose.*) and are imported inside the functions that need
them; a test lists what of this package may be imported there.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from posegaussian.config import DetectorSettings
from posegaussian.errors import DetectorError, WeightsError
from posegaussian.io.download import ensure_file
from posegaussian.pose.detectors.base import JOINT_COUNT, Detection, Detector, LoadedDetector

ASSETS = Path(__file__).parents[2] / "assets" / "detector"


def load(settings: DetectorSettings, device: str) -> LoadedDetector:
    """The model of the settings, on the CPU; missing weights are downloaded.

    Raises:
        DetectorError: MMPose, its configuration or the weights are missing.
        WeightsError: the weights do not fit the configuration.
    """
    config_file = find_config(settings.config)
    weights_file = ensure_file(_locate(settings.weights), settings.url, settings.sha256)
    return LoadedDetector(load_detector(config_file, weights_file), {"config": config_file, "weights": weights_file})


def find_config(name: str) -> Path:
    """Path of an MMPose configuration.

    Args:
        name: a path, `package:NAME` for one that ships here, or a name from MMPose's own package.

    Raises:
        DetectorError: there is no such configuration.
    """
    path = _locate(name)
    if path.is_file():
        return path
    if path.suffix or ":" in name:
        raise DetectorError("no such MMPose configuration", code="unknown-detector", file=path)
    found = sorted((_mmpose_folder() / ".mim/configs/body_2d_keypoint").rglob(f"{name}.py"))
    if not found:
        raise DetectorError(
            f"MMPose has no configuration `{name}`",
            code="unknown-detector",
            hint="give a path, `package:NAME` or one of its names",
        )
    return found[0]


def _locate(name: str) -> Path:
    return ASSETS / name.removeprefix("package:") if name.startswith("package:") else Path(name)


def _mmpose_folder() -> Path:
    """Folder of the installed MMPose."""
    warnings.filterwarnings("ignore", module=r"mm(cv|engine|pose)\.")
    try:
        import mmpose  # pyright: ignore[reportMissingImports]  lives in its own environment
    except ImportError as error:
        raise DetectorError(
            f"MMPose cannot be imported here ({error})",
            code="missing-mmpose",
            hint="run this stage in the MMPose environment: bash envs/mmpose.post-deploy.sh .venv-mmpose",
        ) from error
    return Path(str(mmpose.__file__)).parent


def load_detector(config_file: Path, weights_file: Path) -> Detector:
    """An MMPose top-down heatmap model on the CPU, in one thread, so that the same image gives the same bytes.

    Raises:
        DetectorError: MMPose cannot be imported, or the configuration is not of a top-down heatmap model of 17 joints.
        WeightsError: the weights do not fit the configuration.
    """
    _mmpose_folder()
    import cv2
    import torch
    from mmpose.apis import inference_topdown, init_model  # pyright: ignore[reportMissingImports]
    from mmpose.codecs import MSRAHeatmap, UDPHeatmap  # pyright: ignore[reportMissingImports]

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    # No flip test: it doubles the time, and (MSRA) shifts the mean of a map and its mirrored map by 1/8 cell.
    options = {"model.test_cfg.output_heatmaps": True, "model.test_cfg.flip_test": False}
    try:
        model = init_model(str(config_file), device="cpu", cfg_options=options)
    except Exception as error:  # a configuration is a program: it can raise anything
        raise DetectorError(
            f"MMPose cannot build its model ({error})", code="unusable-detector", file=config_file
        ) from error
    codec: Any = getattr(getattr(model, "head", None), "decoder", None)
    if not isinstance(codec, MSRAHeatmap | UDPHeatmap) or model.head.out_channels != JOINT_COUNT:
        raise DetectorError("not a top-down heatmap model of 17 joints", code="unsupported-detector", file=config_file)
    _load_weights(model, weights_file)
    # UDP measures between the centres of the outermost cells, MSRA between the outer edges.
    intervals = np.array(codec.heatmap_size) - (1 if isinstance(codec, UDPHeatmap) else 0)

    def detect(image: np.ndarray, box: np.ndarray) -> Detection:
        # MMPose counts from the centre of the first pixel, and takes BGR.
        (result,) = inference_topdown(model, np.ascontiguousarray(image[..., ::-1]), box[None] - 0.5)
        centre, extent = result.gt_instances.bbox_centers[0], result.gt_instances.bbox_scales[0]
        return Detection(
            maps=result.pred_fields.heatmaps.numpy(),
            first=centre - extent / 2 + 0.5,
            pitch=extent / intervals,
            keypoints=result.pred_instances.keypoints[0] + 0.5,
            scores=result.pred_instances.keypoint_scores[0].clip(0.0, 1.0),
        )

    return detect


def _load_weights(model: Any, path: Path) -> None:
    """Load the weights of a file into a model, without running any code that the file may hold."""
    state = read_weights(path)
    expected = model.state_dict()
    for name, value in expected.items():
        if name not in state:
            raise WeightsError(
                f"does not fit the detector's configuration: lacks `{name}`", code="weights-mismatch", file=path
            )
        if state[name].shape != value.shape:
            shapes = f"`{name}` is {tuple(state[name].shape)}, should be {tuple(value.shape)}"
            raise WeightsError(
                f"does not fit the detector's configuration: {shapes}", code="weights-mismatch", file=path
            )
    model.load_state_dict({name: state[name] for name in expected})


def read_weights(path: Path) -> dict[str, Any]:
    """State dict of a .safetensors file, or of a checkpoint that torch can load without running code.

    Raises:
        WeightsError: the file is damaged, or loading it would run code.
    """
    import torch

    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(path)
        except SafetensorError as error:
            raise WeightsError(
                f"not a readable safetensors file ({error})", code="unreadable-weights", file=path
            ) from None
    # The checkpoints that MMPose publishes hold NumPy arrays (metadata) beside the weights.
    numpy_types: list[Any] = [np.ndarray, np.dtype, *(type(np.dtype(code)) for code in "?bBhHiIlLqQefdU")]
    numpy_types += [value.__reduce__()[0] for value in (np.zeros(1), np.float64(0))]  # constructors in pickles
    try:
        with torch.serialization.safe_globals(numpy_types):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or foreign pickle can raise anything
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"not weights that can be loaded safely ({reason})", code="unsafe-weights", file=path
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    return {name: value for name, value in state.items() if torch.is_tensor(value)}
