"""Windows of images with more samples: they show what the whole image shows, and nothing else changes."""

import numpy as np
import torch
from known import known
from torch.nn.functional import avg_pool2d

from posegaussian.synthetic.dataset.window import FINER, MARGIN, Window
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.types import Camera

CAMERA = Camera(torch.tensor([[[80.0, 1, 33], [0, 82, 25], [0, 0, 1]]]), torch.eye(4)[None], 64, 48)
LENS = torch.tensor([[-0.2, 0.05, 0.01, -0.01, 0.0]])
POINTS = np.array([[0.1, 0.0, 1.0], [0.2, 0.15, 1.1], [-0.05, 0.1, 0.9]])


def test_points_lie_in_the_window_at_finer_pixels():
    window = known(Window.around(POINTS, CAMERA, LENS))
    vertices = torch.from_numpy(POINTS).float()[None]
    whole, fine = (project_vertices(vertices, camera, LENS)[0] for camera in (CAMERA, window.camera(CAMERA)))
    corner = torch.tensor([window.left, window.top])
    torch.testing.assert_close(fine[:, :2], FINER * (whole[:, :2] - corner), atol=1e-4, rtol=0)
    low, high = whole[:, :2].min(0).values, whole[:, :2].max(0).values
    assert (corner <= low - MARGIN + 1).all() and window.right >= high[0] + MARGIN and window.bottom >= high[1] + MARGIN


def test_only_the_window_changes():
    window = Window(5, 7, 15, 27)
    images, fine = torch.rand(1, 3, 48, 64), torch.rand(1, 3, FINER * 20, FINER * 10)
    pasted = window.pasted(images, fine)
    assert torch.equal(pasted[..., 7:27, 5:15], avg_pool2d(fine, FINER))
    outside = torch.ones(48, 64, dtype=torch.bool)
    outside[7:27, 5:15] = False
    assert torch.equal(pasted[..., outside], images[..., outside])


def test_what_no_camera_sees_has_no_window():
    assert Window.around(POINTS + np.array([5, 0, 0]), CAMERA, LENS) is None
    assert Window.around(POINTS * np.array([1, 1, -1]), CAMERA, LENS) is None
