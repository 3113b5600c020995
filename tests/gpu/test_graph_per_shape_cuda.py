"""Functions that run as one CUDA graph per shape: the same values as without, also for threads that share them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch.nn import functional

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.pose.detectors.blazepose.crops import Crops, sample_crops
from posegaussian.preparation.mattes.network_weights import load_matting_network
from posegaussian.preparation.mattes.prediction import NetworkMatting
from posegaussian.streams import own_stream

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = torch.device("cuda", 0)


def smoothed(image: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor]:
    return (functional.conv2d(image, weight, padding=1).relu() + image.mean(),)


def test_threads_get_their_own_results():
    weight = torch.rand(4, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    graphs = GraphPerShape(smoothed)

    def call(seed: int) -> float:
        side = 32 + 16 * (seed % 3)
        image = torch.rand(1, 4, side, side, generator=torch.Generator().manual_seed(seed))
        with own_stream(CUDA):
            (found,) = graphs(CUDA, image, weight)
            return float((found.cpu() - smoothed(image, weight)[0]).abs().max())

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(call, range(60))) < 1e-2  # the device may multiply in TF32


@pytest.mark.parametrize(("height", "width"), [(512, 200), (160, 512), (300, 300)])
def test_the_matting_network_gives_the_same_log_odds_on_the_cpu(height, width):
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    coarse = np.zeros((height, width), np.uint8)
    coarse[height // 4 : -height // 4, width // 4 : -width // 4] = 255
    inside, points = np.full((height, width), 255, np.uint8), random.random((33, 2)) * (width, height)
    arguments = pixels, coarse, inside, points, random.random(33).astype(np.float32)
    expected, model = NetworkMatting(load_matting_network())._predicted(*arguments), None
    model = NetworkMatting(load_matting_network(device="cuda"))
    for _ in range(3):
        found = model._predicted(*arguments)
        assert abs(1 / (1 + np.exp(-found)) - 1 / (1 + np.exp(-expected))).max() < 0.05
        assert abs(found - expected).mean() < 0.02


def test_crops_are_sampled_as_on_the_cpu():
    image = torch.randint(0, 256, (3, 300, 400), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    crops = Crops.of_rows(torch.tensor([[200.0, 150, 240, 0.4], [20.0, 280, 500, -1.0]]))
    expected = sample_crops([image] * 2, crops, 64, "border")
    found = sample_crops([image.to(CUDA)] * 2, crops.to(CUDA), 64, "border").cpu()
    assert (found - expected).abs().max() < 2e-3
