"""Cameras one above the other, from the folder on disk to Gaussians in the world."""

import cv2
import helpers
import numpy as np
import torch

from posegaussian.config import NetworkSettings, RectifySettings
from posegaussian.data.rectified import read_frames
from posegaussian.io import store
from posegaussian.model.network import PoseGaussian
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.rendering.camera_path import source_cameras
from posegaussian.rendering.reconstruct import reconstruct_frames, render


def test_a_vertical_pair_is_reconstructed_upright(tmp_path):
    cameras = {"00": helpers.lens(0, elevation=-12), "01": helpers.lens(0, elevation=12)}
    helpers.write_sphere_capture(tmp_path / "capture", frames=1, cameras=cameras, depths=False)
    rectify_capture(tmp_path / "capture", tmp_path / "pair.h5", RectifySettings(size=(96, 128)))
    torch.manual_seed(0)
    network = PoseGaussian(NetworkSettings(pose="none", iterations=1)).eval()
    with store.open_checked(tmp_path / "pair.h5", store.RECTIFIED) as rectified:
        assert rectified["sources/pairs"].asstr()[0].tolist() == ["01", "00"], "the upper one becomes the left one"
        (reconstruction,) = next(reconstruct_frames(network, read_frames(rectified, None), torch.device("cpu")))
        upper, lower = source_cameras(rectified, 0)
    for name, camera in (("01", upper), ("00", lower)):
        seen = render(reconstruction.gaussians, camera.to(torch.float32)).alphas[0].numpy() > 0.5
        mask = cv2.imread(str(tmp_path / f"capture/masks/{name}/000000.png"), cv2.IMREAD_GRAYSCALE) > 127
        assert (seen & mask).sum() / (seen | mask).sum() > 0.7, name
    height = np.ptp(reconstruction.gaussians.means.numpy(), axis=0)
    assert height[2] > 1.4 and height[2] > 1.5 * height[1]
