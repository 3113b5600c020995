"""Heatmaps from the file of the stage `people`: its joints, projected into the rectified views."""

from pathlib import Path

import cv2
import helpers
import numpy as np
import pytest
import torch
from helpers import exits, refuses, warns
from people_oracle import SIZE, Oracle, landmarks

from posegaussian.captures.reading import read_capture
from posegaussian.cli import main
from posegaussian.config import DetectorSettings, FindPeopleSettings, RectifySettings
from posegaussian.errors import CaptureError, ConfigError
from posegaussian.geometry.masks import bounding_box
from posegaussian.geometry.projection import project
from posegaussian.io import store
from posegaussian.pipeline import people as stage
from posegaussian.pipeline.heatmaps import extract_heatmaps
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pose.detectors.base import Detection, LoadedDetector
from posegaussian.pose.detectors.blazepose.crops import box_crops
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.pose.detectors.blazepose.joints import joint_detector, joints_of
from posegaussian.pose.person import COCO
from posegaussian.types import Camera

PERSON = landmarks(0.1, 0.1)
BLAZEPOSE = DetectorSettings(kind="blazepose")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The rectified file and the people of a capture whose networks know the truth; camera 01 misses frame 1."""
    root = tmp_path_factory.mktemp("joints") / "capture"
    bent = (-0.08, 0.01, 0.0, 0.0, 0.0)
    rig = {
        name: helpers.lens(azimuth, radius=3.0, size=(SIZE, SIZE), distortion=bent)
        for name, azimuth in {"00": -20, "01": 0, "02": 20}.items()
    }
    helpers.write_calibration(root, rig)
    for index, (name, lens) in enumerate(rig.items()):
        body = cv2.convexHull(helpers.source_camera(lens).project(PERSON).astype(np.int32))
        for kind in ("images", "masks"):
            (root / kind / name).mkdir(parents=True)
        for frame in range(2):
            cv2.imwrite(str(root / f"images/{name}/{frame:06d}.png"), Oracle.image(index, frame)[..., ::-1])
            mask = cv2.fillConvexPoly(np.zeros((SIZE, SIZE), np.uint8), body, 255)
            cv2.imwrite(str(root / f"masks/{name}/{frame:06d}.png"), mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "load_blazepose", lambda *_: Oracle(read_capture(root).cameras, [PERSON]))
        stage.write_people(root, root.parent / "people.h5", FindPeopleSettings())
    rectify_capture(root, root.parent / "rectified.h5", RectifySettings(size=(128, 128), color="off"))
    return root.parent / "rectified.h5", root.parent / "people.h5"


def test_the_joints_lie_where_the_views_show_them(files, tmp_path):
    rectified, people = files
    extract_heatmaps(rectified, tmp_path / "heatmaps.h5", BLAZEPOSE, people)
    with (
        store.open_checked(tmp_path / "heatmaps.h5", store.HEATMAPS) as found,
        store.open_checked(rectified, store.RECTIFIED) as source,
    ):
        pairs, frames = found["scores"].shape[:2]
        for pair in range(pairs):
            intrinsics, pose = (source[f"sources/{name}"][pair] for name in ("intrinsics", "world_to_camera"))
            cameras = Camera(torch.from_numpy(intrinsics), torch.from_numpy(pose), 128, 128)
            expected = project(torch.from_numpy(PERSON[list(COCO)]).expand(2, -1, 3), cameras)[0]
            for frame in range(frames):
                np.testing.assert_allclose(found["keypoints"][pair, frame], expected, atol=0.02)
        np.testing.assert_allclose(found["scores"], 0.9, atol=1e-3)  # the oracle's, and all is visible
        assert '"people"' in str(found.attrs["inputs"])


@pytest.mark.parametrize("with_people", [True, False])
def test_the_same_bytes_for_any_number_of_threads(files, tmp_path, monkeypatch, with_people):
    rectified, people = files
    made = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        extract_heatmaps(rectified, tmp_path / f"{threads}.h5", BLAZEPOSE, people if with_people else None)
        made.append((tmp_path / f"{threads}.h5").read_bytes())
    assert made[0] == made[1]


def test_frames_without_the_person_are_not_rectified(files, tmp_path, monkeypatch):
    root = files[0].parent / "capture"
    oracle = Oracle(read_capture(root).cameras, {1: [PERSON]})
    monkeypatch.setattr(stage, "load_blazepose", lambda *_: oracle)
    settings = RectifySettings(size=(128, 128), color="off")
    with warns("nobody-there-skipped", file=root, frame=0):
        stage.write_people(root, tmp_path / "people.h5", FindPeopleSettings(missing="skip"))
    rectify_capture(root, tmp_path / "r.h5", settings, people=tmp_path / "people.h5")
    with store.open_checked(tmp_path / "r.h5", store.RECTIFIED) as file:
        assert file["frames"][()].tolist() == [1]
    with refuses(CaptureError, "no-frames-chosen", file=root):
        rectify_capture(root, tmp_path / "r.h5", settings, frames=[0], people=tmp_path / "people.h5")


def test_the_page_shows_whom_the_file_holds(files, tmp_path, capsys):
    line = ["inspect", str(files[0].parent / "capture"), "-o", str(tmp_path / "page.html")]
    main([*line, "--people", str(files[1])])
    assert (tmp_path / "page.html").read_text().count('alt="The person found by camera') == 3
    with exits(capsys, file=tmp_path / "none.h5"):
        main([*line, "--people", str(tmp_path / "none.h5")])


def test_people_of_another_kind_or_of_other_weights(files, tmp_path, monkeypatch):
    rectified, people = files

    def detect(image, box) -> Detection:
        raise AssertionError

    (tmp_path / "other.safetensors").write_bytes(b"other")
    loaded = LoadedDetector(detect, {"weights": tmp_path / "other.safetensors"})
    monkeypatch.setattr("posegaussian.pipeline.heatmaps.load_detector", lambda *_: loaded)
    with refuses(ConfigError, "other-weights", file=people):
        extract_heatmaps(rectified, tmp_path / "h.h5", BLAZEPOSE, people)
    small = DetectorSettings(config="package:small.py", weights="package:small.safetensors")
    with refuses(ConfigError, "unused-people", file=people):
        extract_heatmaps(rectified, tmp_path / "h.h5", small, people)


def test_both_ways_find_the_same_joints():
    """Found in the camera's image and projected, or found in the rectified view: within 3 % of the box's diagonal.

    The network sees other pixels, in a crop that it turned by itself, so the joints differ.
    """
    image = np.asarray(cv2.imread(str(Path(__file__).parents[2] / "data/blazepose/person.png")))[..., ::-1].copy()
    differs = np.abs(image.astype(int) - image[:, :1]).max(-1) > 12  # the background changes from row to row alone
    mask = cv2.morphologyEx(differs.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    source = helpers.source_camera(helpers.lens(0, size=(256, 256)))
    turn = cv2.Rodrigues(np.array([0.05, -0.1, 0.08]))[0]
    pose = np.eye(4)
    pose[:3, :3] = turn
    view = Camera(torch.from_numpy(source.intrinsics), torch.from_numpy(pose @ source.world_to_camera), 256, 256)
    warp = source.intrinsics @ turn @ np.linalg.inv(source.intrinsics)
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    on_black, cover = (
        cv2.warpPerspective(each, np.linalg.inv(half) @ warp @ half, (256, 256))
        for each in (image * mask[..., None], 255 * mask)
    )
    model = load_blazepose()
    box = torch.tensor([bounding_box(mask > 0)]).float()
    (person,) = model.measure([torch.from_numpy(image).movedim(-1, 0)], box_crops(box, 1.25)).records()
    edges = np.array(bounding_box(cover >= 128), float)
    projected, detected = joints_of(person, source, view)(on_black, edges), joint_detector(model)(on_black, edges)
    sure = np.minimum(projected.scores, detected.scores) > 0.5
    apart = np.linalg.norm(projected.keypoints - detected.keypoints, axis=1)[sure]
    assert sure.sum() >= 12 and apart.max() < 0.03 * np.hypot(*(edges[2:] - edges[:2])), apart
