"""BlazePose on CUDA finds what it finds on the CPU, in batches."""

from pathlib import Path

import cv2
import pytest
import torch
from people_oracle import image_mattes

from posegaussian.pose.detectors.blazepose.crops import box_crops
from posegaussian.pose.detectors.blazepose.finder import load_blazepose

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
PICTURE = Path(__file__).parents[1] / "data" / "blazepose" / "person.png"


def test_people_as_on_the_cpu(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # its 10 bits move landmarks by up to 0.33 pixels
    picture = torch.from_numpy(cv2.imread(str(PICTURE))[..., ::-1].transpose(2, 0, 1).copy())
    crops = box_crops(torch.tensor([[70.0, 40.0, 160.0, 210.0]]).expand(3, -1), 1.4)
    found = {}
    for device in ("cpu", "cuda"):
        model, images = load_blazepose(device=device), [picture.to(device)] * 3
        people = model.measure(images, crops.to(device))
        located = model.locate(images)
        assert [len(each.scores) for each in located] == [1, 1, 1]
        found[device] = people.points.cpu(), image_mattes(people, 256, 256).cpu(), located[2].crops.centre.cpu()
    for here, there in zip(found["cpu"], found["cuda"], strict=True):
        torch.testing.assert_close(here, there, atol=0.05, rtol=0)  # pixels
