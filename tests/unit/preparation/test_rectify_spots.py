"""Half-pixel mistakes die here: spots drawn with plain cv2.projectPoints appear where the new cameras say."""

import json

import cv2
import h5py
import helpers
import numpy as np
import pytest
import torch

from posegaussian.config import RectifySettings
from posegaussian.geometry.projection import project
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.types import Camera

SPOTS = np.array([(x, y, 0.25 + 0.3 * z) for z in range(5) for x, y in ((0.1, -0.25), (-0.1, 0.0), (0.2, 0.25))])
SIGMA = 0.8
BENT = (-0.28, 0.1, 0.002, -0.003, 0.01)
RIGS = {
    "level": (helpers.lens(-11), helpers.lens(11), helpers.lens(0)),
    "bent": (helpers.lens(-11, distortion=BENT), helpers.lens(11, distortion=BENT), helpers.lens(0, distortion=BENT)),
    "swapped": (helpers.lens(15), helpers.lens(-8), helpers.lens(0)),
    "upright": (helpers.lens(0, elevation=-6), helpers.lens(0, elevation=14), helpers.lens(5)),
    "unlike": (
        helpers.lens(-11, size=(210, 150), roll=12, offset=(11.3, -6.1), distortion=BENT),
        helpers.lens(14, elevation=5, radius=2.8, size=(150, 180), zoom=1.2),
        helpers.lens(3, elevation=-3, roll=-5),
    ),
}


def write_spots(root, lenses: dict[str, helpers.Lens], enlarge: int) -> None:
    """Spots that are round on the sensor, at whatever fraction of a pixel OpenCV projects them to."""
    for name, lens in lenses.items():
        width, height = lens.size
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        image, mask = np.zeros((height, width)), np.zeros((height, width), np.uint8)
        for x, y in lens.project(SPOTS):
            image += np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * (SIGMA * enlarge) ** 2))
            cv2.circle(mask, (round(x), round(y)), 8 * enlarge, 255, -1)
        for kind, picture in (("images", np.rint(250 * image).clip(0, 255)), ("masks", mask)):
            (root / kind / name).mkdir(parents=True)
            cv2.imwrite(str(root / kind / name / "000000.png"), picture.astype(np.uint8))
    helpers.write_calibration(root, lenses)
    (root / "rig.json").write_text(json.dumps({"sources": ["00", "01"], "targets": ["t00"], "pairs": [["00", "01"]]}))


def offsets(image: np.ndarray, camera: Camera) -> np.ndarray:
    """Centroid minus projection, spot by spot, in pixels."""
    grey = image.astype(float).mean(-1)
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    found = []
    for expected in project(torch.from_numpy(SPOTS), camera)[0].numpy():
        near = grey * ((columns - expected[0]) ** 2 + (rows - expected[1]) ** 2 < 49)
        assert near.sum() > 500
        found.append(np.array([(near * columns).sum(), (near * rows).sum()]) / near.sum() - expected)
    return np.array(found)


@pytest.mark.parametrize("rig", RIGS)
@pytest.mark.parametrize("enlarge", [1, 3])
def test_spots_appear_where_the_cameras_say(tmp_path, rig, enlarge):
    lenses = dict(zip(("00", "01", "t00"), (larger(lens, enlarge) for lens in RIGS[rig]), strict=True))
    write_spots(tmp_path / "c", lenses, enlarge)
    settings = RectifySettings(size=(160, 176), target_size=(160, 128))
    rectify_capture(tmp_path / "c", tmp_path / "c.h5", settings)
    with h5py.File(tmp_path / "c.h5") as file:
        views = {"sources": (160, 176, (0, 0)), "targets": (160, 128, (0,))}
        for kind, (width, height, place) in views.items():
            intrinsics = torch.from_numpy(file[f"{kind}/intrinsics"][()]).reshape(-1, 3, 3)
            poses = torch.from_numpy(file[f"{kind}/world_to_camera"][()]).reshape(-1, 4, 4)
            images = file[f"{kind}/images"][place].reshape(-1, height, width, 3)
            for image, matrix, pose in zip(images, intrinsics, poses, strict=True):
                error = offsets(image, Camera(matrix, pose, width, height))
                assert abs(error).max() < 0.05
                assert abs(error.mean(0)).max() < 0.03


def larger(lens: helpers.Lens, factor: int) -> helpers.Lens:
    """The same camera with more, smaller pixels."""
    matrix = lens.matrix * np.array([[factor], [factor], [1]])
    matrix[:2, 2] += (factor - 1) / 2
    size = lens.size[0] * factor, lens.size[1] * factor
    return helpers.Lens(matrix, lens.rotation, lens.translation, size, lens.distortion)
