"""The batch of a training step: stereo pairs with their ground truth and a target view of each."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from posegaussian.types import Camera, StereoPair, Tensors


@dataclass(frozen=True)
class Batch(Tensors):
    """Stereo pairs with their ground truth; the pairs form clips of consecutive frames."""

    pair: StereoPair  # the inputs, clip by clip, and within a clip frame by frame
    disparity: Float[Tensor, "b 2 h w"]  # true disparity, x_left - x_right in pixels
    valid: Float[Tensor, "b 2 h w"]  # 1 where the true disparity is known, else 0
    target: Float[Tensor, "b 3 ht wt"]  # RGB of a view from between the cameras, which is never an input
    target_mask: Float[Tensor, "b 1 ht wt"]  # coverage of the person in it
    target_camera: Camera  # of the target view
    width: int  # of the rectified images before columns were cropped, pixels; errors are quoted relative to it
    frames: int = 1  # consecutive frames per clip; the batch holds whole clips
    # true coverage of the person where `pair.masks` may have errors; None where nothing else is known
    coverage: Float[Tensor, "b 2 h w"] | None = None
