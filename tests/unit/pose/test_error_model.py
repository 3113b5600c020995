import json
from dataclasses import replace

import helpers
import numpy as np
import pytest
import torch

from posegaussian.errors import DetectorError
from posegaussian.geometry.masks import bounding_box, is_person
from posegaussian.pose.detector_noise import MIRRORED_JOINT, ErrorModel, cell_size, read_error_model, simulate_detector
from posegaussian.types import JOINTS, Camera, StereoPair

CLIPS, FRAMES, SIZE = 40, 8, 64
NUMBERS = dict(offset=0.5, score=0.9, score_spread=0.0, width=2.0, width_spread=0.0, miss=0.0, swap=0.0)
FOR_ALL = dict(jitter=0.25, reach=2.0, persistence=0.5, lost_offset=6.0, lost_score=0.2)


def model(**changes):
    numbers = {**NUMBERS, **FOR_ALL, **changes}
    return ErrorModel(**{k: torch.full((2, 17), v) if k in NUMBERS else v for k, v in numbers.items()})


def scene():
    """A square mask 32 pixels high in a picture of 64: a cell is 1.25 * 32 / 0.75 / 63 pixels."""
    masks = torch.zeros(CLIPS * FRAMES, 2, 1, SIZE, SIZE)
    masks[..., 16:48, 16:48] = 1
    cameras = Camera(torch.eye(3).expand(CLIPS * FRAMES, 2, 3, 3), torch.eye(4).expand(CLIPS * FRAMES, 2, 4, 4), 64, 64)
    pair = StereoPair(masks.expand(-1, -1, 3, -1, -1), masks, cameras)
    joints = torch.linspace(20, 44, 17)[:, None].expand(CLIPS * FRAMES, 2, 17, 2)
    return pair, joints, torch.ones(CLIPS * FRAMES, 2, 17, dtype=torch.bool)


def offsets(**changes):
    pair, joints, visible = scene()
    made = simulate_detector(pair, joints, visible, FRAMES, model(**changes), np.random.default_rng(0))
    return ((made.keypoints - joints) / cell_size(pair.masks)[..., None, None]).unflatten(0, (CLIPS, FRAMES)), made


def test_offsets_have_the_deviation_and_the_jitter_of_the_model():
    error, _ = offsets()
    assert error.std() == pytest.approx(0.5, rel=0.03)
    spread = (error[:, 1:] - error[:, :-1]).std()
    assert spread == pytest.approx(0.5 * (2 * 0.25) ** 0.5, rel=0.05)
    white, _ = offsets(jitter=1.0)
    assert abs((white[:, 1:] * white[:, :-1]).mean()) < 0.01


def test_what_lingers_is_forgotten_as_the_joint_moves():
    pair, joints, visible = scene()
    step = 0.5 * cell_size(pair.masks)[0, 0] * torch.arange(FRAMES).repeat(CLIPS)
    joints = joints + torch.stack([step, 0 * step], dim=-1)[:, None, None]
    made = simulate_detector(pair, joints, visible, FRAMES, model(), np.random.default_rng(0))
    error = ((made.keypoints - joints) / cell_size(pair.masks)[..., None, None]).unflatten(0, (CLIPS, FRAMES))
    for lag in (1, 3):
        correlation = (error[:, lag:] * error[:, :-lag]).mean() / error.square().mean()
        assert correlation == pytest.approx(0.75 * np.exp(-0.5 * lag / 2.0), abs=0.04)


def test_hidden_joints_err_by_their_own_numbers():
    pair, joints, visible = scene()
    visible[:, :, ::2] = False
    chosen = replace(model(), offset=torch.tensor([[1.0], [0.1]]).expand(2, 17))
    made = simulate_detector(pair, joints, visible, FRAMES, chosen, np.random.default_rng(0))
    error = (made.keypoints - joints) / cell_size(pair.masks)[..., None, None]
    assert error[~visible].std() == pytest.approx(1.0, rel=0.05)
    assert error[visible].std() == pytest.approx(0.1, rel=0.05)


def test_misses_and_swaps_come_as_often_as_asked_and_stay():
    error, made = offsets(offset=0.0, miss=0.3)
    missed = error.norm(dim=-1) > 0
    assert missed.float().mean() == pytest.approx(0.3, abs=0.03)
    assert missed[:, 1:][missed[:, :-1]].float().mean() == pytest.approx(0.5 + 0.5 * 0.3, abs=0.04)
    assert made.scores.unflatten(0, (CLIPS, FRAMES))[missed].mean() == pytest.approx(0.2, abs=0.02)
    pair, joints, visible = scene()
    made = simulate_detector(pair, joints, visible, FRAMES, model(offset=0.0, swap=1.0), np.random.default_rng(0))
    assert torch.allclose(made.keypoints, joints[:, :, MIRRORED_JOINT])
    assert [JOINTS[MIRRORED_JOINT[i]] for i in (0, 5, 16)] == ["nose", "right_shoulder", "left_ankle"]


def test_maps_show_what_the_key_points_say():
    pair, joints, visible = scene()
    made = simulate_detector(pair, joints, visible, FRAMES, model(), np.random.default_rng(0))
    assert made.heatmaps.shape == (CLIPS * FRAMES, 2, 17, SIZE // 4, SIZE // 4)
    assert made.heatmaps.amax() <= 0.9 and made.scores.unique().numel() == 1
    peaks = made.heatmaps.flatten(-2).argmax(-1)
    found = torch.stack([peaks % 16, peaks // 16], dim=-1) * 4 + 2.0
    assert (found - made.keypoints).abs().max() <= 2.01
    scaled = simulate_detector(pair, joints, visible, FRAMES, model(), np.random.default_rng(0), error_scale=2.0)
    assert torch.allclose(scaled.keypoints - joints, 2 * (made.keypoints - joints), atol=1e-4)


def test_a_cell_is_that_of_the_detectors_box():
    mask = np.zeros((200, 100), np.uint8)
    mask[20:180, 40:70] = 255
    _, y0, _, y1 = bounding_box(is_person(mask))
    tensor = torch.from_numpy(mask).float()[None, None, None].expand(1, 2, 1, 200, 100) / 255
    assert torch.allclose(cell_size(tensor), torch.tensor(1.25 * float(y1 - y0) / 63))
    wide = tensor.mT
    assert torch.allclose(cell_size(wide), torch.tensor(1.25 * float(y1 - y0) * 256 / 192 / 63))
    assert torch.equal(cell_size(0 * tensor), torch.ones(1, 2))


@pytest.mark.parametrize("name", ["errors", "errors_blazepose"])
def test_the_models_that_ship(tmp_path, name):
    shipped = read_error_model(f"package:{name}.json")
    assert (shipped.offset > 0).all() and (shipped.offset[0] >= 0.8 * shipped.offset[1]).all()
    assert torch.equal(shipped.score[:, 5], shipped.score[:, 6])
    with helpers.refuses(DetectorError, "unreadable-error-model", file="none.json"):
        read_error_model(str(tmp_path / "none.json"))
    (tmp_path / "other.json").write_text(json.dumps({"joints": {}}))
    with helpers.refuses(DetectorError, "invalid-error-model", file="other.json"):
        read_error_model(str(tmp_path / "other.json"))
