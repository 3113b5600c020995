"""The stage `render`: complete outputs, or none."""

import json
from collections import Counter
from typing import Any

import av
import cv2
import helpers
import numpy as np
import pytest
import torch

from posegaussian.cli import main
from posegaussian.config import NetworkSettings, RenderSettings
from posegaussian.errors import BackendError, ConfigError, StoreError
from posegaussian.io import store
from posegaussian.io.ply import read_ply
from posegaussian.model.network import PoseGaussian, Reconstruction
from posegaussian.pipeline import render as stage
from posegaussian.types import Gaussians

SETTINGS = RenderSettings(path_steps=6, path_size=(24, 20), fps=5)


class Counting(PoseGaussian):
    """Stands in for the network: one opaque ball whose red is the number of frames seen in a row, in fifths."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.settings = NetworkSettings()
        self.nothing = torch.nn.Parameter(torch.zeros(1))

    def initial_state(self, pair):
        return torch.zeros(1, 2, 1, 1, 1)

    def forward(self, pair, state, capacity):
        seen = state[0, 0, 0, 0] + 1
        ball = Gaussians(
            means=torch.zeros(1, 2, 3),
            quaternions=torch.tensor([[[1.0, 0, 0, 0]] * 2]),
            scales=torch.full((1, 2, 3), 0.2),
            opacities=torch.tensor([[0.999, 0.0]]),
            colors=torch.stack([seen / 5, torch.ones(1), torch.zeros(1)], -1)[None].expand(1, 2, 3),
        )
        disparity = seen.expand(1, 2, *pair.images.shape[-2:])
        return Reconstruction(ball, disparity, (disparity,), state + 1, None, torch.ones(1, 2, dtype=torch.int32))


def render(files, folder, rectified=None, **changes):
    arguments: dict[str, Any] = dict(
        heatmaps=files.heatmaps,
        weights=files.weights,
        output=folder / "renders.h5",
        video=folder / "path.mp4",
        frames=folder / "frames",
        splats=folder / "splats",
        settings=SETTINGS,
        device="cpu",
    )
    stage.render_capture(rectified or files.rectified, **(arguments | changes))


@pytest.fixture
def counting(monkeypatch):
    monkeypatch.setattr(stage, "load_network", lambda path, device: Counting())


def test_everything_is_written(files, tmp_path):
    render(files, tmp_path)
    with store.open_checked(tmp_path / "renders.h5", store.RENDERS) as renders:
        assert renders["frames"][()].tolist() == [4, 5, 6]
        assert store.strings(renders["sources/pairs"]).tolist() == [["00", "01"], ["01", "02"]]
        assert store.strings(renders["targets/cameras"]).tolist() == ["t00", "t01"]
        assert renders["targets/images"].shape == (2, 3, 40, 48, 3)
        assert renders["path/images"].shape == (6, 20, 24, 3)
        assert set(json.loads(str(renders.attrs["inputs"]))) == {"rectified", "heatmaps", "weights"}
    with av.open(str(tmp_path / "path.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 6
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == [f"{i:06d}.png" for i in range(6)]
    assert sorted(p.name for p in (tmp_path / "splats").iterdir()) == [
        f"{pair}_{frame:06d}.ply" for pair in ("00-01", "01-02") for frame in (4, 5, 6)
    ]
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.usefixtures("counting")
def test_frames_hand_on_their_state_and_pairs_start_anew(files, tmp_path):
    render(files, tmp_path)
    with store.open_checked(tmp_path / "renders.h5", store.RENDERS) as renders:
        assert renders["sources/disparity"][:, :, 0, 0, 0].tolist() == [[1, 2, 3], [1, 2, 3]]
        middle = renders["targets/images"][:, :, 20, 24]
        np.testing.assert_allclose(middle[..., 0] / middle[..., 1].astype(float), [[0.2, 0.4, 0.6]] * 2, atol=0.01)
        assert renders["targets/alphas"][:, :, 20, 24].min() > 245
        np.testing.assert_allclose(renders["targets/depth"][:, :, 20, 24], 2.0, atol=1e-3)
    assert read_ply(tmp_path / "splats" / "01-02_000006.ply").colors[:, 0].tolist() == pytest.approx([0.6])


@pytest.mark.usefixtures("counting")
def test_frames_forget_when_told_to(files, tmp_path):
    render(files, tmp_path, stabilizer=False)
    with store.open_checked(tmp_path / "renders.h5", store.RENDERS) as renders:
        assert renders["sources/disparity"][:, :, 0, 0, 0].tolist() == [[1, 1, 1], [1, 1, 1]]
        assert not store.settings_of(renders)["stabilizer"]


@pytest.mark.usefixtures("counting")
def test_path_shows_the_pair_and_frame_that_it_names(files, tmp_path):
    render(files, tmp_path)
    with store.open_checked(tmp_path / "renders.h5", store.RENDERS) as renders:
        images, frames = renders["path/images"][()], renders["path/frames"][()]
        assert frames.tolist() == [4, 5, 6, 5, 4, 5] and renders["path/pair"][()].tolist() == [0, 0, 1, 1, 1, 0]
    middle = images[:, 10, 12].astype(float)  # every camera looks at the ball
    np.testing.assert_allclose(middle[:, 0] / middle[:, 1], (frames - 3) / 5, atol=0.02)
    image = np.asarray(cv2.imread(str(tmp_path / "frames" / "000003.png")))
    assert (image[..., ::-1] == images[3]).all()


def test_same_input_same_bytes_for_any_number_of_threads(files, tmp_path, monkeypatch):
    for name, threads in (("a", "1"), ("b", "4")):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        render(files, tmp_path / name)
    written = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*") if p.is_file()} for n in "ab"
    ]
    assert written[0] == written[1] and len(written[0]) == 2 + 6 + 6


def test_without_pose_without_targets_only_what_was_asked_for(files, without_targets, tmp_path):
    render(files, tmp_path / "out", without_targets, heatmaps=None, video=None, frames=None, splats=None)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["renders.h5"]


def test_a_failure_half_way_leaves_nothing(files, tmp_path, monkeypatch):
    calls = Counter()

    def failing(*arguments, **options):
        calls["renders"] += 1
        if calls["renders"] == 7:
            raise RuntimeError("the power is gone")
        return real(*arguments, **options)

    real = stage.render
    monkeypatch.setattr(stage, "render", failing)
    with pytest.raises(RuntimeError, match="power"):
        render(files, tmp_path / "out")
    assert [p for p in (tmp_path / "out").rglob("*")] == []


def test_heatmaps_of_another_capture_are_refused(files, without_targets, tmp_path):
    with helpers.refuses(StoreError, "mismatched-stores", file="maps.h5"):
        render(files, tmp_path / "out", without_targets)
    with helpers.refuses(StoreError, "wrong-schema", file="plain.h5") as error:
        render(files, tmp_path / "out", heatmaps=without_targets)
    assert "posegaussian/heatmaps" in error.value.what
    assert not (tmp_path / "out" / "renders.h5").exists()


def test_mistakes_of_the_command_line(files, tmp_path, capsys):
    with helpers.refuses(ConfigError, "missing-output") as error:
        render(files, tmp_path, output=None)
    assert "--output" in str(error.value)
    with helpers.refuses(BackendError, "unknown-device") as error:
        render(files, tmp_path, device="abacus")
    assert "abacus" in error.value.what
    foreign = tmp_path / "published.pth"
    foreign.write_bytes(b"\x80\x02")
    with helpers.exits(capsys, file=foreign):
        main(["render", str(files.rectified), "--weights", str(foreign), "-o", str(tmp_path / "renders.h5")])
    assert not (tmp_path / "renders.h5").exists()
