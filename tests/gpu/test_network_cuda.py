from dataclasses import replace

import jaxtyping
import pytest
import torch
from torch.nn import functional as F

from posegaussian.config import NetworkSettings
from posegaussian.model.blocks import conv
from posegaussian.model.correlation import CorrelationPyramid, local_correlation, unit
from posegaussian.model.disparity_prior import DisparityPrior
from posegaussian.model.network import PoseGaussian
from posegaussian.model.streaming import StreamingPredictor
from posegaussian.model.upsampling import ConvexUpsampling
from posegaussian.types import Camera, StereoPair

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def random_pair(size=128, filmed=False):
    """People of noise on black, or, as rectified stores hold them, before other noise in a band around soft masks."""
    generator = torch.Generator().manual_seed(0)
    intrinsics = torch.tensor([[150.0, 0, size / 2], [0, 150.0, size / 2], [0, 0, 1]]).repeat(1, 2, 1, 1)
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, :, 0, 3] = torch.tensor([0.2, -0.2])
    masks = torch.zeros(1, 2, 1, size, size)
    masks[0, 0, ..., 20:-20, 50:90], masks[0, 1, ..., 20:-20, 20:60] = 1, 1
    keypoints = torch.rand(1, 1, 17, 2, generator=generator) * torch.tensor([30.0, 80.0]) + torch.tensor([55.0, 25.0])
    seen = masks
    if filmed:
        masks, seen = (F.avg_pool2d(masks[0], 5, 1, 2)[None], F.max_pool2d(masks[0], 25, 1, 12)[None])
    return StereoPair(
        images=torch.rand(1, 2, 3, size, size, generator=generator) * seen,
        masks=masks,
        cameras=Camera(intrinsics, poses, size, size),
        heatmaps=torch.rand(1, 2, 17, size // 4, size // 4, generator=generator),
        keypoints=torch.cat([keypoints, keypoints - torch.tensor([30.0, 0.0])], dim=1),
        scores=torch.ones(1, 2, 17),
    )


@torch.no_grad()
@pytest.mark.parametrize("matte", ["exact", "hint"])
def test_cuda_agrees_with_the_cpu(matte):
    torch.manual_seed(0)
    network = PoseGaussian(NetworkSettings(matte=matte)).eval()
    pair = random_pair(filmed=network.settings.filmed)
    expected = network(pair)
    found = network.cuda()(pair.to("cuda"))
    person = pair.masks[:, :, 0] > 0
    assert (found.disparity.cpu() - expected.disparity)[person].abs().max() < 0.1
    for name in ("opacities", "colors"):
        assert (getattr(found.gaussians, name).cpu() - getattr(expected.gaussians, name)).abs().mean() < 1e-2, name


@torch.no_grad()
@pytest.mark.parametrize("matte", ["exact", "hint"])
@pytest.mark.parametrize("mode", ["eager", "graph", "compiled"])
def test_a_stream_agrees_with_the_network_in_single_precision(mode, matte, monkeypatch):
    if mode == "compiled":  # TorchDynamo cannot trace the tests' checks of shapes
        monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    torch.manual_seed(0)
    network = PoseGaussian(NetworkSettings(matte=matte)).cuda().eval()
    pair = random_pair(filmed=network.settings.filmed).to("cuda")
    stream, state = StreamingPredictor(network, mode), None
    person = pair.masks[0, :, 0] > 0
    for _ in range(3):
        exact = network(pair, state)
        state = exact.state
        frame = stream(pair)
        assert (frame.disparity - exact.disparity[0])[person].abs().mean() < 0.1
        one, other = frame.gaussians.compact(), exact.gaussians[0].compact()
        assert abs(len(one.means) - len(other.means)) <= 0.01 * len(other.means)
        assert frame.gaussians.means.isfinite().all() and frame.overflow <= 0


@torch.no_grad()
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_a_stream_runs_on_a_device_that_is_not_the_current_one():
    torch.manual_seed(0)
    network, pair = PoseGaussian(NetworkSettings()).eval(), random_pair()
    first, second = (
        StreamingPredictor(network.to(device), "graph")(pair.to(device)).disparity.cpu()
        for device in ("cuda:0", "cuda:1")
    )
    assert (first - second)[pair.masks[0, :, 0] > 0].abs().mean() < 0.1


@torch.no_grad()
def test_memory_stays_constant_and_a_full_list_is_made_longer():
    network, pair = PoseGaussian(NetworkSettings()).cuda().eval(), random_pair().to("cuda")
    stream = StreamingPredictor(network, "graph")
    stream(pair)
    before = torch.cuda.memory_allocated()
    for _ in range(5):
        stream(pair)
    assert torch.cuda.memory_allocated() == before
    patient = StreamingPredictor(network, "graph", capacity=500)
    frame = patient(pair)
    assert frame.overflow <= 0 and patient.capacity is not None and patient.capacity > 500


@torch.no_grad()
@pytest.mark.parametrize("matte", ["exact", "hint"])
def test_background_stays_finite_in_half_precision(matte):
    network, pair = PoseGaussian(NetworkSettings(matte=matte)).cuda().eval(), random_pair().to("cuda")
    nobody = replace(pair, masks=0 * pair.masks, scores=0 * pair.scores)
    frame = StreamingPredictor(network)(nobody)
    assert all(value.isfinite().all() for value in vars(frame.gaussians).values())
    assert matte == "hint" or frame.gaussians.opacities.max() == 0


def both_ways(function):
    """With single kernels, and operation by operation, as where gradients are wanted."""
    with torch.no_grad():
        fast = function()
    with torch.enable_grad():
        return fast, function().detach()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float16, 1e-2)])
