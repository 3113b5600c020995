"""What the landmark network's numbers mean in the image."""

import numpy as np
import torch
from people_oracle import image_mattes
from torch import nn

from posegaussian.pose.detectors.blazepose.crops import Crops, box_crops
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.pose.detectors.blazepose.landmarks import People, _measured, measure_people
from posegaussian.pose.detectors.blazepose.network import Network
from posegaussian.pose.person import LANDMARKS

BLACK = torch.zeros(3, 100, 120, dtype=torch.uint8)


class Canned(Network):
    """A landmark network that always finds the same in its crop, and counts how often it looks."""

    def __init__(self, hips=(128.0, 128.0), top=(128.0, 25.6), score=0.9):
        nn.Module.__init__(self)
        self.size, self.score, self.looks = (256, 256), score, 0
        self.values = torch.zeros(39, 5)
        self.values[:, :2] = torch.tensor([64.0, 192.0])
        self.values[LANDMARKS.index("nose")] = torch.tensor([192.0, 64.0, 32.0, 2.0, 3.0])
        self.values[33, :2], self.values[34, :2] = torch.tensor(hips), torch.tensor(top)
        self.matte = torch.full((1, 256, 256), -30.0)
        self.matte[:, 64:128, 128:192] = 30.0

    def forward(self, images):
        self.looks += 1
        each = (self.values.flatten(), torch.tensor([self.score]), self.matte, torch.zeros(39, 64, 64))
        world = torch.arange(117.0)
        return [value.expand(len(images), *value.shape).clone() for value in (*each, world)]


def test_landmarks_lie_in_the_image():
    turned = Crops(torch.tensor([[50.0, 40.0]]), torch.tensor([64.0]), torch.tensor([np.pi / 2], dtype=torch.float32))
    people = measure_people(Canned(), [BLACK], turned, refinements=0)
    # The nose is 16 px right of and above the crop's middle; a quarter turn clockwise puts it right of and below.
    torch.testing.assert_close(people.points[0, 0], torch.tensor([66.0, 56.0, 8.0]))
    torch.testing.assert_close(people.points[0, 1], torch.tensor([34.0, 24.0, 0.0]))
    torch.testing.assert_close(people.boxes, torch.tensor([[34.0, 24.0, 66.0, 56.0]]))
    torch.testing.assert_close(people.visibility[0, 0], torch.tensor(2.0).sigmoid())
    torch.testing.assert_close(people.presence[0, 0], torch.tensor(3.0).sigmoid())
    torch.testing.assert_close(people.world[0, 32], torch.tensor([96.0, 97, 98]))
    # Hips in the middle, the circle's point 0.4 of the side above them: the next crop is the same again.
    torch.testing.assert_close(vars(people.next_crops), vars(turned))


def test_a_crop_follows_its_landmarks():
    """Hips a quarter of the side to the right, the circle's point further right: each look turns the crop."""
    network = Canned(hips=(192.0, 128.0), top=(243.2, 128.0))
    start = box_crops(torch.tensor([[20.0, 20.0, 60.0, 60.0]]), padding=1.0)
    people = measure_people(network, [BLACK], start, refinements=1)
    assert network.looks == 2
    torch.testing.assert_close(people.crops.centre, torch.tensor([[50.0, 40.0]]))
    torch.testing.assert_close(people.crops.side, torch.tensor([20.0]))
    torch.testing.assert_close(people.crops.angle, torch.tensor([np.pi / 2]), check_dtype=False)
    torch.testing.assert_close(people.next_crops.centre, torch.tensor([[50.0, 45.0]]))


def test_the_matte_lies_in_the_image():
    frame = Crops(torch.tensor([[60.0, 50.0]]), torch.tensor([64.0]), torch.tensor([0.0]))
    people = measure_people(Canned(), [BLACK], frame, refinements=0)
    (matte,) = image_mattes(people, 100, 120)
    wanted = torch.zeros(100, 120)
    wanted[34:50, 60:76] = 1
    torch.testing.assert_close(matte, wanted, atol=1e-3, rtol=0)


def test_what_a_graph_runs_finds_the_same_people():
    smooth = nn.functional.interpolate(torch.rand(1, 3, 6, 4), size=(300, 200), mode="bicubic")[0]
    model, image = load_blazepose().landmarks, (255 * smooth.clamp(0, 1)).byte()
    crops = Crops.of_rows(torch.tensor([[100.0, 150.0, 280.0, 0.3], [60.0, 200.0, 520.0, -1.0]]))
    rows, following, *found = _measured(model, crops.rows(), image, image.flip(2))
    expected = measure_people(model, [image, image.flip(2)], crops, refinements=0)
    people = People(Crops.of_rows(rows), Crops.of_rows(following), *found)
    for one, other in ((people.crops, expected.crops), (people.next_crops, expected.next_crops)):
        torch.testing.assert_close(one.rows(), other.rows(), atol=0.05, rtol=0)
    torch.testing.assert_close(people.matte_logits.sigmoid(), expected.matte_logits.sigmoid(), atol=0.02, rtol=0)
    for name in ("score", "points", "visibility", "presence", "world"):
        torch.testing.assert_close(getattr(people, name), getattr(expected, name), atol=0.05, rtol=0)
