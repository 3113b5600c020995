"""The record of a person: COCO's joints, the matte in the image, and what the networks' numbers become."""

from dataclasses import replace

import numpy as np
import torch
from people_oracle import image_mattes

from posegaussian.pose.detectors.blazepose.crops import Crops
from posegaussian.pose.detectors.blazepose.landmarks import People
from posegaussian.pose.person import COCO, LANDMARKS, MATTE, Person
from posegaussian.types import JOINTS

CROP = np.array([60.3, 48.8, 70.0, 0.6], np.float32)


def blob(matte, crop=CROP):
    """A person of a matte, whose landmarks are all in one place."""
    points = np.tile(np.array([60, 50, 0], np.float32), (33, 1))
    sure = np.linspace(0, 1, 33, dtype=np.float32)
    return Person(0.5, points, sure, sure, crop, crop, matte, np.array([60, 50, 60, 50], np.float32))


def smooth():
    """A matte with a soft edge."""
    y, x = np.mgrid[:MATTE, :MATTE] / MATTE - 0.5
    return (255 / (1 + np.exp(60 * (np.hypot(x - 0.1, 2 * y) - 0.2)))).astype(np.uint8)


def test_joints_have_the_names_of_landmarks():
    assert [LANDMARKS[index] for index in COCO] == list(JOINTS)


def test_joints_and_their_scores():
    person = blob(smooth())
    points = person.points.copy()
    points[LANDMARKS.index("left_wrist"), :2] = [7, 8]
    joints, scores = replace(person, points=points).coco()
    np.testing.assert_array_equal(joints[JOINTS.index("left_wrist")], [7, 8])
    np.testing.assert_array_equal(joints[JOINTS.index("right_wrist")], [60, 50])
    np.testing.assert_allclose(scores[JOINTS.index("left_wrist")], 0.5 * LANDMARKS.index("left_wrist") / 32)


def test_the_matte_is_resampled_as_by_the_networks_library():
    """The parity of OpenCV's resampling with PyTorch's, in a turned crop that reaches beyond the image."""
    matte = smooth()
    logits = torch.logit(torch.from_numpy(matte).float() / 255, eps=1e-4)[None]
    values = torch.from_numpy(CROP)[None]
    crops = Crops(values[:, :2], values[:, 2], values[:, 3])
    zeros = torch.zeros(1, 33)
    people = People(crops, crops, torch.ones(1), torch.zeros(1, 33, 3), zeros, zeros, torch.zeros(1, 33, 3), logits)
    expected = 255 * image_mattes(people, 80, 90)[0].numpy()
    assert np.abs(blob(matte).image_matte(80, 90) - expected).max() < 2  # 8 bits, and OpenCV's 32 steps of a pixel


def test_the_matte_lies_where_the_crop_does():
    """A square of the crop, without a turn, is a square of the image: 32 cells are 10 pixels."""
    matte = np.zeros((MATTE, MATTE), np.uint8)
    matte[64:128, 128:192] = 255
    image = blob(matte, np.array([50, 40, 80, 0], np.float32)).image_matte(100, 120)
    expected = np.zeros((100, 120), np.uint8)
    expected[20:40, 50:70] = 255
    np.testing.assert_array_equal(image >= 128, expected >= 128)


def test_records_of_a_batch():
    logits = torch.full((2, MATTE, MATTE), -30.0)
    logits[0, 64:128, 128:192] = 30
    crops = Crops(torch.tensor([[50.0, 40], [50, 40]]), torch.tensor([80.0, 80]), torch.zeros(2))
    following = replace(crops, side=torch.tensor([90.0, 90]))
    points = torch.zeros(2, 33, 3)
    points[..., :2] = torch.tensor([60.0, 30])
    points[:, 3, :2] = torch.tensor([66.0, 44])
    sure = torch.rand(2, 33)
    people = People(crops, following, torch.tensor([0.9, 0.2]), points, sure, 1 - sure, points, logits)
    first, second = people.records()
    np.testing.assert_array_equal(first.crop, [50, 40, 80, 0])
    np.testing.assert_array_equal(second.next_crop, [50, 40, 90, 0])
    np.testing.assert_allclose([first.score, second.score], [0.9, 0.2], rtol=1e-6)
    np.testing.assert_allclose(first.box, [50, 20, 70, 44])  # left, upper and right edge of the matte, a landmark below
    np.testing.assert_allclose(second.box, [60, 30, 66, 44])  # an empty matte
    np.testing.assert_array_equal(first.presence, 1 - sure[0].numpy())
    assert first.matte.max() == 255 and second.matte.max() == 0
