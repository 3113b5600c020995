"""The results page: means over groups, goals, error regions, grids of views, and the command."""

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from report_files import CURVES, capture

from posegaussian.cli import main
from posegaussian.config import GoalSettings
from posegaussian.evaluation.aggregate import by_group, read_tables
from posegaussian.evaluation.rows import Row, write_rows
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.projection import pixel_grid
from posegaussian.io import store
from posegaussian.report import error_regions, view_grids
from posegaussian.report.goals import Means, goal_rows, measured_value
from posegaussian.report.results import tables_of
from posegaussian.types import Camera

SIZE = 96


def table(folder, capture, method, psnr, jitter=math.nan, gt_depth=30.0):
    """Two frames of one view: PSNR of plane_warp, the method and gt_depth."""
    rows = []
    for frame, value in enumerate(psnr):
        for who, number in (("plane_warp", 20.0), (method, value), ("gt_depth", gt_depth)):
            rows.append(Row(capture, "00-01", "t00", frame, who, "bbox", "psnr", float(number)))
        rows.append(Row(capture, "00-01", "", frame, method, "disparity", "epe_1024", 2.0 + frame))
    rows.append(
        Row(capture, "00-01", "t00", 0, method, "frames", "jitter", jitter, "" if jitter == jitter else "moves")
    )
    path = folder / method / f"{capture}.csv"
    write_rows(path, rows)
    return path


@pytest.fixture
def paths(tmp_path):
    """Captures a and b; b is 3 dB worse and flickers less under `mine` than under `alone`."""
    made = [table(tmp_path, "a", "mine", (28, 29)), table(tmp_path, "b", "mine", (25, 26), 0.5)]
    return [*made, table(tmp_path, "a", "alone", (28, 29)), table(tmp_path, "b", "alone", (25, 27), 1.0)]


GROUPS = {"both": ("a", "b"), "second": ("b",)}


def test_means_over_groups(paths):
    found = Means(by_group(read_tables(paths), GROUPS), "mine")
    assert found.groups() == ["both", "second"]
    assert found.models() == ["mine", "alone"]
    assert found.value("both", "mine", "bbox", "psnr") == 27
    assert found.value("both", "mine", "bbox", "gap_to_gt_depth") == -3
    assert found.value("both", "mine", "bbox", "gap_to_gt_depth", "standard_error") == pytest.approx(
        1.5
    )  # of the means 1.5 and 4.5
    assert found.value("both", "gt_depth", "bbox", "psnr", "values") == 4  # once, though both models' tables have it
    assert math.isnan(found.value("both", "gt_depth", "bbox", "gap_to_gt_depth"))
    assert found.value("both", "mine", "frames", "jitter") == 0.5
    assert math.isnan(found.value("second", "mine", "bbox", "psnr", "standard_error"))
    assert math.isnan(found.value("third", "mine", "bbox", "psnr"))


def test_the_median_stands_beside_a_mean_that_one_capture_can_dominate(tmp_path):
    errors = {"a": 1.0, "b": 2.0, "c": 30.0}
    for name, error in errors.items():
        row = Row(name, "00-01", "", 0, "mine", "disparity", "epe_1024", error)
        psnr = replace(row, scope="bbox", metric="psnr")
        write_rows(tmp_path / f"{name}.csv", [row, replace(row, metric="rate_1px", value=0.5), psnr])
    rows = read_tables([tmp_path / f"{name}.csv" for name in errors])
    means = Means(by_group(rows, {"all": tuple(errors)}), "mine")
    assert means.value("all", "mine", "disparity", "epe_1024") == 11
    assert means.value("all", "mine", "disparity", "epe_1024", "median") == 2
    head, _, row = tables_of(means, ()).splitlines()[-3:]
    assert head.endswith("| EPE, px at 1024 | EPE, px at 1024, median | under 1 px |")
    assert row.endswith("| 11.00 | 2.00 | 50.0 % |")


@pytest.mark.parametrize(
    "settings, value, verdict",
    [
        (dict(group="both", metric="psnr", least=27), 27, "reached"),
        (dict(group="both", metric="psnr", least=27.1), 27, "**missed**"),
        (dict(group="second", metric="gap_to_gt_depth", least=-4), -4.5, "**missed**"),
        (dict(group="second", metric="psnr", against="alone", least=-0.6), -0.5, "reached"),
        (dict(group="second", metric="psnr", against="both", least=-1), -1.5, "**missed**"),
        (
            dict(group="second", scope="frames", metric="jitter", against="alone", by="ratio", most=0.6),
            0.5,
            "reached",
        ),
        (dict(group="both", method="gt_depth", metric="psnr", most=31, least=29), 30, "reached"),
        (dict(group="nobody", metric="psnr", least=0), math.nan, "not measured"),
    ],
)
def test_goals(paths, settings, value, verdict):
    means, goal = Means(by_group(read_tables(paths), GROUPS), "mine"), GoalSettings(what="it", **settings)
    assert measured_value(goal, means) == pytest.approx(value, nan_ok=True)
    assert goal_rows([goal], means)[0][-1] == verdict


def test_views_are_ranked_by_what_was_possible(paths):
    views = view_grids.measured_views(read_tables(paths), "mine")
    assert [(view.capture, view.frame, view.gap_to_gt_depth, view.epe) for view in views] == [
        ("b", 0, -5, 2), ("b", 1, -4, 3), ("a", 0, -2, 2), ("a", 1, -1, 3)
    ]  # fmt: skip
    assert [(view.capture, view.frame) for view in view_grids.worst_views(views, 10)] == [("b", 0), ("a", 0)]
    assert [(view.capture, view.frame) for view in view_grids.typical_views(views, GROUPS)] == [("a", 0), ("b", 1)]


