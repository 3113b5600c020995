"""The heatmaps stage: 17 joint heatmaps per view and frame with MMPose.

Runs in the MMPose environment (envs/mmpose.*), where of this package only `cli`, `config`, `errors`, `progress`,
`io.atomic`, `io.download`, `io.store`, `pose.heatmaps` and this module may be imported; a test asserts it. MMPose and
torch are imported inside the functions that need them.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from posegaussian import config
from posegaussian.config import DetectorSettings
from posegaussian.errors import DetectorError, WeightsError
from posegaussian.io import store
from posegaussian.io.download import ensure_file
from posegaussian.pose.heatmaps import STRIDE, mask_box, place
from posegaussian.progress import progress

ASSETS = Path(__file__).parents[2] / "assets" / "detector"


@dataclass(frozen=True)
class Detection:
    """What a detector sees of one person; everything in image pixels, centres at +0.5.

    Args:
        maps: (17, rows, columns), in the frame of the detector's own box.
        first: (x, y) of the centre of the maps' first cell.
        pitch: (x, y) distance between the centres of their cells.
        keypoints: (17, 2), x and y.
        scores: (17,), in [0, 1].
    """

    maps: np.ndarray
    first: np.ndarray
    pitch: np.ndarray
    keypoints: np.ndarray
    scores: np.ndarray


Detector = Callable[[np.ndarray, np.ndarray], Detection]
"""(RGB image (h, w, 3), box (x0, y0, x1, y1) without padding) -> Detection."""


def extract_heatmaps(rectified: Path, output: Path, detector: DetectorSettings) -> None:
    """Detect the joints in every source image of a rectified capture.

    An image whose mask is empty gets maps, scores, key points and a box of zeros.

    Raises:
        DetectorError: MMPose, its configuration or the weights cannot be had.
        WeightsError: the weights do not fit the configuration.
        StoreError: `rectified` is missing or damaged.
    """
    with store.open_checked(rectified, store.RECTIFIED) as source:
        config_file = find_config(detector.config)
        weights_file = ensure_file(_locate(detector.weights), detector.url, detector.sha256)
        files = {"rectified": rectified, "config": config_file, "weights": weights_file}
        inputs = {name: store.digest(path) for name, path in files.items()}
        _write(source, output, load_detector(config_file, weights_file), config.as_dict(detector), inputs)


def _write(source: store.Reader, output: Path, detect: Detector, settings: dict, inputs: dict[str, str]) -> None:
    pairs, frames, _, height, width = source["sources/masks"].shape
    dims = {"pair": pairs, "frame": frames, "height": height // STRIDE, "width": width // STRIDE}
    version = config.STAGE_VERSION["heatmaps"]
    with store.create(output, store.HEATMAPS, dims, stage_version=version, settings=settings, inputs=inputs) as writer:
        writer["frames"] = source["frames"][()]
        writer["pairs"] = store.strings(source["sources/pairs"])
        for pair, frame in progress(list(np.ndindex(pairs, frames)), "heatmaps"):
            images, masks = source["sources/images"][pair, frame], source["sources/masks"][pair, frame]
            views = [_view(image, mask, detect) for image, mask in zip(images, masks, strict=True)]
            for name, values in zip(
                ("heatmaps", "keypoints", "scores", "boxes"), zip(*views, strict=True), strict=True
            ):
                writer[name, pair, frame] = np.stack(values)


def _view(image: np.ndarray, mask: np.ndarray, detect: Detector) -> tuple[np.ndarray, ...]:
    """Maps, key points, scores and box of one image."""
    height, width = mask.shape
    box = mask_box(mask)
    if box is None:
        return np.zeros((17, height // STRIDE, width // STRIDE)), np.zeros((17, 2)), np.zeros(17), np.zeros(4)
    found = detect(image, box)
    maps = place(found.maps, found.first, found.pitch, width, height)
    return maps.clip(0.0, 1.0), found.keypoints, found.scores, box


def find_config(name: str) -> Path:
    """An MMPose configuration: a path, `package:NAME` for one that ships here, or a name from MMPose's own package."""
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
    """An MMPose top-down heatmap model on the CPU, in one thread: the same image gives the same bytes.

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
    # No flip test: half the time, and (MSRA) the mean of a map and its flipped twin lies an eighth of a cell aside.
    options = {"model.test_cfg.output_heatmaps": True, "model.test_cfg.flip_test": False}
    try:
        model = init_model(str(config_file), device="cpu", cfg_options=options)
    except Exception as error:  # a configuration is a program: it can raise anything
        raise DetectorError(
            f"MMPose cannot build its model ({error})", code="unusable-detector", file=config_file
        ) from error
    codec: Any = getattr(getattr(model, "head", None), "decoder", None)
    if not isinstance(codec, MSRAHeatmap | UDPHeatmap) or model.head.out_channels != 17:
        raise DetectorError("not a top-down heatmap model of 17 joints", code="unsupported-detector", file=config_file)
    _load_weights(model, weights_file)
    # UDP measures between the centres of the outermost cells, MSRA between the outer edges.
    intervals = np.array(codec.heatmap_size) - (1 if isinstance(codec, UDPHeatmap) else 0)

    def detect(image: np.ndarray, box: np.ndarray) -> Detection:
        # MMPose counts from the centre of the first pixel, and wants BGR.
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
    """Load a state dict, without running any code the file may hold."""
    state = _read_weights(path)
    wanted = model.state_dict()
    for name, value in wanted.items():
        if name not in state:
            raise WeightsError(
                f"does not fit the detector's configuration: lacks `{name}`", code="weights-mismatch", file=path
            )
        if state[name].shape != value.shape:
            shapes = f"`{name}` is {tuple(state[name].shape)}, should be {tuple(value.shape)}"
            raise WeightsError(
                f"does not fit the detector's configuration: {shapes}", code="weights-mismatch", file=path
            )
    model.load_state_dict({name: state[name] for name in wanted})


def _read_weights(path: Path) -> dict[str, Any]:
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
    # Files that MMPose publishes hold NumPy arrays (meta data) beside the weights.
    numpy_types: list[Any] = [np.ndarray, np.dtype, *(type(np.dtype(code)) for code in "?bBhHiIlLqQefdU")]
    numpy_types += [value.__reduce__()[0] for value in (np.zeros(1), np.float64(0))]  # what their pickles call
    try:
        with torch.serialization.safe_globals(numpy_types):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damaged or foreign pickle makes it stumble over
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"not weights that can be loaded safely ({reason})", code="unsafe-weights", file=path
        ) from None
    state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else {}
    return {name: value for name, value in state.items() if torch.is_tensor(value)}
