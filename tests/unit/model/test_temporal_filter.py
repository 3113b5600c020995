from dataclasses import replace
from itertools import product

import torch

from posegaussian.config import NetworkSettings
from posegaussian.model.constants import TEMPORAL_FILTER
from posegaussian.model.network import PoseGaussian
from posegaussian.model.stabilizer import TemporalPoseStabilizer
from posegaussian.model.temporal_filter import STATE_CHANNELS, TemporalFilter
from posegaussian.types import concatenate


def make_filter(frames, stillness=1.0, tolerance=1.0, before=0.0):
    image, prior, match = (torch.full((1, 2, *size), before) for size in ((3, 16, 24), (4, 6), (8, 12)))
    stillnesses, tolerances = torch.full((frames, 2, 2, 3), stillness), torch.full((2,), tolerance)
    return TemporalFilter(image, prior, match, stillnesses, tolerances, frames, TEMPORAL_FILTER)


def test_noise_below_the_tolerance_is_averaged_away():
    """An exponential mean with a = 0.9 leaves sqrt((1 - a) / (1 + a)) of the standard deviation of white noise."""
    noise = 0.02 * torch.randn(400, 2, 4, 6, generator=torch.Generator().manual_seed(0))
    filtered = make_filter(400, before=7.0).filter_prior(7 + noise, torch.full_like(noise, 5.0))
    assert (filtered[50:].std() / noise.std() - (0.1 / 1.9) ** 0.5).abs() < 0.02
    assert (filtered[50:].mean() - 7).abs() < 0.01


def test_a_change_far_above_the_tolerance_is_followed_at_once():
    now = torch.cat([torch.zeros(3, 2, 4, 6), torch.full((3, 2, 4, 6), 40.0)])
    filtered = make_filter(6).filter_prior(now, torch.full_like(now, 5.0))
    assert filtered[2].abs().max() == 0
    assert (filtered[3] - 40).abs().max() < 0.05


def test_a_pixel_follows_when_any_of_its_colours_changes():
    image = torch.full((2, 2, 3, 16, 24), 0.5)
    image[1, :, 0] += 0.01
    image[1, :, 1, :8] += 0.5
    filtered = make_filter(2, tolerance=0.01, before=0.5).filter_image(image)
    assert (filtered[1, :, :, :8] - image[1, :, :, :8]).abs().max() < 0.05
    assert (filtered[1, :, 0, 8:] - 0.501).abs().max() < 1e-3


def test_the_tolerance_of_images_grows_with_the_stillness():
    """Half of what could be kept is kept of a change as large as e = e_0 (0.8 / (1.4 - rho))^2, equation 13."""
    for stillness in (0.5, 0.6, 1.0):
        change = 0.01 * (0.8 / (1.4 - stillness)) ** 2
        image = torch.full((1, 2, 3, 16, 24), 0.5 + change)
        filtered = make_filter(1, stillness, tolerance=0.01, before=0.5).filter_image(image)
        assert ((image - filtered) / change - 0.9 * stillness / 2).abs().max() < 2e-3


def test_nothing_is_averaged_where_the_pose_moves():
    now = torch.rand(3, 2, 4, 6)
    assert torch.equal(make_filter(3, stillness=0.0).filter_prior(now, torch.ones_like(now)), now)


def test_matches_are_filtered_alike_in_mirrored_views():
    q = 3 + 0.1 * torch.rand(4, 8, 12)
    known = make_filter(2, tolerance=1e6, before=6.0)
    expected = 3 + 0.1 * (q.unflatten(0, (2, 2))[0] - 3)
    assert torch.allclose(known.filter_match(q)[:2], expected, atol=1e-5)


