"""Large sources: edges lie where the large image has them, surfaces are continued, and masks are trimmed there."""

from dataclasses import replace

import pytest
import torch

from posegaussian.geometry.projection import pixel_grid, project, unproject_pixels
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.rendering import large
from posegaussian.rendering.reconstruct import FrameReconstructor
from posegaussian.types import Camera, Gaussians, StereoPair

SIZE, FACTOR = 64, 2
NEAR, FAR = 1.5, 2.0


def cameras(size: int) -> Camera:
    intrinsics = torch.tensor([[1.2 * size, 0, size / 2], [0, 1.2 * size, size / 2], [0, 0, 1]]).repeat(1, 2, 1, 1)
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, 1, 0, 3] = -1
    return Camera(intrinsics, poses, size, size)


def pair(size: int) -> StereoPair:
    """A red square before a blue one; edges lie on odd pixels of the large image, inside of small ones."""
    images, masks = torch.zeros(1, 2, 3, size, size), torch.zeros(1, 2, 1, size, size)
    masks[..., 9:55, 9:55] = 1
    images[:, :, 2] = 0.8 * masks[:, :, 0]
    images[..., 0, 21:43, 21:43], images[..., 2, 21:43, 21:43] = 0.9, 0
    return StereoPair(images, masks, cameras(size))


def surface(stereo: StereoPair, depth: torch.Tensor) -> Gaussians:
    """A Gaussian for every pixel of both views at a given depth, of an opacity of 1/2 before the mask is trimmed."""
    size, masks = stereo.images.shape[-1], stereo.masks[0, :, 0].flatten(1)
    pixels, flat = pixel_grid(size, size, like=masks).flatten(0, 1).expand(2, -1, -1), depth.flatten(1)
    trim = large.trimmed(stereo.masks[:, :, 0])[0].flatten(1)
    scales = (0.7 * flat / stereo.cameras.intrinsics[0, 0, 0, 0])[..., None].expand(-1, -1, 3)
    turned = torch.tensor([1.0, 0, 0, 0]).expand(2, size**2, 4)
    opacities = large.trimmed_opacities(torch.zeros_like(trim), trim) * masks
    colors = stereo.images[0].flatten(2).mT
    means = unproject_pixels(pixels, flat, stereo.cameras[0])
    return Gaussians(means, turned, scales, opacities, colors).map(lambda values: values.flatten(0, 1))


def test_an_edge_lies_where_the_large_image_has_it():
    stereo = pair(SIZE)
    small = large.reduced(stereo, FACTOR)
    red = small.images[0, :, 0] > small.images[0, :, 2]
    found = surface(small, torch.where(red, NEAR, FAR))
    gaussians, disparity = large.enlarged(found, torch.zeros(2, 32, 32), small, stereo, exact=True)
    assert len(gaussians.means) == 2 * 46**2, "one Gaussian per pixel that the masks cover"
    for view in range(2):
        ours = gaussians[view * 46**2 : (view + 1) * 46**2]
        pixels, depth = project(ours.means, stereo.cameras[0, view])
        column, row = pixels.floor().long().unbind(-1)
        color = stereo.images[0, view, :, row, column].T
        assert torch.allclose(depth, torch.where(color[:, 0] > 0, NEAR, FAR), rtol=1e-4)
        assert torch.allclose(ours.colors[color[:, 0] > 0], color[color[:, 0] > 0], atol=0.5), "changes are continued"
        outermost = (row == 9) | (row == 54) | (column == 9) | (column == 54)
        assert torch.allclose(ours.opacities[~outermost], torch.sigmoid(torch.tensor(4.0)), atol=1e-3)
        assert ours.opacities[outermost].max() < 0.02, "the outermost pixel of the large image is trimmed"
        assert torch.allclose(ours.scales, (0.7 * depth / (1.2 * SIZE))[:, None].expand(-1, 3), rtol=1e-3)
    truth = 1.2 * SIZE / NEAR
    assert torch.allclose(disparity[:, 22:42, 22:42], torch.tensor(truth), rtol=1e-4)


def test_a_slanted_surface_stays_one():
    stereo = replace(pair(SIZE), masks=torch.ones(1, 2, 1, SIZE, SIZE), images=torch.full((1, 2, 3, SIZE, SIZE), 0.5))
    small = large.reduced(stereo, FACTOR)
    line = 1 / (0.5 + 0.002 * (torch.arange(SIZE // FACTOR) + 0.5)).expand(2, SIZE // FACTOR, -1)
    gaussians, _ = large.enlarged(surface(small, line), torch.zeros(2, 32, 32), small, stereo, exact=True)
    pixels, depth = project(gaussians[: SIZE**2].means, stereo.cameras[0, 0])
    inside = (pixels > 3).all(1) & (pixels < SIZE - 3).all(1)
    assert torch.allclose(depth[inside], 1 / (0.5 + 0.002 * pixels[inside, 0] / FACTOR), rtol=2e-5)


def test_only_large_pairs_are_reduced():
    sizes = {1024: 1, 1535: 1, 1536: 2, 2048: 2, 2050: 3, 4096: 4}
    for size, factor in sizes.items():
        images = torch.zeros(1, 2, 3, 2, size)
        assert large.reduction(StereoPair(images, images[:, :, :1], cameras(size))) == factor, size


@pytest.mark.parametrize("height", [128, 126])
def test_the_network_sees_the_reduced_pair_and_every_pixel_has_a_gaussian(monkeypatch, height):
    texture = torch.rand(3, 128, 128, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(2, 1, 128, 128)
    masks[0, :, 20:110, 50:100], masks[1, :, 20:110, 26:76] = 1, 1
    images = torch.stack([texture, texture.roll(-24, -1)]) * masks
    stereo = StereoPair(images[None, ..., :height, :], masks[None, ..., :height, :], cameras(128))
    network, device = load_network(RELEASE), torch.device("cpu")
    small = large.reduced(stereo, 2)
    (known,) = FrameReconstructor(network, device)([small])
    monkeypatch.setattr(large, "KNOWN_SIZE", 64)
    (found,) = FrameReconstructor(network, device)([stereo])
    assert 3.5 < len(found.gaussians.means) / len(known.gaussians.means) < 4.5
    assert found.disparity.shape == (2, height, 128) and found.masks.shape[-2] == height
    inside = stereo.masks[0, 0, 0] > 0
    nearest = 2 * known.disparity[0].repeat_interleave(2, 0).repeat_interleave(2, 1)[:height]
    assert (found.disparity[0] - nearest)[inside].abs().median() < 0.5
    assert torch.isfinite(found.disparity).all()
