"""CUDA graphs are captured while other threads of the process use the device."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.locks import DEVICE
from posegaussian.model.network import PoseGaussian
from posegaussian.model.streaming import StreamingPredictor
from posegaussian.pose.detectors.blazepose.crops import Crops
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.streams import own_stream
from posegaussian.types import Camera, StereoPair

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = torch.device("cuda", 0)


def plane(size, seed=0):
    generator = torch.Generator().manual_seed(seed)
    intrinsics = torch.tensor([[150.0, 0, size / 2], [0, 150.0, size / 2], [0, 0, 1]]).repeat(1, 2, 1, 1)
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, :, 0, 3] = torch.tensor([0.2, -0.2])
    masks = torch.zeros(1, 2, 1, size, size)
    masks[0, 0, ..., 20:-20, 50:90], masks[0, 1, ..., 20:-20, 20:60] = 1, 1
    images = torch.rand(1, 2, 3, size, size, generator=generator) * masks
    return StereoPair(images=images, masks=masks, cameras=Camera(intrinsics, poses, size, size)).to("cuda")


@contextmanager
def busy(function, threads):
    """Threads that call a function again and again, each on a stream of its own, in the block."""
    end, started = threading.Event(), threading.Barrier(threads + 1)

    def run(number):
        calls = 0
        while not end.is_set():
            with own_stream(CUDA):
                function(number, calls)
            calls += 1
            if calls == 1:
                started.wait(120)
        return calls

    with ThreadPoolExecutor(threads) as pool:
        running = [pool.submit(run, number) for number in range(threads)]
        try:
            started.wait(120)
            yield
        finally:
            end.set()
        assert min(each.result(120) for each in running) > 1


def people(model):
    """Looks for people: with cuDNN's plans and handles of each thread, and new memory."""

    def look(number, calls):
        image = torch.zeros(3, 256, 256, dtype=torch.uint8).pin_memory().to(CUDA, non_blocking=True)
        count = 1 + (number + calls) % 2
        crops = Crops.of_rows(torch.tensor([[128.0, 128, 256, 0]], device=CUDA).repeat(count, 1))
        model.measure([image] * count, crops, 0).records()

    return look


def elementwise(number, calls):
    """What threads do to the device without the lock: kernels, copies, new memory. No random numbers: a capture takes
    the generator of the device, so that they need the lock."""
    values = torch.full((1 + calls % 7, 300_000 + 1000 * number), 0.5, device=CUDA)
    (values * 2).sum().cpu()


def plans(number, calls):
    """The worst case, under the lock: the device is synchronised, as a search for the fastest kernel does."""
    with DEVICE.shared():
        values = torch.rand(1, 8, 64 + number + calls % 3, 64, device=CUDA)
        torch.nn.functional.conv2d(values, torch.rand(8, 8, 3, 3, device=CUDA))
        torch.cuda.synchronize()


@torch.inference_mode()
@pytest.mark.parametrize("kind", ["people", "elementwise", "plans"])
def test_a_graph_is_captured_while_other_threads_use_the_device(kind):
    network = PoseGaussian(NetworkSettings(iterations=1)).cuda().eval()
    pairs = [plane(128, seed) for seed in range(2)]
    expected = [StreamingPredictor(network, "eager")(pair).disparity.clone() for pair in pairs]
    function = {"people": lambda: people(load_blazepose(device=CUDA)), "elementwise": lambda: elementwise}
    function = function.get(kind, lambda: plans)()
    with busy(function, 3):
        for _ in range(2):
            for pair, image in zip(pairs, expected, strict=True):
                with own_stream(CUDA):
                    found = StreamingPredictor(network, "graph")(pair).disparity.clone()
                assert (found - image).abs().mean() < 0.05


@torch.inference_mode()
def test_lists_that_grow_in_mid_session_are_captured_anew_beside_other_threads():
    network, pair = PoseGaussian(NetworkSettings(iterations=1)).cuda().eval(), plane(128)
    with busy(elementwise, 4), own_stream(CUDA):
        stream = StreamingPredictor(network, "graph", capacity=100)
        for _ in range(3):
            frame = stream(pair)
        assert (stream.capacity or 0) > 100 and frame.overflow <= 0


@torch.inference_mode()
def test_several_threads_capture_graphs():
    network, pair = PoseGaussian(NetworkSettings(iterations=1)).cuda().eval(), plane(128)
    expected = StreamingPredictor(network, "eager")(pair).disparity.clone()

    def work(_):
        with own_stream(CUDA):
            stream = StreamingPredictor(network, "graph")
            first = stream(pair).disparity.clone()
            for _ in range(5):
                stream(pair)
            return first

    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(work, range(3)):
            assert (found - expected).abs().mean() < 0.05
