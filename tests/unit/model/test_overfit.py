"""A smoke training: one frame of one person learned by heart."""

from dataclasses import replace

import helpers
import pytest
import torch

from posegaussian.config import NetworkSettings, RectifySettings
from posegaussian.data.rectified import read_pair, read_target
from posegaussian.evaluation.baselines import gt_depth
from posegaussian.geometry.projection import pixel_grid, project
from posegaussian.io import store
from posegaussian.model.network import PoseGaussian
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.training.losses.disparity import end_point_error, sequence_loss
from posegaussian.training.losses.image import box_psnr, image_loss

SIZE, STEPS = 128, 90


def with_joints(pair):
    points = torch.from_numpy(helpers.joints(0)).float()[None, None].expand(1, 2, -1, -1)
    keypoints, _ = project(points, pair.cameras)
    cells = 4 * pixel_grid(SIZE // 4, SIZE // 4, like=keypoints)
    heatmaps = torch.exp(-0.5 * (cells - keypoints[..., None, None, :]).square().sum(-1) / 5**2)
    return replace(pair, heatmaps=heatmaps, keypoints=keypoints, scores=torch.full((1, 2, 17), 0.9))


@pytest.mark.slow
def test_one_frame_is_learned_to_within_a_decibel_of_gt_depth(tmp_path):
    helpers.write_sphere_capture(tmp_path / "capture", frames=1, size=(SIZE, SIZE))
    rectify_capture(tmp_path / "capture", tmp_path / "pair.h5", RectifySettings(size=(SIZE, SIZE)))
    with store.open_checked(tmp_path / "pair.h5", store.RECTIFIED) as rectified:
        pair = with_joints(read_pair(rectified, None, 0, 0))
        truth, valid = (
            torch.from_numpy(rectified[f"sources/{name}"][0, 0]).float()[None] for name in ("disparity", "valid")
        )
        image, mask, camera = read_target(rectified, 0, 0)
    goal = float(box_psnr(gt_depth(pair, camera[0], truth)[None], image, mask))

    torch.manual_seed(0)
    network = PoseGaussian(NetworkSettings(iterations=2)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, STEPS, pct_start=0.1)
    errors, qualities = [], []
    for _ in range(STEPS):
        result = network(pair)
        view = rasterize(result.gaussians, camera, backend="numba", semantics=ANTIALIASED).colors
        errors.append(float(end_point_error(result.disparity, truth, valid)))
        qualities.append(float(box_psnr(view, image, mask)))
        loss = image_loss(view, image, mask) + 0.05 * sequence_loss(result.disparities, truth, valid)
        optimizer.zero_grad()
        (loss + 0.05 * result.pose_loss).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    print(
        f"EPE {errors[0]:.2f} to {errors[-1]:.2f} px, PSNR {qualities[0]:.2f} to {qualities[-1]:.2f} dB of {goal:.2f}"
    )
    assert errors[-1] < 0.4 * errors[0]
    assert qualities[-1] > max(goal - 1.0, qualities[0] + 3.0)
