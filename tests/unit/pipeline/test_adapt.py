"""Weights tuned to a small rig of the balloon person: kept where they gain, and refused where they do not."""

import json
from pathlib import Path

import helpers
import pytest

from posegaussian.cli import main
from posegaussian.config import AdaptSettings
from posegaussian.errors import TrainingError
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.pipeline import adapt as module
from posegaussian.pipeline.pair_files import PairFiles

SMALL = "rectify: {size: [96, 96]}, evaluate: {crops: [bbox], lpips_weights: null}"


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    """Four cameras and three frames."""
    folder = tmp_path_factory.mktemp("adapt") / "walk"
    cameras = {f"c{i}": helpers.lens(20 * i - 30, size=(128, 128)) for i in range(4)}
    helpers.write_sphere_capture(folder, frames=3, cameras=cameras)
    return folder


def adapt(capture: Path, output: Path, settings: str) -> dict:
    main(["adapt", str(capture), "-o", str(output), "--settings", f"{{{SMALL}, {settings}}}", "--device", "cpu"])
    return json.loads(output.with_suffix(".json").read_text())


def test_a_rig_is_learned(capture, tmp_path, capsys):
    output = tmp_path / "mine.safetensors"
    found = adapt(capture, output, "steps: 24, learning_rate: 0.0005")
    assert found["tuned"], found
    assert found["camera"] in ("c1", "c2")
    assert (found["frames"], found["kept_frames"]) == ([0, 1], [2])
    gains = [after - before for before, after in (each["psnr"] for each in found["judged"])]
    assert len(gains) == 2, "the camera and the frames"
    assert min(gains) >= 0.2
    assert "the tuned weights are better" in capsys.readouterr().out
    assert output.read_bytes() != RELEASE.read_bytes()
    assert load_network(output).settings == load_network(RELEASE).settings
    learned = sorted(path.stem for path in (tmp_path / "mine.state/learned").glob("*.h5"))
    assert learned and not any(found["camera"] in name.replace("_", "-").split("-") for name in learned)


def test_without_a_gain_the_weights_stay(capture, tmp_path, capsys):
    output = tmp_path / "mine.safetensors"
    found = adapt(capture, output, "steps: 1, learning_rate: 1.0e-9")
    assert not found["tuned"]
    assert "gained" in found["why"]
    assert "the weights stay as they were" in capsys.readouterr().out
    assert output.read_bytes() == RELEASE.read_bytes()


@pytest.mark.parametrize(("batch", "clip"), [(1, 1), (2, 2), (3, 1)])
def test_clips_fit_into_the_batch(batch, clip):
    settings = AdaptSettings(batch_size=batch)
    found = module._model(settings, load_network(RELEASE).settings, "cpu", (96, 96), clip=2)
    assert (found.train.batch_size, found.train.frames) == (batch, clip)


def test_true_depth_and_joints_are_not_learned_from(capture, tmp_path, monkeypatch, capsys):
    seen = []
    files = PairFiles(tmp_path, tmp_path)
    monkeypatch.setattr(module, "_files", lambda folder, triple, capture, *_: seen.append(capture) or files)
    monkeypatch.setattr(module, "_kept", lambda *_: {})

    def stop(*_, **__):
        raise TrainingError("enough is seen", code="interrupted")

    monkeypatch.setattr(module, "train", stop)
    with helpers.exits(capsys, names=["enough is seen"]):
        adapt(capture, tmp_path / "mine.safetensors", "steps: 1")
    assert seen
    assert not any(each.depths or each.joints() is not None for each in seen)


def test_two_cameras_have_nothing_to_learn_from(tmp_path, capsys):
    cameras = {f"c{i}": helpers.lens(20 * i, size=(128, 128)) for i in range(2)}
    helpers.write_sphere_capture(tmp_path / "two", cameras=cameras, depths=False)
    with helpers.exits(capsys, names=["no camera stands between two others"]):
        adapt(tmp_path / "two", tmp_path / "mine.safetensors", "steps: 1")
    assert [path.name for path in tmp_path.iterdir()] == ["two"], "nothing is left"