def test_disparities_survive_half_precision():
    known, random = make_filter(2), torch.Generator().manual_seed(0)
    prior, match = (600 * torch.rand(2, 2, *size, generator=random) for size in ((4, 6), (8, 12)))
    image = torch.rand(2, 2, 3, 16, 24, generator=random)
    planes = known.packed_state(image, prior, match, torch.float16)
    assert planes.shape == (1, 2, STATE_CHANNELS, 2, 3) and planes.dtype == torch.float16
    found = TemporalFilter.from_state(planes, known.stillness, known.tolerances, 2, TEMPORAL_FILTER)
    assert (found.image - image[1:]).abs().max() < 1 / 2000
    assert (found.prior - prior[1:]).abs().max() < 1e-3 and (found.match - match[1:]).abs().max() < 1e-3


def test_the_stillness_is_low_at_the_start_at_a_cut_and_where_the_pose_moves():
    stabilizer = TemporalPoseStabilizer(8)
    pose, maps = torch.randn(1, 8, 4, 4), torch.rand(1, 17, 4, 4)
    with torch.no_grad():
        _, state, start = stabilizer(pose, maps)
        stillness = [stabilizer(pose + size, maps, state)[2] for size in (0.0, 0.01, 20.0)]
        cut = stabilizer(pose, torch.zeros(1, 17, 4, 4).index_fill(1, torch.tensor(0), 1.0), state)[2]
        elsewhere = torch.roll(torch.eye(17)[:, :16].reshape(1, 17, 4, 4), 1, 1)
        _, here, _ = stabilizer(pose, torch.eye(17)[:, :16].reshape(1, 17, 4, 4))
        assert stabilizer(pose, elsewhere, here)[2].max() == 0
    assert start.max() == 0 and cut.max() > 0
    assert stillness[0].min() == 1 and 1 > stillness[1].mean() > stillness[2].mean() and stillness[2].max() < 0.1


@torch.no_grad()
def test_the_stillness_separates_trembling_joints_from_moving_ones(make_plane):
    """Joints of a still person are found to within 0.1 px in images of 1024 px, walking ones move by 5 and more."""
    pair, random = make_plane(256, 384, disparity=48), torch.Generator().manual_seed(0)
    person = torch.nn.functional.avg_pool2d(pair.masks[0, :, 0], 8) > 0.5
    found = {0.1: [], 5.0: []}
    for seed, size in product(range(3), found):  # networks of random weights differ
        torch.manual_seed(seed)
        network, stillness = PoseGaussian(NetworkSettings(iterations=1)).eval(), []
        network.pose_branch.stabilizer.register_forward_hook(
            lambda *call, stillness=stillness: stillness.append(call[-1][2])
        )
        shift = size / 4 * torch.randn(pair.keypoints.shape, generator=random)
        clip = concatenate([pair, replace(pair, keypoints=pair.keypoints + shift)])
        network(clip, frames=2, depth_only=True)
        found[size].append(float(stillness[-1][person].mean()))
    assert min(found[0.1]) > 0.8 and max(found[5.0]) < 0.2


def test_a_still_person_stays_still_before_noisy_cameras(make_plane):
    pair, random = make_plane(64, 96, disparity=12), torch.Generator().manual_seed(0)
    frames = []
    for _ in range(12):
        images = pair.masks * (pair.images + 0.02 * torch.randn(pair.images.shape, generator=random)).clamp(0, 1)
        frames.append(replace(pair, images=images))
    person, clip = (pair.masks[0, :, 0] > 0).expand(2, -1, -1), concatenate(frames)
    ratios = []
    for seed in range(3):  # networks of random weights differ
        torch.manual_seed(seed)
        with_it = PoseGaussian(NetworkSettings(iterations=1)).eval()
        without = PoseGaussian(NetworkSettings(iterations=1, stabilizer=False)).eval()
        without.load_state_dict({k: v for k, v in with_it.state_dict().items() if "stabilizer" not in k})
        with torch.no_grad():
            wobble, alone = (
                network(clip, frames=12, depth_only=True).disparity[4:].std(0)[person].mean()
                for network in (with_it, without)
            )
        ratios.append(wobble / alone)
    assert sum(ratios) / len(ratios) < 0.5