def test_kernels_do_what_the_operations_do(monkeypatch, dtype, tolerance):
    torch.manual_seed(0)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    last = torch.channels_last
    reference, other = (
        unit(torch.randn(2, 16, 37, 203, device="cuda", dtype=dtype)).to(memory_format=last) for _ in range(2)
    )
    q = 260 * torch.rand(2, 37, 203, device="cuda") - 30
    lookup = CorrelationPyramid(5 * reference, other, levels=3, radius=4)
    layer = ConvexUpsampling(16, 2).cuda().to(dtype)
    cover = torch.rand_like(q).round()
    for function in (
        lambda: local_correlation(reference, other, q, radius=3),
        lambda: lookup(q),
        lambda: layer(q / 100, 3 * reference, cover),
    ):
        fast, plain = both_ways(function)
        assert fast.shape == plain.shape
        assert (fast - plain).abs().max() < tolerance


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
@pytest.mark.parametrize(("name", "tolerance"), [("disparity", 1e-2), ("sigma", 1e-2), ("capsule_weights", 1e-3)])
def test_the_disparity_prior_in_one_kernel_is_the_same(name, tolerance, dtype):
    prior, pair = DisparityPrior(4).to("cuda", dtype), random_pair(136).to("cuda")
    fast, plain = both_ways(lambda: getattr(prior.estimate(pair), name))
    assert fast.shape == plain.shape
    assert (fast - plain).abs().max() < tolerance


@pytest.mark.parametrize("layer", [conv(32, 24, 1), conv(32, 24, rectify=True), conv(32, 24, 1, rectify=True)])
def test_a_convolution_in_one_pass_is_the_same(layer):
    layer = layer.to("cuda", torch.float16, memory_format=torch.channels_last)
    torch.nn.init.normal_(layer.bias)
    x = torch.randn(2, 32, 30, 22, device="cuda", dtype=torch.float16).to(memory_format=torch.channels_last)
    torch.full_like(x, float("nan"))  # What the next tensor is made of.
    fast, plain = both_ways(lambda: layer(x))
    assert (
        fast.isfinite().all()
        and (fast - plain).abs().max() < 2e-2
        and fast.is_contiguous(memory_format=torch.channels_last)
    )
