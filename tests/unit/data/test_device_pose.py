"""Heatmaps of known joints on a device are those of the stage `heatmaps`."""

import numpy as np
import pytest
import torch

from posegaussian.data.device_pose import device_pose
from posegaussian.pose.detectors.base import detect_person
from posegaussian.pose.detectors.blazepose.joints import KnownJoints


def known(seed):
    generator = np.random.default_rng(seed)
    return KnownJoints(generator.uniform(-10, 140, (17, 2)), generator.uniform(0, 1, 17))


@pytest.mark.parametrize("size", [(128, 96), (64, 160), (512, 448)])
def test_heatmaps_are_those_of_the_cpu(size):
    masks = np.zeros((2, *size), np.uint8)
    masks[0, 10:-20, 12:40] = 200
    masks[1, size[0] // 2 :, 5:-3] = 128
    masks[1, 3, 3] = 127  # no person
    joints = [known(0), known(1)]
    expected = detect_person(np.zeros((*masks.shape, 3), np.uint8), masks, joints)
    found = device_pose(torch.from_numpy(masks), joints)
    assert expected["heatmaps"].max() > 0.2
    for name, values in found.items():
        assert values.dtype == torch.float32
        np.testing.assert_allclose(values[0].numpy(), expected[name], atol=2e-5)


def test_without_a_person_everything_is_zero():
    masks = np.zeros((2, 64, 64), np.uint8)
    masks[1, 20:40, 20:30] = 255
    found = device_pose(torch.from_numpy(masks), [known(0), known(1)])
    for name, values in found.items():
        assert not values[0, 0].any() and values[0, 1].any(), name
