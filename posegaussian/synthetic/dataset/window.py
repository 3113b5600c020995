"""Windows of images that are rendered with more samples: around calibration boards, whose corners must be exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn.functional import avg_pool2d

from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.render import RenderedColours
from posegaussian.types import Camera

FINER = 3
"""Windows have this many times as many samples along each axis as images: 6 x 6 a pixel. With 2 x 2, corners that
OpenCV detects lie up to 0.3 px beside the true ones, with 6 x 6 up to 0.09 px."""
MARGIN = 4
"""Pixels around a board that belong to its window; chosen by hand."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: left, top, right and bottom, in pixels; the last two are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @staticmethod
    def around(points: Float[np.ndarray, "p 3"], camera: Camera, lens: Float32[Tensor, "1 5"]) -> Window | None:
        """The window around points in the world; None where the camera does not see them."""
        vertices = torch.from_numpy(points.astype(np.float32))[None]
        x, y, inverse = project_vertices(vertices, camera, lens)[0].double().numpy().T
        if (inverse <= 0).any():
            return None
        left, top = max(int(x.min()) - MARGIN, 0), max(int(y.min()) - MARGIN, 0)
        right, bottom = min(int(x.max()) + 1 + MARGIN, camera.width), min(int(y.max()) + 1 + MARGIN, camera.height)
        return Window(left, top, right, bottom) if left < right and top < bottom else None

    def camera(self, camera: Camera) -> Camera:
        """The camera of the window, with finer pixels."""
        shift = torch.zeros_like(camera.intrinsics)
        shift[:, 0, 2], shift[:, 1, 2] = self.left, self.top
        width, height = self.right - self.left, self.bottom - self.top
        cropped = Camera(camera.intrinsics - shift, camera.world_to_camera, width, height)
        return cropped.resized(FINER * width, FINER * height)

    def pasted(
        self, images: Float32[Tensor, "1 c h w"], fine: Float32[Tensor, "1 c hf wf"]
    ) -> Float32[Tensor, "1 c h w"]:
        """The images with the window's pixels replaced by means over the finer ones."""
        images = images.clone()
        images[..., self.top : self.bottom, self.left : self.right] = avg_pool2d(fine, FINER)
        return images

    def pasted_colours(self, rendered: RenderedColours, fine: RenderedColours) -> RenderedColours:
        """The same for a person on black."""
        return RenderedColours(
            self.pasted(rendered.colours, fine.colours), self.pasted(rendered.coverage, fine.coverage)
        )
