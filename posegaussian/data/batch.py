"""What a training step looks at: consecutive frames of stereo pairs with the truth about them."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from posegaussian.types import Camera, StereoPair, Tensors


@dataclass(frozen=True)
class Batch(Tensors):
    """Consecutive frames of stereo pairs with everything known about them.

    Args:
        pair: the inputs; frames of one clip follow each other.
        disparity: true disparity in pixels.
        valid: where it is known, 1 or 0.
        target: a view from between the cameras, RGB.
        target_mask: coverage of the person in it.
        target_camera: where it was taken from.
        width: of the rectified images before they were cut, pixels.
        frames: how many consecutive frames make a clip; the batch holds whole clips.
    """

    pair: StereoPair
    disparity: Float[Tensor, "b 2 h w"]
    valid: Float[Tensor, "b 2 h w"]
    target: Float[Tensor, "b 3 ht wt"]
    target_mask: Float[Tensor, "b 1 ht wt"]
    target_camera: Camera
    width: int
    frames: int = 1
