"""The batch of a training step: stereo pairs with their ground truth and a target view of each."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from posegaussian.types import Camera, StereoPair, Tensors


@dataclass(frozen=True)
class Batch(Tensors):
    """Stereo pairs with their ground truth; the pairs form clips of consecutive frames.

    Args:
        pair: the inputs, clip by clip, and within a clip frame by frame.
        disparity: true disparity, x_left - x_right in pixels.
        valid: 1 where the true disparity is known, else 0.
        target: RGB of a view from between the cameras, which is never an input.
        target_mask: coverage of the person in it.
        target_camera: of the target view.
        width: of the rectified images before columns were cropped, pixels; errors are quoted relative to it.
        frames: consecutive frames per clip; the batch holds whole clips.
        coverage: true coverage of the person where `pair.masks` may have errors; None where nothing else is known.
    """

    pair: StereoPair
    disparity: Float[Tensor, "b 2 h w"]
    valid: Float[Tensor, "b 2 h w"]
    target: Float[Tensor, "b 3 ht wt"]
    target_mask: Float[Tensor, "b 1 ht wt"]
    target_camera: Camera
    width: int
    frames: int = 1
    coverage: Float[Tensor, "b 2 h w"] | None = None
