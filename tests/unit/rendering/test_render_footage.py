"""A video of footage through the command line: the frames are those of the workflow over files, without files."""

import json

import cv2
import helpers
import numpy as np
import pytest
import torch
from moving_person import FRAMES, film

from posegaussian.cli import main
from posegaussian.config import NetworkSettings
from posegaussian.io.ply import read_ply
from posegaussian.io.video import VideoFrame, frame_count, frame_rate
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import save_weights

RECTIFY = {"size": [64, 64]}
SIZE = [80, 96]
SETTINGS = json.dumps({"rectify": RECTIFY, "size": SIZE, "fps": 10})


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return film(tmp_path / "somebody", monkeypatch)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "net.safetensors"
    save_weights(PoseGaussian(NetworkSettings(iterations=1)), path, {})
    return path


def run(text, *settings):
    words = [word.format(*settings) if word in ("{0}", "{1}") else word for word in text.split()]
    main(words)


def render(root, weights, *options):
    main(["render", str(root), "--weights", str(weights), "--settings", SETTINGS, "--device", "cpu", *options])


def images(folder):
    return [np.asarray(cv2.imread(str(path))) for path in sorted(folder.iterdir())]


def over_files(root, weights, folder, people):
    """The images of the path, from the stages of the workflow."""
    given = ""
    if people:
        run(f"people {root} -o people.h5 --device cpu")
        given = "--people people.h5"
    run(f"rectify {root} -o rectified.h5 {given} --settings {{0}}", json.dumps(RECTIFY))
    run(f"heatmaps rectified.h5 -o heatmaps.h5 {given} --settings {{0}}", json.dumps({"kind": "blazepose"}))
    path = json.dumps({"path_steps": FRAMES, "path_size": SIZE})
    options = f"--heatmaps heatmaps.h5 --weights {weights} -o renders.h5 --frames {folder} --device cpu"
    run(f"render rectified.h5 {options} --settings {{0}}", path)
    return images(folder)


def test_the_frames_are_those_of_the_workflow(root, weights, tmp_path, capsys):
    render(root, weights, "--video", "a.mp4", "--frames", "images", "--splats", "splats")
    assert "a.mp4, images, splats: 3 frames, from 00 to 01, with net.safetensors" in capsys.readouterr().out
    expected = over_files(root, weights, tmp_path / "expected", people=True)
    found = images(tmp_path / "images")
    assert len(found) == len(expected) == FRAMES and max(image.max() for image in found) > 50
    for image, other in zip(found, expected, strict=True):
        assert image.shape == (SIZE[1], SIZE[0], 3)
        assert np.abs(image.astype(int) - other).max() <= 1
    assert frame_count(tmp_path / "a.mp4")[0] == FRAMES and frame_rate(tmp_path / "a.mp4") == 10
    filmed = VideoFrame(tmp_path / "a.mp4", 0).pixels()
    assert np.abs(filmed.astype(int) - found[0][..., ::-1]).mean() < 3
    assert [path.name for path in sorted((tmp_path / "splats").iterdir())] == [
        f"00-01_{frame:06d}.ply" for frame in range(FRAMES)
    ]
    assert len(read_ply(tmp_path / "splats/00-01_000000.ply").means) > 100


def test_given_masks_are_used_and_joints_are_detected_on_rectified_images(tmp_path, monkeypatch, weights):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "sphere"
    cameras = {"00": helpers.lens(-15, size=(100, 80)), "01": helpers.lens(15, size=(100, 80))}
    helpers.write_sphere_capture(root, FRAMES, cameras=cameras, depths=False)
    render(root, weights, "--frames", "images")
    expected = over_files(root, weights, tmp_path / "expected", people=False)
    for image, other in zip(images(tmp_path / "images"), expected, strict=True):
        assert np.abs(image.astype(int) - other).max() <= 1


def test_the_same_bytes_for_any_number_of_threads(root, weights, tmp_path, monkeypatch):
    made = []
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        render(root, weights, "--video", f"{threads}.mp4")
        made.append((tmp_path / f"{threads}.mp4").read_bytes())
    assert made[0] == made[1]


def test_the_path_begins_at_the_first_camera_that_is_named(root, weights, tmp_path):
    render(root, weights, "--frames", "there", "--source", "00", "01", "--ratio", "0.2")
    render(root, weights, "--frames", "back", "--source", "01", "00", "--ratio", "0.8")
    for image, other in zip(images(tmp_path / "there"), images(tmp_path / "back"), strict=True):
        assert np.array_equal(image, other)
    render(root, weights, "--frames", "other", "--source", "01", "00", "--ratio", "0.2")
    assert not np.array_equal(images(tmp_path / "other")[0], image)


def test_frames_can_be_chosen(root, weights, tmp_path):
    render(root, weights, "--splats", "splats", "--frame", "1:")
    assert [path.stem for path in sorted((tmp_path / "splats").iterdir())] == ["00-01_000001", "00-01_000002"]


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--video", "a.mp4", "--ratio", "2"], ["--ratio 2"]),
        (["--video", "a.mp4", "--heatmaps", "maps.h5"], ["--heatmaps"]),
        (["--video", "a.mp4", "--output", "a.png"], ["--output"]),
        (["--video", "a.mp4", "--frame", "7:3"], ["'7:3'"]),
        (["--frame", "0:2"], ["--frame '0:2'"]),
        (["--frames", "::48"], ["--frames '::48'", "--frame ::48"]),
        (["--no-stabilizer"], ["--no-stabilizer"]),
    ],
)
def test_mistakes_are_one_line_and_nothing_is_written(root, weights, tmp_path, capsys, options, named):
    with helpers.exits(capsys, names=named):
        render(root, weights, *options)
    assert [path.name for path in tmp_path.iterdir()] == ["somebody"]


def test_a_damaged_frame_leaves_nothing_behind(root, weights, tmp_path, capsys):
    path = root / "images/01/000002.png"
    path.write_bytes(path.read_bytes()[:200])
    with helpers.exits(capsys, file=path, camera="01", frame=2):
        render(root, weights, "--video", "a.mp4", "--frames", "images")
    assert [path.name for path in tmp_path.iterdir()] == ["somebody"]
