"""The network that finds people in a whole image: a single-shot detector of faces and of how the body lies below.

BlazePose (Bazarevsky et al. 2020): it predicts, for each of 2,254 anchors, a score, a box around the face and four
points: the middle of the hips, a point on the circle around the whole body, and the same two for the upper body.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.pose.brightness import brightened
from posegaussian.pose.detectors.blazepose.crops import Crops, sample_crops, upright_crops
from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.types import Tensors

_STRIDES = (8, 16, 32, 32, 32)
"""Pixels between the anchors of each of the network's layers; each has two anchors at a place (from MediaPipe's
modules/pose_detection/pose_detection_cpu.pbtxt, as the other constants here)."""
_PER_STRIDE = 2
_LOGIT_LIMIT = 100.0
_LEAST_SCORE = 0.5
_LARGEST_OVERLAP = 0.3


@dataclass(frozen=True)
class FoundPeople(Tensors):
    """People in one image, the surest first."""

    crops: Crops  # around the whole body of each
    scores: Float[Tensor, "n"]  # in [0, 1]
    faces: Float[Tensor, "n 4"]  # boxes (x0, y0, x1, y1) around the faces, image pixels


def locate_people(network: Network, images: "list[UInt8[Tensor, '3 _ _']]") -> list[FoundPeople]:
    """The people in each image.

    Args:
        network: of pose_detection.tflite.
        images: RGB, of any sizes, on the network's device.
    """
    size, frames = network.size[0], [_whole(image) for image in images]
    crops = Crops.of_rows(torch.stack([frame.rows() for frame in frames]))
    inputs = brightened(sample_crops(images, crops, size, "zeros"))
    values, logits = network.replayed(2 * inputs - 1)
    scores = logits[..., 0].clamp(-_LOGIT_LIMIT, _LOGIT_LIMIT).sigmoid()
    points = decode_points(values, size)
    return [_select(frame, *each) for frame, *each in zip(frames, points, scores, strict=True)]


def _whole(image: UInt8[Tensor, "3 h w"]) -> Crops:
    """The smallest square around an image, with its centre."""
    height, width = image.shape[1:]
    centre = torch.tensor([width / 2, height / 2], device=image.device)
    return Crops(centre, centre.new_tensor(max(height, width)), centre.new_zeros(()))


def anchors(size: int) -> Float[Tensor, "n 2"]:
    """Centres (x, y) of the anchors, as shares of the image's side: by layer, row by row, those of a place together.

    Layers of one stride that follow each other share their places: their anchors stand side by side.
    """
    layers = []
    for stride in dict.fromkeys(_STRIDES):
        cells = size // stride
        steps = (torch.arange(cells) + 0.5) / cells
        y, x = torch.meshgrid(steps, steps, indexing="ij")
        count = _PER_STRIDE * _STRIDES.count(stride)
        layers.append(torch.stack([x, y], dim=-1).reshape(-1, 1, 2).expand(-1, count, -1).reshape(-1, 2))
    return torch.cat(layers)


def decode_points(values: Float[Tensor, "b n 12"], size: int) -> Float[Tensor, "b n 6 2"]:
    """Upper left and lower right corner of the face, and the four points, as shares of the image's side.

    Args:
        values: the network's: middle and extent of the face, and the points, all in pixels, from the anchor's centre.
        size: of the network's image, pixels.
    """
    values = values.unflatten(-1, (6, 2)) / size
    places = anchors(size).to(values)[:, None]
    middle, extent = places + values[..., :1, :], values[..., 1:2, :]
    return torch.cat([middle - extent / 2, middle + extent / 2, places + values[..., 2:, :]], dim=-2)


def _select(frame: Crops, points: Float[Tensor, "n 6 2"], scores: Float[Tensor, "n"]) -> FoundPeople:
    """The people of one image: overlapping detections are merged."""
    sure = scores > _LEAST_SCORE
    points, scores = merge_overlapping(points[sure].flatten(1), scores[sure])
    pixels = frame.to_image(points.reshape(1, -1, 2)[0]).reshape(-1, 6, 2)
    return FoundPeople(upright_crops(pixels[:, 2], pixels[:, 3]), scores, pixels[:, :2].flatten(1))


def merge_overlapping(
    rows: Float[Tensor, "n k"], scores: Float[Tensor, "n"]
) -> tuple[Float[Tensor, "m k"], Float[Tensor, "m"]]:
    """Weighted non-maximum suppression, the surest first.

    Args:
        rows: the first four columns are a box (x0, y0, x1, y1).
        scores: of the rows.

    Returns:
        For each box that no surer one overlaps by an intersection over union above 0.3: the mean of the rows of all
        boxes that it overlaps so, weighted by their scores, and its own score.
    """
    left = scores.argsort(descending=True, stable=True)
    merged, best = [], []
    while left.numel():
        same = _overlap(rows[left[0], :4], rows[left, :4]) > _LARGEST_OVERLAP
        same[0] = True  # a box without an area overlaps nothing
        weights = scores[left[same]]
        merged.append((weights[:, None] * rows[left[same]]).sum(0) / weights.sum())
        best.append(scores[left[0]])
        left = left[~same]
    return (torch.stack(merged), torch.stack(best)) if merged else (rows[:0], scores[:0])


def _overlap(box: Float[Tensor, "4"], boxes: Float[Tensor, "n 4"]) -> Float[Tensor, "n"]:
    """Intersection over union."""
    extent = torch.minimum(box[2:], boxes[:, 2:]) - torch.maximum(box[:2], boxes[:, :2])
    shared = extent.clamp_min(0).prod(-1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(-1) + (box[2:] - box[:2]).prod()
    return shared / (areas - shared).clamp_min(1e-12)
