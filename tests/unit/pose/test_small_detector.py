"""What ships of the small detector, and the batches it was trained on."""

import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

ROOT = Path(__file__).parents[3]
WEIGHTS = ROOT / "posegaussian" / "assets" / "detector" / "small.safetensors"


@pytest.fixture(scope="module")
def batches():
    spec = importlib.util.spec_from_file_location("detector_batches", ROOT / "tools" / "detector_batches.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_the_weights_are_small():
    assert WEIGHTS.stat().st_size < 8e6
    buffers = ("running_mean", "running_var", "num_batches_tracked")
    with safe_open(WEIGHTS, "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118  not a mapping
    parameters = sum(torch.Size(shape).numel() for name, shape in shapes.items() if not name.endswith(buffers))
    assert parameters < 3e6


def people_with_one_dot(batches, joint):
    """Black pictures, on white masks, with a bright dot where one joint is."""
    keypoints = torch.full((8, 17, 2), 40.0) + torch.arange(17)[:, None] * 9.0
    keypoints[:, joint] = torch.tensor([150.0, 90.0])
    rows, columns = torch.meshgrid(torch.arange(256) + 0.5, torch.arange(256) + 0.5, indexing="ij")
    dot = torch.exp(-((columns - 150) ** 2 + (rows - 90) ** 2) / 18)
    images = (255 * dot)[None, :, :, None].expand(8, -1, -1, 3).round().to(torch.uint8)
    boxes = torch.tensor([60.0, 30.0, 200.0, 226.0]).expand(8, -1)
    return batches.People(images, torch.full((8, 256, 256), 255, dtype=torch.uint8), keypoints, boxes)


def test_varied_pictures_and_their_heatmaps_agree(batches, monkeypatch):
    """However a picture is turned and mirrored, the left wrist's dot lies at the peak of a wrist's heatmap."""
    left, right = 9, 10
    monkeypatch.setattr(batches, "_degraded", lambda pictures: pictures)
    monkeypatch.setattr(batches, "_hidden", lambda pictures: pictures)
    monkeypatch.setattr(batches, "_backgrounds", lambda count, device: torch.zeros(count, 3, 1, 1))
    pictures, heatmaps = batches.varied_batch(people_with_one_dot(batches, left), 64)
    brightness = torch.nn.functional.interpolate(pictures[:, :1], batches.MAPS, mode="area")[:, 0]
    seen = {left: 0, right: 0}
    for picture, maps in zip(brightness, heatmaps, strict=True):
        y, x = divmod(int(picture.argmax()), batches.MAPS[1])
        if picture.max() < 0.3 or not (2 < x < batches.MAPS[1] - 3 and 2 < y < batches.MAPS[0] - 3):
            continue
        joint = int(maps[:, y, x].argmax())
        assert joint in seen
        assert maps[joint, y, x] > 0.8
        seen[joint] += 1
    assert min(seen.values()) > 10


def test_frames_invert(batches):
    people = people_with_one_dot(batches, 0)
    frames = batches.varied_frames(people.boxes, torch.tensor([True, False] * 4))
    points = torch.rand(8, 5, 2) * 200
    torch.testing.assert_close(frames.to_input(frames.to_image(points)), points, atol=1e-3, rtol=0)


def test_a_box_is_framed_as_mmpose_frames_it(batches):
    frames = batches.box_frames(torch.tensor([[50.0, 20.0, 100.0, 220.0]]))
    corners = frames.to_image(torch.tensor([[[0.0, 0.0], [191.0, 255.0]]]))
    # 200 px high, padded to 250, 3/4 as wide; centre of the box at (74.5, 119.5) from the first pixel's centre.
    torch.testing.assert_close(corners, torch.tensor([[[74.5 - 93.75, -5.5], [74.5 + 93.75, 244.5]]]))
