"""The whole pipeline on photographs: two views of a figurine give a third one, which was held out."""

from pathlib import Path

import helpers
import pytest
import torch

from posegaussian.config import DetectorSettings, RectifySettings, RenderSettings
from posegaussian.data.rectified import read_target
from posegaussian.evaluation.baselines import read_reference_inputs, reference_views
from posegaussian.evaluation.crops import crop
from posegaussian.evaluation.metrics import psnr
from posegaussian.io import store
from posegaussian.model.weights import RELEASE
from posegaussian.pipeline.heatmaps import extract_heatmaps
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pipeline.render import render_capture

FIGURINE = Path(__file__).parents[2] / "data/figurine"
RECTIFY = RectifySettings(size=(384, 384), target_size=(378, 504))
RENDER = RenderSettings(path_steps=1, path_size=(32, 32))


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder with what the stages make of the cameras 10 and 14."""
    folder = tmp_path_factory.mktemp("figurine")
    rectify_capture(FIGURINE, folder / "rectified.h5", RECTIFY, pairs=[("10", "14")], held_out=["12"])
    with helpers.warns("nobody-found"):  # rightly: it is a figurine. The pipeline goes on without joints
        extract_heatmaps(folder / "rectified.h5", folder / "heatmaps.h5", DetectorSettings(kind="blazepose"))
    unused = dict.fromkeys(("video", "frames", "splats"))
    render_capture(
        folder / "rectified.h5",
        heatmaps=folder / "heatmaps.h5",
        weights=RELEASE,
        output=folder / "renders.h5",
        settings=RENDER,
        device="cpu",
        **unused,
    )
    return folder


def test_the_held_out_photograph_is_met(files):
    with (
        store.open_checked(files / "rectified.h5", store.RECTIFIED) as rectified,
        store.open_checked(files / "renders.h5", store.RENDERS) as renders,
    ):
        truth, mask, _ = read_target(rectified, 0, 0)
        box = crop("bbox", truth[0], mask[0, 0])
        assert box is not None
        render = torch.from_numpy(renders["targets/images"][0, 0]).permute(2, 0, 1) / 255
        warped = reference_views(read_reference_inputs(rectified, 0, 0))["plane_warp"]
        ours, plain = (psnr(image[:, *box], truth[0][:, *box]) for image in (render, warped))
    assert ours > 24, "25.2 dB when this was written"
    assert ours > plain + 5, "15.2 dB"
