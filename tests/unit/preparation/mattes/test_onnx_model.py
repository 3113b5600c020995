"""Matting models of other makers: what reaches onnxruntime, and what comes back; onnxruntime itself is replaced."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import refuses

from posegaussian.config import MattingSettings
from posegaussian.errors import UserError, WeightsError
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes import models
from posegaussian.preparation.mattes.window import Window

MEAN, STD = (0.5, 0.4, 0.3), (0.5, 0.25, 0.2)


def window(height=200, width=100):
    """A window, 512 px high, on an image whose red channel is the alpha that the model below returns."""
    image = np.zeros((height, width, 3), np.uint8)
    image[height // 4 : -height // 4, width // 4 : -width // 4] = (255, 51, 102)
    box = np.array([0, 0, width, height], np.float32)
    nothing = np.zeros(33, np.float32)
    crop = np.array([width / 2, height / 2, height, 0], np.float32)
    person = Person(
        1.0, np.zeros((33, 3), np.float32), nothing, nothing, crop, crop, np.zeros((256, 256), np.uint8), box
    )
    return Window.around(image, person)


def replaced(monkeypatch, shape=(1, 3, "height", "width"), outputs=1, alpha=lambda pixels: pixels[:, :1] * 0.5 + 0.5):
    """Put a runtime in the place of onnxruntime whose model sees only the red channel; returns what it was fed."""
    fed = []

    class Session:
        def __init__(self, path, options, providers):
            if "damaged" in path:
                raise RuntimeError("Protobuf parsing failed\nat some place")

        def get_inputs(self):
            return [SimpleNamespace(name="image", shape=list(shape), type="tensor(float)")]

        def get_outputs(self):
            return [SimpleNamespace(name=str(number)) for number in range(outputs)]

        def run(self, names, inputs):
            assert names == ["0"]  # the first output alone: U^2-Net has seven
            fed.append(inputs["image"])
            return [alpha(inputs["image"])]

    runtime = SimpleNamespace(InferenceSession=Session, SessionOptions=SimpleNamespace)
    monkeypatch.setitem(sys.modules, "onnxruntime", runtime)
    return fed


def load(path):
    path.write_bytes(b"model")
    return models.load_matting_model(MattingSettings(onnx=str(path), mean=MEAN, std=STD))


@pytest.mark.parametrize(
    ("shape", "size", "outputs"), [((1, 3, "h", "w"), (512, 256), 1), ((1, 3, 320, 320), (320, 320), 7)]
)
def test_logits_are_those_of_the_alpha_in_the_window(tmp_path, monkeypatch, shape, size, outputs):
    fed, seen = replaced(monkeypatch, shape, outputs), window(height=200, width=97)
    logits = load(tmp_path / "m.onnx")(seen)
    assert logits.shape == (seen.height, seen.width) == (512, 248)
    (pixels,) = fed
    assert pixels.shape == (1, 3, *size) and pixels.dtype == np.float32 and pixels.flags.c_contiguous
    np.testing.assert_allclose(
        pixels[0, :, size[0] // 2, size[1] // 2], [(1 - 0.5) / 0.5, -0.2 / 0.25, 0.1 / 0.2], atol=1e-5
    )
    truth = seen.pixels[..., 0] > 127
    assert ((logits > 0) != truth).mean() < 0.02
    assert logits.max() == pytest.approx(np.log(511), rel=1e-4) and logits.min() == pytest.approx(
        -np.log(511), rel=1e-4
    )


@pytest.mark.parametrize(
    "made", [{"shape": (1, 3, 320)}, {"shape": (1, 4, "h", "w")}, {"outputs": 0}], ids=["rank", "channels", "outputs"]
)
def test_models_of_other_shapes_are_refused(tmp_path, monkeypatch, made):
    replaced(monkeypatch, **made)
    with refuses(WeightsError, "other-network", file=tmp_path / "m.onnx"):
        load(tmp_path / "m.onnx")


def test_an_output_that_is_no_alpha_is_refused(tmp_path, monkeypatch):
    replaced(monkeypatch, alpha=lambda pixels: 9 * pixels[:, :1])
    with refuses(WeightsError, "other-network", file=tmp_path / "m.onnx"):
        load(tmp_path / "m.onnx")(window())


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    replaced(monkeypatch)
    with refuses(WeightsError, "unreadable-weights", file=tmp_path / "damaged.onnx"):
        load(tmp_path / "damaged.onnx")
    with refuses(WeightsError, "unreadable-network", file=tmp_path / "none.onnx"):
        models.load_matting_model(MattingSettings(onnx=str(tmp_path / "none.onnx")))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with refuses(UserError, "missing-extra", file=tmp_path / "m.onnx"):
        load(tmp_path / "m.onnx")
