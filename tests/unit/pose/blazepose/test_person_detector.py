"""Anchors, what the network's numbers mean, and the merging of what it says twice."""

import pytest
import torch
from torch import nn

from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.pose.detectors.blazepose.person_detector import (
    anchors,
    decode_points,
    locate_people,
    merge_overlapping,
)

COUNT = 2254


def test_anchors_lie_layer_by_layer():
    places = anchors(224)
    assert places.shape == (COUNT, 2)
    torch.testing.assert_close(places[:4] * 224, torch.tensor([[4.0, 4], [4, 4], [12, 4], [12, 4]]))
    torch.testing.assert_close(places[56] * 224, torch.tensor([4.0, 12]))  # the second row of 28 places, 2 at each
    torch.testing.assert_close(places[1568] * 224, torch.tensor([8.0, 8]))  # after 2 x 28 x 28
    torch.testing.assert_close(places[-6:] * 224, torch.tensor([[208.0, 208]]).expand(6, -1))  # 6 at each of 7 x 7


def test_a_box_and_points_from_their_anchor():
    values = torch.zeros(1, COUNT, 12)
    values[0, 2] = torch.tensor([10.0, 20, 40, 60, 0, 100, 0, 50, 1, 2, 3, 4])
    points = decode_points(values, 224)[0] * 224
    wanted = [[2.0, -6], [42, 54], [12, 104], [12, 54], [13, 6], [15, 8]]  # the anchor is at (12, 4)
    torch.testing.assert_close(points[2], torch.tensor(wanted))
    torch.testing.assert_close(points[0], torch.tensor([[4.0, 4]]).expand(6, -1))


def test_overlapping_boxes_become_their_weighted_mean():
    rows = torch.tensor([[0.0, 0, 10, 10, 1], [20, 20, 30, 30, 5], [0, 0, 10, 10, 4], [0, 6, 10, 16, 7]])
    merged, scores = merge_overlapping(rows, torch.tensor([0.6, 0.9, 0.3, 0.5]))
    torch.testing.assert_close(scores, torch.tensor([0.9, 0.6, 0.5]))  # the last one shares 40 of 160 with the first
    torch.testing.assert_close(merged[:, 4], torch.tensor([5.0, 2.0, 7.0]))
    assert merge_overlapping(rows[:0], scores[:0])[0].shape == (0, 5)


class Canned(Network):
    """A network that gives the same answer for every image, and keeps what it was shown."""

    def __init__(self, *outputs: torch.Tensor):
        nn.Module.__init__(self)
        self.size = (224, 224)
        self.outputs = outputs

    def forward(self, images):
        self.shown = images
        return [output.expand(len(images), *output.shape[1:]) for output in self.outputs]


@pytest.fixture
def canned():
    """Hips in the middle, the circle's point 56 px above; a second anchor has the same with a lower score."""
    values, logits = torch.zeros(1, COUNT, 12), torch.full((1, COUNT, 1), -200.0)
    for index, logit in ((0, 3.0), (1, 1.0)):
        values[0, index] = torch.tensor([108.0, 60, 30, 30, 108, 108, 108, 52, 0, 0, 0, 0])
        logits[0, index] = logit
    return Canned(values, logits)


def test_people_in_images_of_any_size(canned):
    wide, high = (torch.full((3, *size), 255, dtype=torch.uint8) for size in ((100, 448), (224, 56)))
    first, second = locate_people(canned, [wide, high])
    torch.testing.assert_close(first.scores, torch.tensor([3.0]).sigmoid())
    torch.testing.assert_close(first.crops.centre, torch.tensor([[224.0, 50.0]]))
    torch.testing.assert_close(first.crops.side, torch.tensor([2 * 1.25 * 112.0]))
    torch.testing.assert_close(first.faces, torch.tensor([[194.0, -76, 254, -16]]))
    torch.testing.assert_close(second.crops.centre, torch.tensor([[28.0, 112.0]]))
    torch.testing.assert_close(canned.shown[0, :, :86], torch.full((3, 86, 224), -1.0))  # black bars
    torch.testing.assert_close(canned.shown[0, :, 88:136], torch.full((3, 48, 224), 1.0))


def test_nobody(canned):
    canned.outputs[1][:] = -5
    (found,) = locate_people(canned, [torch.zeros(3, 50, 50, dtype=torch.uint8)])
    assert found.scores.shape == (0,) and found.crops.centre.shape == (0, 2)
