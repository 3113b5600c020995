"""Operations against their definition, written out in loops; the shipped networks against TensorFlow's own runtime."""

from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import WeightsError
from posegaussian.io.tflite import Model, Node
from posegaussian.pose.detectors.blazepose.finder import ASSETS
from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.pose.detectors.blazepose.weights import load_network, write_network

DATA = Path(__file__).parents[3] / "data" / "blazepose"
RANDOM = np.random.default_rng(0)


def run(nodes, constants, image: np.ndarray, output: int) -> np.ndarray:
    """The output for one image (h, w, channels), in TensorFlow's order of axes."""
    model = Model(tuple(nodes), constants, 0, (output,), image.shape[:2])
    (made,) = Network(model)(torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32)))
    return (made.movedim(1, -1) if made.dim() == 4 else made)[0].numpy()


def convolved(image, kernel, bias, stride, padding) -> np.ndarray:
    """A convolution as a loop; kernel (outputs, rows, columns, channels); padding ((top, bottom), (left, right))."""
    image = np.pad(image, (*padding, (0, 0)))
    _, rows, columns, _ = kernel.shape
    down, across = ((image.shape[axis] - kernel.shape[axis + 1]) // stride[axis] + 1 for axis in (0, 1))
    made = np.empty((down, across, len(kernel)))
    for i, j in np.ndindex(down, across):
        part = image[i * stride[0] : i * stride[0] + rows, j * stride[1] : j * stride[1] + columns]
        made[i, j] = (part * kernel).sum((1, 2, 3)) + bias
    return made


@pytest.mark.parametrize(
    ("size", "stride", "height", "padding"),
    [(3, 1, 6, (1, 1)), (3, 2, 6, (0, 1)), (3, 2, 7, (1, 1)), (5, 2, 8, (1, 2)), (1, 1, 6, (0, 0)), (2, 1, 6, (0, 1))],
)
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions_padded_as_tensorflow_does(size, stride, height, padding, depthwise):
    """`SAME`: what is odd of the padding goes below and to the right."""
    image, bias = RANDOM.normal(size=(height, height, 3)), RANDOM.normal(size=3)
    kernel = RANDOM.normal(size=(3, size, size, 3))
    if depthwise:
        kernel *= np.eye(3)[:, None, None]
    stored = kernel.diagonal(axis1=0, axis2=3)[None] if depthwise else kernel
    options = {"same": True, "stride": [stride, stride], "activation": "relu", "dilation": [1, 1]}
    node = Node("depthwise_conv_2d" if depthwise else "conv_2d", (0, 1, 2), 3, options)
    found = run([node], {1: stored, 2: bias}, image, 3)
    wanted = convolved(image, kernel, bias, (stride, stride), (padding, padding)).clip(0)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("rows", [(1, 1), (0, 2)])  # equal sides become a part of the convolution, others stay
def test_a_pad_before_a_convolution(rows):
    image, kernel, bias = RANDOM.normal(size=(6, 6, 2)), RANDOM.normal(size=(4, 3, 3, 2)), RANDOM.normal(size=4)
    options = {"same": False, "stride": [2, 2], "activation": "none", "dilation": [1, 1]}
    amounts = np.array([[0, 0], rows, rows, [0, 0]], np.int32)
    nodes = [Node("pad", (0, 1), 2, {}), Node("conv_2d", (2, 3, 4), 5, options)]
    found = run(nodes, {1: amounts, 3: kernel, 4: bias}, image, 5)
    np.testing.assert_allclose(found, convolved(image, kernel, bias, (2, 2), (rows, rows)), atol=1e-5)


def test_depth_to_space():
    image = RANDOM.normal(size=(2, 3, 8)).astype(np.float32)
    found = run([Node("depth_to_space", (0,), 1, {"block": 2})], {}, image, 1)
    for i, j, c in np.ndindex(4, 6, 2):
        assert found[i, j, c] == image[i // 2, j // 2, (i % 2 * 2 + j % 2) * 2 + c]


def test_the_other_operations():
    image = RANDOM.normal(size=(4, 4, 2)).astype(np.float32)
    pool = {"same": False, "stride": [2, 2], "size": [2, 2], "activation": "none"}
    found = run([Node("max_pool_2d", (0,), 1, pool)], {}, image, 1)
    np.testing.assert_array_equal(found, image.reshape(2, 2, 2, 2, 2).max((1, 3)))

    found = run([Node("add", (0, 0), 1, {"activation": "relu6"})], {}, 4 * image, 1)
    np.testing.assert_allclose(found, (8 * image).clip(0, 6))

    found = run([Node("pad", (0, 1), 2, {})], {1: np.array([[0, 0], [0, 0], [0, 0], [0, 3]])}, image, 2)
    np.testing.assert_array_equal(found, np.pad(image, ((0, 0), (0, 0), (0, 3))))

    nodes = [Node("reshape", (0, 1), 2, {}), Node("concatenation", (2, 2), 3, {"axis": 1, "activation": "none"})]
    found = run([*nodes, Node("logistic", (3,), 4, {})], {1: np.array([1, 16, 2])}, image, 4)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.tile(image.reshape(16, 2), (2, 1)))), rtol=1e-5)

    up = {"align_corners": False, "half_pixel": True}
    found = run([Node("resize_bilinear", (0, 1), 2, up)], {1: np.array([8, 8])}, image, 2)
    np.testing.assert_allclose(found, cv2.resize(image, (8, 8), interpolation=cv2.INTER_LINEAR), atol=1e-6)


