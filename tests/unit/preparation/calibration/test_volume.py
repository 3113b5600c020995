"""The space that two cameras see, and where the board was in it."""

import numpy as np
import pytest
from filmed_boards import SIZE, TrueCamera

from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.calibration.volume import Volume
from posegaussian.preparation.people import rig_centre

NOWHERE = np.zeros((0, 3))


def rig(*focals):
    """Cameras 2 m from the place that they look at, 20 degrees apart."""
    return {
        str(i): SourceCamera(each.matrix, np.zeros(5), each.pose, *SIZE)
        for i, each in enumerate(TrueCamera(20 * i, focal=focal) for i, focal in enumerate(focals))
    }


def test_the_share_is_that_of_the_cubes():
    cameras = rig(700, 700, 700)
    middle, empty = rig_centre(cameras), Volume.of(cameras, NOWHERE)
    assert empty.share == 0 and len(empty.centres) > 50
    assert Volume.of(cameras, empty.centres + 0.3 * empty.side).share == 1
    left = empty.centres[empty.centres[:, 0] < middle[0]]
    assert Volume.of(cameras, left).share == pytest.approx(0.5)
    distance = np.median([np.linalg.norm(camera.centre - middle) for camera in cameras.values()])
    assert np.linalg.norm(empty.centres - middle, axis=1).max() <= 0.35 * distance
    assert empty.side == pytest.approx(0.35 * distance / 3)


def test_what_one_camera_sees_does_not_count():
    wide, narrow = (Volume.of(rig(700, focal), NOWHERE) for focal in (700, 6000))
    assert 0 < len(narrow.centres) < 0.3 * len(wide.centres)
