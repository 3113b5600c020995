"""BlazePose as a detector of the stage `heatmaps`: joints, heatmaps, files, and nobody there."""

import hashlib
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
from safetensors import safe_open

from posegaussian.cli import main
from posegaussian.config import DetectorSettings
from posegaussian.errors import DetectorError
from posegaussian.io import store
from posegaussian.pose.detectors.base import detect_frame, load_detector
from posegaussian.pose.detectors.blazepose.finder import ASSETS
from posegaussian.types import JOINTS

DATA = Path(__file__).parents[3] / "data" / "blazepose"
SHIPPED = ASSETS / "pose_landmark_full.safetensors"
TRUTH = {
    "nose": (128.4, 54.1), "left_eye": (127.3, 52.3), "right_eye": (125.4, 50.4), "left_ear": (121.1, 56.9),
    "right_ear": (116.0, 52.6), "right_shoulder": (109.6, 70.9), "left_elbow": (132.4, 97.9),
    "right_elbow": (100.4, 96.8), "left_wrist": (151.8, 109.5), "right_wrist": (92.0, 121.7),
    "right_hip": (110.2, 120.3), "right_knee": (117.1, 158.9), "left_ankle": (99.8, 185.4),
    "right_ankle": (116.8, 197.2),
}  # fmt: skip
"""True joints of the picture's built-in person that nothing hides, pixels."""


@pytest.fixture(scope="module")
def detect():
    return load_detector(DetectorSettings(kind="blazepose")).detect


@pytest.fixture(scope="module")
def person() -> tuple[np.ndarray, np.ndarray]:
    """The picture, black around the person, and the mask of what the person covers."""
    image = np.asarray(cv2.imread(str(DATA / "person.png")))[..., ::-1]
    differs = np.abs(image.astype(int) - image[:, :1]).max(-1) > 12  # the background changes from row to row alone
    mask = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return image * mask[..., None], 255 * mask


def test_the_joints_of_a_person(detect, person):
    image, mask = person
    found = detect_frame(image[None], mask[None], [detect])
    keypoints, scores, maps = (found[name][0] for name in ("keypoints", "scores", "heatmaps"))
    x0, y0, x1, y1 = found["boxes"][0]
    seen = [JOINTS.index(name) for name in TRUTH]
    errors = np.linalg.norm(keypoints[seen] - np.array([*TRUTH.values()]), axis=1)
    assert errors.max() < 0.05 * np.hypot(x1 - x0, y1 - y0), dict(zip(TRUTH, errors.round(1), strict=True))
    assert scores[seen].min() > 0.5 and scores.max() <= 1
    assert maps.shape == (17, 64, 64)
    for joint in seen:  # a cell of the image's heatmaps is 4 px, of the detector's about 3
        row, column = np.unravel_index(maps[joint].argmax(), maps[joint].shape)
        assert np.hypot(4 * column + 2 - keypoints[joint, 0], 4 * row + 2 - keypoints[joint, 1]) < 3
        assert maps[joint].max() == pytest.approx(scores[joint], rel=0.2)


def test_the_same_image_gives_the_same_joints(detect, person):
    first, second = (detect_frame(person[0][None], person[1][None], [detect]) for _ in range(2))
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name])


def a_wall(height=96, width=160) -> tuple[np.ndarray, np.ndarray]:
    """Two frames of two views of something square; in one view there is nothing."""
    masks = np.zeros((2, 2, height, width), np.uint8)
    masks[:, :, 20:70, 30:80] = 255
    masks[1, 1] = 0
    return np.where(masks[..., None] > 0, np.uint8(90), np.uint8(0)).repeat(3, -1), masks


def test_nobody_is_said_in_one_line_each(rectified, tmp_path, capsys):
    path, output = rectified(*a_wall()), tmp_path / "heatmaps.h5"
    main(["heatmaps", str(path), "--output", str(output), "--settings", "{kind: blazepose}"])
    lines = [line for line in capsys.readouterr().err.splitlines() if "nobody" in line]
    places = [("00", 7), ("01", 7), ("00", 8)]
    assert len(lines) == 3
    for line, (camera, frame) in zip(lines, places, strict=True):
        assert str(path) in line and f"camera {camera}, frame {frame:06d}" in line
    with store.open_checked(output, store.HEATMAPS) as file:
        assert not file["scores"][()].any() and not file["heatmaps"][()].any()
        assert file["boxes"][0, 0, 0].any()


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("pose_landmark_full", "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"),
        ("pose_detection", "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c"),
    ],
)
def test_the_files_name_their_source(name, sha256):
    with safe_open(ASSETS / f"{name}.safetensors", "np") as file:
        about = file.metadata()["network"]
    assert f'"sha256": "{sha256}"' in about and f'"source": "{name}.tflite"' in about and "Apache-2.0" in about
    assert sha256 in (ASSETS / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def server(tmp_path):
    """Serves a folder with the shipped weights on the loopback address."""
    folder = tmp_path / "served"
    folder.mkdir()
    shutil.copy(SHIPPED, folder)

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    served = ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder))
    threading.Thread(target=served.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{served.server_port}/{SHIPPED.name}"
    served.shutdown()
    served.server_close()


def test_other_weights_are_downloaded_and_checked(server, tmp_path):
    path, sha256 = tmp_path / "heavy.safetensors", hashlib.sha256(SHIPPED.read_bytes()).hexdigest()
    with helpers.refuses(DetectorError, "wrong-digest"):
        load_detector(DetectorSettings(kind="blazepose", weights=str(path), url=server, sha256="00" * 32))
    assert not path.exists()
    loaded = load_detector(DetectorSettings(kind="blazepose", weights=str(path), url=server, sha256=sha256))
    assert loaded.files == {"weights": path}
    assert path.read_bytes() == SHIPPED.read_bytes()
    with helpers.refuses(DetectorError, "missing-detector-weights", file="none.tflite"):
        load_detector(DetectorSettings(kind="blazepose", weights=str(tmp_path / "none.tflite")))
