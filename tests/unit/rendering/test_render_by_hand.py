"""One view of a capture folder, through the command line."""

import shutil

import cv2
import helpers
import numpy as np
import pytest
import torch

from posegaussian.captures.reading import read_capture
from posegaussian.cli import main
from posegaussian.config import NetworkSettings
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import save_weights
from posegaussian.pipeline import render_view
from posegaussian.pose.detectors.base import Detection, LoadedDetector

SIZE = (100, 80)
SETTINGS = "{rectify: {size: [64, 64]}}"


@pytest.fixture(scope="module")
def capture(tmp_path_factory):
    folder = tmp_path_factory.mktemp("captures") / "somebody"
    cameras = {"00": helpers.lens(-20, size=SIZE), "01": helpers.lens(0, size=SIZE), "02": helpers.lens(20, size=SIZE)}
    helpers.write_sphere_capture(folder, cameras=cameras, depths=False)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_weights(PoseGaussian(NetworkSettings(iterations=1)), path, {})
    return path


@pytest.fixture(autouse=True)
def in_an_empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def joints(monkeypatch):
    """Lets the detector find all joints in the middle of the box with this score, and notes its settings."""
    asked = []

    def found(score):
        def detect(image, box):
            middle = np.tile((box[:2] + box[2:]) / 2, (17, 1))
            return Detection(np.full((17, 8, 8), score), box[:2], (box[2:] - box[:2]) / 8, middle, np.full(17, score))

        monkeypatch.setattr(
            render_view, "load_detector", lambda settings, _: asked.append(settings) or LoadedDetector(detect, {})
        )
        return asked

    return found


def by_hand(capture, weights, *arguments):
    main(["render", str(capture), "--weights", str(weights), "--settings", SETTINGS, "--device", "cpu", *arguments])


def failing(capsys, *arguments, **named):
    with helpers.exits(capsys, **named):
        by_hand(*arguments)
    assert not list(render_view.Path.cwd().glob("*.png"))


def picture(path, *flags):
    return np.asarray(cv2.imread(path, *flags))


def coverage(path):
    return picture(str(path)).max(-1) > 30


def test_a_view_is_written(capture, weights, tmp_path, capsys):
    by_hand(capture, weights, "--source", "0", "1", "--ratio", "0.5")
    assert capsys.readouterr().out == "novel.png: frame 000000, from 00 to 01 at ratio 0.5, with net.safetensors\n"
    assert picture(str(tmp_path / "novel.png")).shape == (80, 100, 3)


def test_the_calibration_instead_of_the_folder(capture, weights, tmp_path):
    by_hand(capture / "intri.yml", weights)
    assert picture(str(tmp_path / "novel.png")).shape == (80, 100, 3)


def test_options_for_a_rectified_file_are_not_passed_over(capture, weights, capsys):
    failing(capsys, capture, weights, "--heatmaps", "x", names=["--heatmaps"], file=capture)


@pytest.mark.parametrize("name", ["novel.txt", "novel", "folder"])
def test_a_name_that_no_image_has(capture, weights, tmp_path, capsys, name):
    (tmp_path / "folder").mkdir()
    failing(capsys, capture, weights, "-o", str(tmp_path / name), file=tmp_path / name)


def test_a_folder_where_a_file_is_to_be(capture, weights, tmp_path, capsys):
    (tmp_path / "a.png").mkdir()
    with helpers.exits(capsys, file=tmp_path / "a.png"):
        by_hand(capture, weights, "-o", str(tmp_path / "a.png"))
    assert [*tmp_path.glob(".*.part")] == []


def test_the_capture_is_read_once(capture, weights, monkeypatch):
    reads = []

    def counted(root):
        reads.append(root)
        return read_capture(root)

    monkeypatch.setattr(render_view, "read_capture", counted)
    monkeypatch.setattr("posegaussian.pipeline.rectify.read_capture", counted)
    by_hand(capture, weights)
    assert reads == [capture]


def test_nothing_but_the_capture_is_needed(capture, weights, tmp_path, capsys, monkeypatch):
    """The weights that ship are the default, and bring their settings along."""
    release = tmp_path / "release.safetensors"
    release.write_bytes(weights.read_bytes())
    monkeypatch.setattr("posegaussian.model.weights.RELEASE", release)
    main(["render", str(capture), "--source", "00", "01", "--device", "cpu"])
    assert "with release.safetensors" in capsys.readouterr().out
    assert picture(str(tmp_path / "novel.png")).any()


def test_without_masks_the_person_is_found(capture, weights, tmp_path, capsys):
    filmed = tmp_path / "filmed"
    shutil.copytree(capture, filmed)
    shutil.rmtree(filmed / "masks")
    main(["render", str(filmed), "--weights", str(weights), "--device", "cpu"])
    assert coverage(tmp_path / "novel.png").mean() > 0.05


def test_ratio_0_and_1_stand_at_the_cameras(capture, weights, tmp_path, joints):
    joints(0.0)
    for ratio, camera in (("0", "01"), ("1", "00")):
        by_hand(capture, weights, "--source", "01", "0", "--ratio", ratio, "--frame", "1", "-o", "view.png")
        person = picture(str(capture / "masks" / camera / "000001.png"), cv2.IMREAD_GRAYSCALE) > 127
        seen = coverage(tmp_path / "view.png")
        assert (seen & person).sum() / (seen | person).sum() > 0.75, camera


def test_size_and_frame_can_be_chosen(capture, weights, tmp_path):
    settings = "{rectify: {size: [64, 64]}, size: [40, 60]}"
    by_hand(capture, weights, "--frame", "1", "-o", "deep/view.png", "--settings", settings)
    assert picture(str(tmp_path / "deep" / "view.png")).shape == (60, 40, 3)


def test_joints_are_detected_here_by_blazepose(capture, weights, tmp_path, joints, capsys):
    """Without another environment; an image without joints says so."""
    asked = joints(1.0)
    by_hand(capture, weights, "-o", "with.png")
    assert [each.kind for each in asked] == ["blazepose"] and "nobody" not in capsys.readouterr().err
    joints(0.0)
    by_hand(capture, weights, "-o", "without.png", "--frame", "1")
    assert f"{capture}, frame 000001: the detector finds nobody" in capsys.readouterr().err
    by_hand(capture, weights, "-o", "without.png")
    assert np.any(picture(str(tmp_path / "with.png")) != picture(str(tmp_path / "without.png")))


def test_a_detector_of_another_environment(capture, weights, capsys):
    settings = "{detector: {config: package:small.py, weights: package:small.safetensors}}"
    failing(capsys, capture, weights, "--settings", settings, names=["detector.kind", "heatmaps"])


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--source", "0", "7"], {"camera": "7"}),
        (["--source", "0", "00"], {"camera": "00", "names": ["--source"]}),
        (["--ratio", "1.5"], {"names": ["--ratio 1.5"]}),
        (["--frame", "9"], {"frame": 9}),
        (["--weights", "nowhere.safetensors"], {"file": "nowhere.safetensors"}),
        (["--pose-python", "some/python"], {"names": ["--pose-python", "BlazePose"]}),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(capture, weights, capsys, arguments, named):
    failing(capsys, capture, weights, *arguments, **named)
