"""What predicts the person's coverage in a window: the network that ships, or a model of another maker."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from posegaussian.config import MattingSettings
from posegaussian.preparation.mattes.network_weights import load_matting_network
from posegaussian.preparation.mattes.onnx_model import OnnxMatting
from posegaussian.preparation.mattes.prediction import NetworkMatting
from posegaussian.preparation.mattes.window import Window

MattingModel = Callable[[Window], Float32[np.ndarray, "h w"]]
"""Returns log-odds of the person's coverage in the window's pixels; threads may call it side by side."""


def load_matting_model(settings: MattingSettings | None = None, device: str = "cpu") -> MattingModel:
    """The model of the settings, ready to use.

    Args:
        settings: default: the network that ships.
        device: where that network runs; an ONNX model runs on the CPU.

    Raises:
        UserError: an ONNX model needs onnxruntime, which is not installed.
        WeightsError: the file is missing, damaged, or of something else.
    """
    if settings is not None and settings.onnx:
        return OnnxMatting(Path(settings.onnx), settings.mean, settings.std)
    return NetworkMatting(load_matting_network(device=device))