def camera(x):
    pose = torch.eye(4, dtype=torch.float64)
    pose[0, 3] = -x
    return Camera(
        torch.tensor([[70.0, 0, SIZE / 2], [0, 70, SIZE / 2], [0, 0, 1]], dtype=torch.float64), pose, SIZE, SIZE
    )


def layers(view):
    """Depth of a disc two metres away behind a small square at one and a half, in cameras side by side."""
    slope = (pixel_grid(SIZE, SIZE, like=view.intrinsics) - SIZE / 2) / 70
    far, near = 2 * slope + view.centre[:2], 1.5 * slope + view.centre[:2]
    depth = torch.where(far.norm(dim=-1) < 0.6, 2.0, 0.0)
    return torch.where((near.abs() < 0.1).all(-1), 1.5, depth), far


def test_visible_sources_by_geometry(tmp_path):
    views = [camera(-0.2), camera(0.2), camera(0.0)]
    dims = dict(
        pair=1, frame=1, height=SIZE, width=SIZE, coefficients=5, target=1, target_width=SIZE, target_height=SIZE
    )
    path = tmp_path / "layers.h5"
    given: dict[str, Any] = {"stage_version": 1, "settings": {}, "inputs": {}}
    with store.create(path, store.RECTIFIED, dims, without=("joints",), **given) as writer:
        writer["targets/intrinsics", 0] = views[2].intrinsics.numpy()
        writer["targets/world_to_camera", 0] = views[2].world_to_camera.numpy()
        seen, far = layers(views[2])
        writer["targets/depth"] = seen.numpy()
        writer["targets/masks"] = 255 * (seen > 0).numpy()
        depths = torch.stack([layers(view)[0] for view in views[:2]])[None].float()
        intrinsics, poses = (
            torch.stack([getattr(v, n) for v in views[:2]])[None] for n in ("intrinsics", "world_to_camera")
        )
        pair = Camera(intrinsics, poses, SIZE, SIZE)
        writer["sources/disparity"] = depth_to_disparity(depths, pair)[0].numpy()
        for side in (0, 1):
            writer["sources/intrinsics", 0, side] = views[side].intrinsics.numpy()
            writer["sources/world_to_camera", 0, side] = views[side].world_to_camera.numpy()
    count = torch.zeros(SIZE, SIZE, dtype=torch.int8)
    for x in (-0.2, 0.2):  # the ray from the camera to the far layer pierces the near one at three quarters of the way
        pierced = torch.stack([x + 0.75 * (far[..., 0] - x), 0.75 * far[..., 1]], -1).abs()
        count += ((seen == 1.5) | ~(pierced < 0.1).all(-1)) & (seen > 0)
    count[seen == 0] = -1
    with store.open_checked(path, store.RECTIFIED) as file:
        found = error_regions.visible_sources(file, 0, 0)
        where = error_regions.error_regions(file, 0, 0)
    assert set(np.unique(count)) == {-1, 1, 2}
    assert (found == count.numpy()).mean() > 0.98  # but for pixels on the borders
    black = np.zeros((SIZE, SIZE, 3), np.uint8)
    wrong = black.copy()
    wrong[where["one"]] = 50
    shares = error_regions.error_shares(wrong, black, where)
    assert shares["one"][1] == pytest.approx(1)
    assert sum(pixels for pixels, _ in shares.values()) == pytest.approx(1)


def test_the_command_writes_the_page(tmp_path):
    made = [capture(tmp_path, name) for name in "ab"]
    tables = [table(tmp_path / "metrics", name, "mine", (28, 29)) for name in "ab"]
    (tmp_path / "depth.csv").write_text(CURVES)
    text = "{groups: {'all of them': [a, b]}, goals: [{what: good, group: all of them, metric: psnr, least: 40}]}"
    words = ["results", "mine", "-o", tmp_path / "page", "--metrics", *tables, "--settings", text]
    words += ["--renders", *(files.renders for files in made), "--rectified", *(files.rectified for files in made)]
    main([str(word) for word in [*words, "--curves", tmp_path / "depth.csv"]])
    page = (tmp_path / "page/results.md").read_text()
    assert "0 of 1 reached" in page
    assert "| good | ≥ 40 | 28.50 | **missed** |" in page
    assert "| all of them | mine | **28.50** | -1.50 ± 0.00 | 2.50 |" in page
    assert set(pd.read_csv(tmp_path / "page/means.csv")["method"]) == {"plane_warp", "mine", "gt_depth"}
    for name, rows in (("typical", 1), ("worst", 2)):
        assert f"({name}.jpg)" in page
        image, typical = (np.asarray(cv2.imread(str(tmp_path / f"page/{each}.jpg"))) for each in (name, "typical"))
        assert image.shape[0] == rows * typical.shape[0]
    assert cv2.imread(str(tmp_path / "page/curves.png")) is not None
    first = {path.name: path.read_bytes() for path in (tmp_path / "page").iterdir()}
    main([str(word) for word in [*words, "--curves", tmp_path / "depth.csv"]])
    assert {path.name: path.read_bytes() for path in (tmp_path / "page").iterdir()} == first