@pytest.fixture(scope="module")
def recorded():
    """The outputs of LiteRT for the picture: tools/record_blazepose.py."""
    with np.load(DATA / "litert.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    image = cv2.imread(str(DATA / "person.png"))[..., ::-1].transpose(2, 0, 1)
    return torch.from_numpy(image[None].astype(np.float32) / 255)


def test_landmarks_as_litert_finds_them(recorded, picture):
    network = load_network(ASSETS / "pose_landmark_full.safetensors")
    landmarks, score, matte, heatmaps, world = network(picture.expand(2, -1, -1, -1))
    # The goal is 1e-3 of the crop's 256 px; rounding alone differs.
    np.testing.assert_allclose(landmarks[1], recorded["landmarks"], atol=0.02)
    np.testing.assert_allclose(score[1], recorded["score"], atol=1e-4)
    np.testing.assert_allclose(matte[1, 0, ::8, ::8], recorded["matte"], atol=0.02, rtol=1e-3)
    np.testing.assert_allclose(heatmaps[1, :, ::8, ::8].movedim(0, -1), recorded["heatmaps"], atol=0.02)
    np.testing.assert_allclose(world[1], recorded["world"], atol=1e-3)
    torch.testing.assert_close(landmarks[0], landmarks[1])


def test_people_as_litert_finds_them(recorded, picture):
    network = load_network(ASSETS / "pose_detection.safetensors")
    values, logits = network(2 * picture[:, :, 16:240, 16:240] - 1)
    rows = recorded["rows"]
    np.testing.assert_allclose(values[0, rows], recorded["values"], atol=0.02)
    np.testing.assert_allclose(logits[0, rows], recorded["logits"], atol=0.02)


def a_model() -> Model:
    kernel = np.zeros((2, 3, 3, 2), np.float16)
    kernel[0, 1, 1, 0] = 3
    options = {"same": True, "stride": [1, 1], "activation": "relu", "dilation": [1, 1]}
    node = Node("conv_2d", (0, 1, 2), 3, options)
    return Model((node,), {1: kernel, 2: np.array([1, 2], np.float16)}, 0, (3,), (4, 4))


def test_a_written_network_comes_back(tmp_path):
    paths = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for path in paths:
        write_network(path, a_model(), {"license": "CC0"})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    images = torch.rand(3, 2, 5, 6)
    torch.testing.assert_close(load_network(paths[0])(images), Network(a_model())(images), rtol=0, atol=0)


def test_files_that_are_no_networks(tmp_path):
    path = tmp_path / "a.safetensors"
    with helpers.refuses(WeightsError, "unreadable-network", file=path):
        load_network(path)
    path.write_bytes(b"nothing")
    with helpers.refuses(WeightsError, "unreadable-weights", file=path):
        load_network(path)
    other = ASSETS.parent / "detector" / "small.safetensors"
    with helpers.refuses(WeightsError, "unreadable-weights", file=other):
        load_network(other)
