from dataclasses import replace

import helpers
import numpy as np
import torch

from posegaussian.data.augmentation import crop_to_person, drop_pose
from posegaussian.data.captured import CapturedBatches, Captures, validation_batches
from posegaussian.errors import StoreError, TrainingError
from posegaussian.geometry.disparity import disparity_to_depth
from posegaussian.types import concatenate

DEPTH = 90.0 * 0.5 / (14.0 + 6.0)


def test_a_batch_is_the_same_at_every_call(tmp_path, make_captures):
    files = [make_captures(tmp_path, seed=seed) for seed in range(2)]
    one, other = (CapturedBatches(Captures(files, 2, 64), 2, seed=3, heatmap_dropout=0.3) for _ in range(2))
    batches = [one[step] for step in (0, 1, 5)]
    for step, batch in zip((5, 1, 0), reversed(batches), strict=True):
        again = other[step]
        assert torch.equal(again.pair.images, batch.pair.images)
        assert torch.equal(again.pair.scores, batch.pair.scores)
    assert not torch.equal(batches[0].target, batches[2].target)


def test_an_epoch_has_every_clip_once(tmp_path, make_captures):
    steps = CapturedBatches(Captures([make_captures(tmp_path, frames=5)], 2, 64), 1, seed=0, heatmap_dropout=0.0)
    assert len(steps.captures.clips) == 4
    firsts = [steps.clip_at(position).frame for position in range(8)]
    assert sorted(firsts[:4]) == sorted(firsts[4:]) == [0, 1, 2, 3]
    assert firsts[:4] != firsts[4:]


def test_frames_of_a_clip_follow_each_other(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 2, 64)
    clip = captures.read(captures.clips[1], 0)
    assert torch.allclose(clip.pair.keypoints[1, ..., 0] - clip.pair.keypoints[0, ..., 0], torch.tensor(1.0), atol=1e-4)
    assert clip.pair.images.shape == (2, 2, 3, 64, 64)


def test_a_single_frame_is_repeated(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path, frames=1)], 2, 64)
    clip = captures.read(captures.clips[0], 0)
    assert torch.equal(clip.pair.images[0], clip.pair.images[1])


def test_targets_shrink_with_their_cameras(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 1, 32)
    clip = captures.read(captures.clips[0], 0)
    assert clip.target.shape == (1, 3, 32, 32)
    assert (clip.target_camera.width, clip.target_camera.height) == (32, 32)
    assert torch.allclose(clip.target_camera.intrinsics[0, 0], torch.tensor([45.0, 0.0, 16.0]))


def test_a_crop_keeps_geometry_and_person(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 2, 64)
    clip = concatenate([captures.read(index, 0) for index in captures.clips])
    assert clip.frames == 2
    wide = replace(clip, pair=_widened(clip.pair, 64), disparity=_wide(clip.disparity, 64), valid=_wide(clip.valid, 64))
    cut = crop_to_person(wide, np.random.default_rng(0))
    assert cut.pair.images.shape[-1] == cut.pair.cameras.width == 64
    assert torch.allclose(cut.pair.masks.sum((-3, -2, -1)), wide.pair.masks.sum((-3, -2, -1)), atol=0.01)
    known = cut.valid > 0
    assert torch.allclose(disparity_to_depth(cut.disparity, cut.pair.cameras)[known], torch.tensor(DEPTH), rtol=1e-4)
    points = (cut.pair.keypoints / 4).long()
    peaks = cut.pair.heatmaps.flatten(-2).argmax(-1)
    assert ((peaks % 16) - points[..., 0]).abs().max() <= 1
    lefts = wide.pair.cameras.intrinsics[..., 0, 2] - cut.pair.cameras.intrinsics[..., 0, 2]
    assert torch.equal(lefts[0], lefts[1]) and lefts.max() > 0


def _wide(values, columns):
    return torch.nn.functional.pad(values, (columns, columns))


def _widened(pair, columns):
    intrinsics = pair.cameras.intrinsics.clone()
    intrinsics[..., 0, 2] += columns
    cameras = replace(pair.cameras, intrinsics=intrinsics, width=pair.cameras.width + 2 * columns)
    return replace(
        pair,
        images=_wide(pair.images, columns),
        masks=_wide(pair.masks, columns),
        heatmaps=_wide(pair.heatmaps, columns // 4),
        keypoints=pair.keypoints + torch.tensor([float(columns), 0.0]),
        cameras=cameras,
    )


def test_pose_is_dropped_with_the_given_shares(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path)], 2, 64)
    pair = concatenate([captures.read(captures.clips[0], 0)] * 500).pair
    kept = drop_pose(pair, 2, 0.2, np.random.default_rng(0))
    lost = (kept.scores == 0).unflatten(0, (-1, 2))
    assert torch.equal(lost[:, 0], lost[:, 1])
    whole = lost[:, 0].flatten(1).all(1)
    assert abs(whole.float().mean() - 0.2) < 0.05
    assert abs(lost[:, 0][~whole].float().mean() - 0.1) < 0.02
    assert torch.equal((kept.heatmaps.flatten(-2).amax(-1) == 0), kept.scores == 0)
    assert torch.equal(drop_pose(pair, 2, 0.0, np.random.default_rng(0)).heatmaps, pair.heatmaps)


def test_validation_batches_are_spread_over_the_captures(tmp_path, make_captures):
    captures = Captures([make_captures(tmp_path, seed=seed) for seed in range(3)], 1, 64)
    clips = validation_batches(captures, 3)
    assert len({clip.pair.images.sum().item() for clip in clips}) == 3
    assert len(validation_batches(captures, 100)) == 9


def test_captures_without_targets_or_truth_are_refused(tmp_path, make_captures):
    with helpers.refuses(TrainingError, "no-true-disparity", file="r1.h5"):
        Captures([make_captures(tmp_path, truth=False, seed=1)], 1, 64).require_truth()
    with helpers.refuses(TrainingError, "no-target-between", file="r2.h5") as error:
        Captures([make_captures(tmp_path, targets=0, seed=2)], 1, 64)
    assert "00,01" in error.value.what
    with helpers.refuses(TrainingError, "small-targets", file="r3.h5"):
        Captures([make_captures(tmp_path, seed=3)], 1, 8)
    with helpers.refuses(StoreError, "missing-store", file="none.h5"):
        Captures([(tmp_path / "none.h5", tmp_path / "none.h5")], 1, 64)
