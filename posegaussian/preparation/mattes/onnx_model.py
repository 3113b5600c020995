"""A matting model of another maker, as an ONNX file, in place of the network that ships."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32

from posegaussian.errors import UserError, WeightsError
from posegaussian.preparation.mattes.window import Window

_STRIDE = 32
"""Models whose input may have any size get a multiple of this; MODNet and U-Nets of five levels need it."""
_LEAST = 1 / 512
"""Alpha is taken to be this far from 0 and 1 at least: half a level of 8 bits. Log-odds need an end."""
_SLACK = 0.05
"""An alpha outside [0, 1] by more than this is something else, such as log-odds. Chosen by hand."""


class OnnxMatting:
    """Predicts the person's coverage in a window by an ONNX model, on the CPU, by onnxruntime.

    The model has one input, 1 x 3 x H x W; its first output is the alpha in [0, 1], of as many pixels or fewer. Further
    ones, such as the coarser maps of U^2-Net, are not computed. It knows nothing of the person's landmarks: people
    beside them are removed by other evidence.

    Args:
        path: of the .onnx file.
        mean: of the input: each channel of the image, RGB in [0, 1], less `mean` is divided by `std`.
        std: see `mean`.

    Raises:
        UserError: onnxruntime is not installed.
        WeightsError: the file is missing, damaged, or has other inputs or outputs.
    """

    def __init__(self, path: Path, mean: Sequence[float], std: Sequence[float]):
        try:
            import onnxruntime  # pyright: ignore[reportMissingImports]
        except ImportError:
            what = "a matting model as .onnx needs onnxruntime: pip install onnxruntime"
            raise UserError(what, code="missing-extra", file=path) from None
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # frames are computed side by side; and sums in one order
        if not path.is_file():
            raise WeightsError("no such file", code="unreadable-network", file=path)
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises many kinds, and exports them only in part
            first = str(error).splitlines()[0]
            raise WeightsError(f"not an ONNX model ({first})", code="unreadable-weights", file=path) from None
        self._path, self._mean, self._std = path, np.array(mean, np.float32), np.array(std, np.float32)
        self._name, self._alpha, self._size = self._checked()

    def _checked(self) -> tuple[str, str, tuple[int, int] | None]:
        """Names of the input and of the first output, and the input's height and width where they are fixed."""
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        if not outputs or len(shape) != 4 or shape[1] != 3 or inputs[0].type != "tensor(float)":
            shapes = f"{', '.join(str(each.shape) for each in inputs)}, and {len(outputs)} outputs"
            what = f"the model has inputs of {shapes}, not one of 1 x 3 x H x W float32"
            raise WeightsError(what, code="other-network", file=self._path)
        height, width = shape[2:]
        fixed = isinstance(height, int) and isinstance(width, int)
        return inputs[0].name, outputs[0].name, (height, width) if fixed else None

    def __call__(self, window: Window) -> Float32[np.ndarray, "h w"]:
        """Log-odds of the person's coverage in the window's pixels."""
        pixels = (window.pixels / np.float32(255) - self._mean) / self._std
        height, width = pixels.shape[:2]
        if self._size is None:
            pixels = np.pad(pixels, ((0, -height % _STRIDE), (0, -width % _STRIDE), (0, 0)), "edge")
            seen = pixels.shape[1], pixels.shape[0]
        else:
            seen = width, height
            pixels = cv2.resize(pixels, self._size[::-1], interpolation=cv2.INTER_AREA)
        (alpha,) = self._session.run([self._alpha], {self._name: np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})
        alpha = np.squeeze(alpha).astype(np.float32)
        if alpha.ndim != 2 or not (alpha.min() >= -_SLACK and alpha.max() <= 1 + _SLACK):
            what = f"the output is no alpha: shape {alpha.shape}, {alpha.min():.2g} to {alpha.max():.2g}"
            raise WeightsError(what, code="other-network", file=self._path)
        alpha = np.clip(cv2.resize(alpha, seen)[:height, :width], _LEAST, 1 - _LEAST)
        return np.log(alpha / (1 - alpha))
