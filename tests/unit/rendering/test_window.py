"""Windows of large pairs: they hold the person, and reconstruct what the whole pair does."""

from dataclasses import replace

import pytest
import torch

from posegaussian.model.weights import RELEASE, load_network
from posegaussian.rendering import window
from posegaussian.rendering.reconstruct import FrameReconstructor
from posegaussian.types import Camera, StereoPair

SIZE, SHIFT = 512, 96


def pair(seed: int = 0, top: int = 200) -> StereoPair:
    """A textured rectangle in an image that is mostly black, with joints."""
    random = torch.Generator().manual_seed(seed)
    texture = torch.rand(3, SIZE // 4, SIZE // 4, generator=random).repeat_interleave(4, 1).repeat_interleave(4, 2)
    masks = torch.zeros(2, 1, SIZE, SIZE)
    masks[0, :, top : top + 100, 250:310], masks[1, :, top : top + 100, 250 - SHIFT : 310 - SHIFT] = 1, 1
    images = torch.stack([texture, texture.roll(-SHIFT, -1)]) * masks
    intrinsics = torch.tensor([[600.0, 0, SIZE / 2], [0, 600, SIZE / 2], [0, 0, 1]]).repeat(1, 2, 1, 1)
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, 1, 0, 3] = -0.4
    places = torch.rand(17, 2, generator=random) * torch.tensor([60, 100]) + torch.tensor([250, top])
    keypoints = torch.stack([places, places - torch.tensor([SHIFT, 0])])
    heatmaps = torch.zeros(1, 2, 17, SIZE // 4, SIZE // 4)
    cameras = Camera(intrinsics, poses, SIZE, SIZE)
    return StereoPair(images[None], masks[None], cameras, heatmaps, keypoints[None], torch.full((1, 2, 17), 0.9))


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(window, "LARGE", SIZE)


def test_small_and_empty_pairs_have_no_window(monkeypatch):
    assert window.person_window(pair()) is None
    monkeypatch.setattr(window, "LARGE", SIZE)
    assert window.person_window(replace(pair(), masks=torch.zeros(1, 2, 1, SIZE, SIZE))) is None


def test_a_window_holds_the_person_in_the_same_rows(large):
    stereo = pair()
    found = window.person_window(stereo)
    assert found is not None and (found.height, found.width) == (256, 256)
    assert found.top % 32 == 0 and all(left % 32 == 0 for left in found.left)
    inside = found.crop(stereo)
    assert inside.images.shape[-2:] == (256, 256) and inside.masks.sum() == stereo.masks.sum()
    assert inside.keypoints is not None and stereo.keypoints is not None
    for view, left in enumerate(found.left):
        place = stereo.images[:, view, :, found.top : found.top + 256, left : left + 256]
        assert torch.equal(inside.images[:, view], place)
        assert torch.equal(inside.keypoints[:, view], stereo.keypoints[:, view] - torch.tensor([left, found.top]))
    rays = [each.intrinsics[0, :, :2, 2] for each in (stereo.cameras, inside.cameras)]
    assert torch.equal(rays[0] - rays[1], torch.tensor([[left, found.top] for left in found.left]).float())


def test_values_return_to_their_places(large):
    stereo = pair(top=380)
    ours = window.person_window(stereo)
    assert ours is not None and ours.top + ours.height == SIZE, "as far as the image reaches"
    found = replace(ours, height=ours.height + 64)  # A window may reach beyond the image.
    disparity = found.disparity(torch.full((2, found.height, found.width), 7.0), stereo)
    known = stereo.masks[0, :, 0] > 0
    assert (disparity[known] == 7 + found.left[0] - found.left[1]).all() and (disparity[:, 0] == 0).all()
    state = torch.rand(1, 2, 3, found.height // 8, found.width // 8)
    whole = found.state_after(state, stereo)
    assert whole is not None and whole.shape == (1, 2, 3, SIZE // 8, SIZE // 8)
    back, rows = found.state_before(whole), (SIZE - found.top) // 8
    assert back is not None and torch.equal(back[..., :rows, :], state[..., :rows, :]) and not back[..., rows:, :].any()


def test_a_window_reconstructs_what_the_whole_pair_does(monkeypatch):
    network, device = load_network(RELEASE), torch.device("cpu")
    frames = [pair(top=200), pair(top=240)]  # The second window has another place.
    whole = [FrameReconstructor(network, device)([stereo])[0] for stereo in frames[:1]]
    monkeypatch.setattr(window, "LARGE", SIZE)
    reconstructor = FrameReconstructor(network, device)
    found = [reconstructor([stereo])[0] for stereo in frames]
    one, other = whole[0], found[0]
    assert len(one.gaussians.means) == pytest.approx(len(other.gaussians.means), rel=0.03)
    known = frames[0].masks[0, :, 0] > 0
    assert (one.disparity - other.disparity)[known].abs().median() < 0.3
    for each, stereo in zip(found, frames, strict=True):
        assert each.masks.shape == (2, 1, SIZE, SIZE) and each.cameras.width == SIZE
        assert (each.disparity - SHIFT)[stereo.masks[0, :, 0] > 0].abs().median() < 1
        depth = each.gaussians.means[:, 2]
        assert depth.median() == pytest.approx(600 * 0.4 / SHIFT, rel=0.02)
