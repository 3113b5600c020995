import pytest
import torch

from posegaussian.config import NetworkSettings
from posegaussian.model.network import PoseGaussian
from posegaussian.types import Camera, StereoPair

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


def random_pair(size=128):
    generator = torch.Generator().manual_seed(0)
    intrinsics = torch.tensor([[150.0, 0, size / 2], [0, 150.0, size / 2], [0, 0, 1]]).repeat(1, 2, 1, 1)
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, :, 0, 3] = torch.tensor([0.2, -0.2])
    masks = torch.zeros(1, 2, 1, size, size)
    masks[0, 0, ..., 20:-20, 50:90], masks[0, 1, ..., 20:-20, 20:60] = 1, 1
    keypoints = torch.rand(1, 1, 17, 2, generator=generator) * torch.tensor([30.0, 80.0]) + torch.tensor([55.0, 25.0])
    return StereoPair(
        images=torch.rand(1, 2, 3, size, size, generator=generator) * masks,
        masks=masks,
        cameras=Camera(intrinsics, poses, size, size),
        heatmaps=torch.rand(1, 2, 17, size // 4, size // 4, generator=generator),
        keypoints=torch.cat([keypoints, keypoints - torch.tensor([30.0, 0.0])], dim=1),
        scores=torch.ones(1, 2, 17),
    )


@torch.no_grad()
def test_cuda_agrees_with_the_cpu():
    torch.manual_seed(0)
    network, pair = PoseGaussian(NetworkSettings()).eval(), random_pair()
    expected = network(pair)
    found = network.cuda()(pair.to("cuda"))
    person = pair.masks[:, :, 0] > 0
    assert (found.disparity.cpu() - expected.disparity)[person].abs().max() < 0.1
    assert (found.gaussians.opacities.cpu() - expected.gaussians.opacities).abs().mean() < 1e-2


@torch.no_grad()
def test_a_forward_is_captured_as_a_cuda_graph():
    torch.manual_seed(0)
    network, pair = PoseGaussian(NetworkSettings()).cuda().eval(), random_pair().to("cuda")
    state = network(pair).state
    with torch.autocast("cuda", torch.float16):
        network(pair, state)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = network(pair, state)
    graph.replay()
    torch.cuda.synchronize()
    person = pair.masks[:, :, 0] > 0
    exact = network(pair, state)
    assert (result.disparity - exact.disparity)[person].abs().mean() < 0.2
    assert result.gaussians.means.isfinite().all()
