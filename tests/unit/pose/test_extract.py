"""The heatmaps stage with a detector that knows the answer."""

import helpers
import numpy as np
import pytest

from posegaussian.config import DetectorSettings
from posegaussian.errors import DetectorError, WeightsError
from posegaussian.io import store
from posegaussian.pipeline.heatmaps import extract_heatmaps
from posegaussian.pose.detectors import mmpose
from posegaussian.pose.detectors.base import Detection


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "model.py").write_text("")
    (tmp_path / "weights.safetensors").write_bytes(b"")
    return DetectorSettings(config=str(tmp_path / "model.py"), weights=str(tmp_path / "weights.safetensors"))


def detect(image, box):
    """Every joint j sits at 30 + 2j per cent of the box; its score is (j + 1) / 20, its map peaks 3 times higher."""
    first, pitch = box[:2] + (box[2:] - box[:2]) / 64 * 0.5, (box[2:] - box[:2]) / 64
    shares = 0.3 + 0.02 * np.arange(17)
    keypoints = box[:2] + shares[:, None] * (box[2:] - box[:2])
    cells = (keypoints - first) / pitch
    down, across = np.mgrid[:64, :64]
    scores = (np.arange(17) + 1) / 20
    maps = (
        3 * scores[:, None, None] * np.exp(-((across - cells[:, :1, None]) ** 2 + (down - cells[:, 1:, None]) ** 2) / 8)
    )
    return Detection(maps, first, pitch, keypoints, scores)


def images_and_masks(height=96, width=160):
    images = np.random.default_rng(0).integers(0, 256, (2, 2, height, width, 3), dtype=np.uint8)
    masks = np.zeros((2, 2, height, width), np.uint8)
    masks[0, 0, 11:90, 20:77] = 255
    masks[0, 1, 5:96, 33:160] = 255
    masks[1, 1, 40:70, 0:20] = 255
    return images, masks


def test_writes_maps_key_points_scores_and_boxes(rectified, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(mmpose, "load_detector", lambda *files: detect)
    path = rectified(*images_and_masks())
    output = tmp_path / "heatmaps.h5"
    extract_heatmaps(path, output, settings)
    with store.open_checked(output, store.HEATMAPS) as file:
        heatmaps, keypoints = file["heatmaps"][()], file["keypoints"][()]
        assert heatmaps.shape == (1, 2, 2, 17, 24, 40)
        assert heatmaps.dtype == np.float16
        assert list(file["frames"]) == [7, 8]
        assert store.strings(file["pairs"]).tolist() == [["00", "01"]]
        np.testing.assert_array_equal(file["boxes"][0, 0], [[20, 11, 77, 90], [33, 5, 160, 96]])
        np.testing.assert_allclose(file["scores"][0, 0, 0], (np.arange(17) + 1) / 20, rtol=1e-6)
        assert store.settings_of(file)["weights"] == settings.weights
    assert heatmaps.max() == 1.0  # clipped, not normalised: joint 0 stays faint
    assert heatmaps[0, 0, 1, 0].max() < 0.16
    for view, found in enumerate(heatmaps[0, 0].astype(np.float64)):
        peaks = np.stack(np.unravel_index(found.reshape(17, -1).argmax(1), found.shape[1:])[::-1], axis=-1)
        assert np.abs(4 * (peaks + 0.5) - keypoints[0, 0, view])[:13].max() <= 4.0


def test_an_empty_mask_gives_zeros(rectified, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(mmpose, "load_detector", lambda *files: detect)
    output = tmp_path / "heatmaps.h5"
    extract_heatmaps(rectified(*images_and_masks()), output, settings)
    with store.open_checked(output, store.HEATMAPS) as file:
        assert not any(file[name][0, 1, 0].any() for name in ("heatmaps", "keypoints", "scores", "boxes"))
        assert file["scores"][0, 1, 1].all()


def test_the_same_input_gives_the_same_bytes(rectified, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(mmpose, "load_detector", lambda *files: detect)
    path = rectified(*images_and_masks())
    for name in ("a.h5", "b.h5"):
        extract_heatmaps(path, tmp_path / name, settings)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


def test_missing_files_are_named(rectified, settings, tmp_path):
    path = rectified(*images_and_masks())
    output = tmp_path / "heatmaps.h5"
    missing = DetectorSettings(config="package:none.py", weights=settings.weights)
    with helpers.refuses(DetectorError, "unknown-detector", file="none.py"):
        extract_heatmaps(path, output, missing)
    missing = DetectorSettings(config=settings.config, weights=str(tmp_path / "none.pth"))
    with helpers.refuses(DetectorError, "missing-detector-weights", file="none.pth"):
        extract_heatmaps(path, output, missing)
    assert not output.exists()


def test_without_mmpose_the_environment_is_named(rectified, settings, tmp_path):
    with helpers.refuses(DetectorError, "missing-mmpose") as error:
        extract_heatmaps(rectified(*images_and_masks()), tmp_path / "heatmaps.h5", settings)
    assert "envs/mmpose.post-deploy.sh" in str(error.value.hint)


@pytest.mark.parametrize(
    ("name", "code"), [("weights.pth", "unsafe-weights"), ("weights.safetensors", "unreadable-weights")]
)
def test_a_damaged_weights_file_is_refused(tmp_path, name, code):
    path = tmp_path / name
    path.write_bytes(b"not weights")
    with helpers.refuses(WeightsError, code, file=path):
        mmpose.read_weights(path)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    import torch

    class Trap:
        def __reduce__(self):
            return (print, ("you have been had",))

    path = tmp_path / "weights.pth"
    torch.save({"state_dict": {"a": torch.ones(2)}, "meta": Trap()}, path)
    with helpers.refuses(WeightsError, "unsafe-weights", file=path):
        mmpose.read_weights(path)


def test_published_files_with_numpy_meta_data_load(tmp_path):
    import torch

    path = tmp_path / "weights.pth"
    meta = {"dataset_meta": {"sigmas": np.ones(17, np.float32), "n": np.float64(3), "flip": np.arange(17)}}
    torch.save({"state_dict": {"a": torch.ones(2)}, "meta": meta}, path)
    assert list(mmpose.read_weights(path)) == ["a"]
