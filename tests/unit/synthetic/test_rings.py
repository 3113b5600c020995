"""The benchmark of rings: held-out cameras stand all around, at the height of the sources or above them."""

from pathlib import Path

import numpy as np
import pytest

from posegaussian.config import load
from posegaussian.synthetic.rigs.rig import capture_rig

CONFIG = load(Path(__file__).parents[3] / "config/rings.yaml")
EXTENT = np.array([[x, y, z] for x in (-0.4, 0.4) for y in (-0.3, 0.3) for z in (0.0, 1.8)])
MIDDLE = np.array([0, 0, 0.9])


def directions(cameras):
    """Azimuth and elevation of each camera, seen from the person, degrees."""
    rays = np.stack([camera.centre for camera in cameras.values()]) - MIDDLE
    azimuth = np.degrees(np.arctan2(rays[:, 1], rays[:, 0]))
    return azimuth, np.degrees(np.arcsin(rays[:, 2] / np.linalg.norm(rays, axis=1)))


@pytest.mark.parametrize("name", CONFIG.presets)
def test_held_out_cameras_stand_all_around(name):
    kind, count = name.split("_")
    settings = CONFIG.presets[name]
    rig = capture_rig(np.random.default_rng(1), settings, EXTENT)
    assert len(rig.sources) == len(rig.pairs) == int(count)
    step = 360 / int(count)
    (_, sources), (azimuth, elevation) = directions(rig.sources), directions(rig.held_out)
    around = np.sort(azimuth)
    assert np.diff(np.append(around, around[0] + 360)).max() < 2 * step, "there is one between each two neighbours"
    assert sources == pytest.approx(sources[0], abs=1e-6)
    assert elevation - sources[0] == pytest.approx(25 if kind == "above" else 0, abs=0.5)
