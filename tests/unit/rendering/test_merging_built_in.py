"""Three built-in cameras: the second pair helps where the first one does not see."""

import pytest
import torch

from posegaussian.cli import main
from posegaussian.data.rectified import read_pair, read_target
from posegaussian.evaluation.baselines import gaussians_from_depth
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.io import store
from posegaussian.rendering.merging import merge_pairs
from posegaussian.rendering.reconstruct import FrameReconstruction, render
from posegaussian.training.losses.image import box_psnr


@pytest.fixture(scope="module")
def rectified(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ring")
    settings = "{frames: 1, size: [192, 192], sources: 3, images: png, rig: {baseline: [40, 40]}}"
    main(["captures", "--seed", "3", "-o", str(folder / "capture"), "--settings", settings])
    main(["rectify", str(folder / "capture"), "-o", str(folder / "pairs.h5"), "--settings", "{size: [192, 192]}"])
    with store.open_checked(folder / "pairs.h5", store.RECTIFIED) as reader:
        yield reader


def exact(rectified, pair):
    """What a perfect network would make of a pair."""
    views = read_pair(rectified, None, pair, 0)
    disparity = torch.from_numpy(rectified["sources/disparity"][pair, 0]).float()
    depth = disparity_to_depth(disparity[None], views.cameras)
    return FrameReconstruction(pair, 0, gaussians_from_depth(views, depth), disparity, views.masks[0], views.cameras[0])


@pytest.mark.slow
def test_a_third_camera_fills_the_holes_of_a_wide_pair(rectified):
    reconstructions = [exact(rectified, pair) for pair in range(2)]
    gains = []
    for target, pair in enumerate(rectified["targets/pair"][()].tolist()):
        image, mask, camera = read_target(rectified, target, 0)
        alone = render(reconstructions[pair].gaussians, camera[0])
        together = render(merge_pairs(reconstructions[pair], [reconstructions[1 - pair]], camera[0]), camera[0])
        assert (together.alphas * mask[0]).sum() > (alone.alphas * mask[0]).sum()
        gains.append(float(box_psnr(together.colors[None], image, mask) - box_psnr(alone.colors[None], image, mask)))
    print("gains, dB:", gains)
    assert min(gains) > -0.2 and max(gains) > 1.0
