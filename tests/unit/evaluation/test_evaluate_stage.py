"""From files to tables."""

import math
from typing import Any

import h5py
import helpers
import numpy as np
import pandas as pd
import pytest

from posegaussian.config import EvaluateSettings
from posegaussian.errors import StoreError
from posegaussian.evaluation.rows import COLUMNS
from posegaussian.io import store
from posegaussian.pipeline.evaluate import evaluate_capture
from posegaussian.pipeline.summarize import summarize


@pytest.fixture
def table(renders, rectified, tmp_path):
    evaluate_capture(renders, rectified, tmp_path / "metrics" / "disc.csv", EvaluateSettings())
    return pd.read_csv(tmp_path / "metrics" / "disc.csv", keep_default_na=False, dtype=str)


def edited(path) -> Any:
    """A store, opened to change it."""
    return h5py.File(path, "r+")


def select(table: Any, **wanted) -> Any:
    for column, value in wanted.items():
        table = table[table[column] == value]
    return table


def test_one_row_per_view_frame_method_scope_and_metric(table):
    assert tuple(table.columns) == COLUMNS
    assert set(table["capture"]) == {"disc"}
    assert set(table["pair"]) == {"00-01"}
    assert set(table["frame"]) == {"4", "5"}
    assert not table.duplicated([c for c in COLUMNS if c not in ("value", "note")]).any()
    temporal = select(table, scope="frames")
    assert len(temporal) == 3 * 4
    assert set(temporal["frame"]) == {"4"}
    views = table[~table["scope"].isin(["disparity", "frames"])]
    assert len(select(views, metric="lpips")) == 2 * 3, "on a CPU in the whole image alone"
    assert len(views) == 2 * 3 * (3 * 5 + 1)
    assert set(views["method"]) == {"plane_warp", "gt_depth", "some_model"}
    assert set(views["camera"]) == {"t00"}
    assert set(views["metric"]) == {"psnr", "ssim", "flip", "lpips", "cc_psnr", "cc_ssim"}


def test_known_errors_are_found(table):
    psnr = select(table, method="some_model", metric="psnr", scope="full")["value"].astype(float)
    np.testing.assert_allclose(psnr, 20 * math.log10(255 / 2), atol=1e-4)
    epe = select(table, scope="disparity", metric="epe_1024")
    np.testing.assert_allclose(epe["value"].astype(float), 0.05 * 1024 / 96, atol=1e-4)
    assert set(epe["method"]) == {"some_model"}
    assert set(epe["camera"]) == {""}
    assert set(select(table, metric="rate_1px")["value"]) == {"1.000000"}


def test_flickering_frames_of_a_still_person(renders, rectified, tmp_path):
    with edited(renders) as file:
        file["targets/images"][0, 1] += 4
    evaluate_capture(renders, rectified, tmp_path / "flicker.csv", EvaluateSettings(crops=("bbox",)))
    temporal = select(pd.read_csv(tmp_path / "flicker.csv"), scope="frames")
    found = {(row["method"], row["metric"]): row["value"] for row in temporal.to_dict("records")}
    assert found["some_model", "jitter"] == pytest.approx(2, abs=1e-6)
    assert found["some_model", "warping"] == pytest.approx(4, abs=1e-6)
    assert found["some_model", "tof"] < 0.05
    assert {found[method, metric] for method in ("plane_warp", "gt_depth") for metric in ("jitter", "warping")} == {0.0}


def test_jitter_is_measured_of_what_stands_still(renders, rectified, tmp_path):
    with edited(rectified) as file:
        file["targets/images"][0, 1] = np.roll(file["targets/images"][0, 1], 2, axis=1)
    evaluate_capture(renders, rectified, tmp_path / "moved.csv", EvaluateSettings(crops=("bbox",)))
    table = pd.read_csv(tmp_path / "moved.csv", keep_default_na=False, dtype=str)
    jitter = select(table, scope="frames", metric="jitter")
    assert set(jitter["value"]) == {""}
    assert set(jitter["note"]) == {"the person moves"}
    assert set(select(table, metric="settled")["note"]) == {"the person moves"}
    # What does not follow the true motion of two pixels in a third of the image.
    assert 0.2 < float(select(table, method="some_model", metric="tof")["value"].iloc[0]) < 2


def test_missing_lpips_says_why(table):
    lpips = select(table, metric="lpips")
    assert set(lpips["value"]) == {""}
    assert all(note.startswith("LPIPS weights not available: ") for note in lpips["note"])
    assert set(table[~table["metric"].isin(["lpips", "settled"])]["note"]) == {""}
    assert set(select(table, metric="settled")["note"]) == {"too few frames"}


def test_without_true_depth_the_plane_stands_where_the_silhouettes_meet(without_truth, tmp_path):
    renders, rectified = without_truth
    settings = EvaluateSettings(crops=("full", "bbox"), lpips=("vgg",), lpips_weights=str(tmp_path))
    evaluate_capture(renders, rectified, tmp_path / "real.csv", settings)
    table = pd.read_csv(tmp_path / "real.csv", keep_default_na=False, dtype=str)
    assert set(table["method"]) == {"plane_warp", "some_model"}, "Gaussians need a true depth"
    assert "" not in set(select(table, metric="psnr")["value"])
    disparity = select(table, scope="disparity")
    assert set(disparity["value"]) == {""} and set(disparity["note"]) == {"no true depth"}
    lpips = select(table, metric="lpips_vgg")
    assert set(lpips["scope"]) == {"full", "bbox"}, "where it is asked for, in all crops"
    assert f"in {tmp_path}" in lpips["note"].iloc[0] and not len(select(table, metric="lpips"))


def test_a_fit_of_the_colours_is_beside_the_metrics(renders, rectified, tmp_path):
    """A darker and warmer exposure costs PSNR, and nothing after the fit."""
    with edited(renders) as file, edited(rectified) as truth:
        file["targets/images"][...] = np.rint(truth["targets/images"][()] * [0.8, 0.7, 0.6])
    evaluate_capture(renders, rectified, tmp_path / "dark.csv", EvaluateSettings(crops=("bbox",)))
    rows = select(pd.read_csv(tmp_path / "dark.csv"), method="some_model", scope="bbox")
    found = rows.groupby("metric")["value"].min()
    assert found["psnr"] < 25 and found["cc_psnr"] > 45
    assert found["ssim"] < found["cc_ssim"] and found["cc_ssim"] > 0.99


def test_same_input_same_bytes_for_any_number_of_threads(renders, rectified, tmp_path, monkeypatch):
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        evaluate_capture(renders, rectified, tmp_path / f"{threads}.csv", EvaluateSettings(crops=("bbox",)))
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "3.csv").read_bytes()


def test_reference_rows_that_are_known_give_the_same_table(renders, rectified, tmp_path):
    settings, known = EvaluateSettings(crops=("full", "bbox")), tmp_path / "references.csv"
    evaluate_capture(renders, rectified, tmp_path / "all.csv", settings)
    evaluate_capture(None, rectified, known, settings)
    assert set(pd.read_csv(known)["method"]) == {"plane_warp", "gt_depth"}
    evaluate_capture(renders, rectified, tmp_path / "rest.csv", settings, known)
    assert (tmp_path / "rest.csv").read_bytes() == (tmp_path / "all.csv").read_bytes()


def test_other_reference_rows_are_refused(renders, rectified, tmp_path):
    known = tmp_path / "references.csv"
    evaluate_capture(None, rectified, known, EvaluateSettings(crops=("bbox",)))
    other = tmp_path / "other.csv"
    other.write_text(known.read_text().replace(f"\n{rectified.stem},", "\nsomebody,"))
    (tmp_path / "broken.csv").write_text("a,b\n1,2\n")
    for path, code, crops in (
        (known, "mismatched-references", ("full", "bbox")),
        (other, "mismatched-references", ("bbox",)),
        (tmp_path / "broken.csv", "mismatched-references", ("bbox",)),
        (tmp_path / "absent.csv", "missing-store", ("bbox",)),
    ):
        with helpers.refuses(StoreError, code, file=path):
            evaluate_capture(renders, rectified, tmp_path / "no.csv", EvaluateSettings(crops=crops), path)
    assert not (tmp_path / "no.csv").exists()


def test_files_that_do_not_belong_together_are_refused(renders, rectified, tmp_path):
    for name, change in (("frames", [4, 6]), ("targets/cameras", ["t01"])):
        with edited(renders) as file:
            kept = file[name][()]
            file[name][...] = change
        with helpers.refuses(StoreError, "mismatched-stores", file=renders) as error:
            evaluate_capture(renders, rectified, tmp_path / "no.csv", EvaluateSettings())
        assert name in error.value.what
        with edited(renders) as file:
            file[name][...] = kept
    with edited(renders) as file:
        for name in ("images", "alphas", "depth"):
            cut = file[f"targets/{name}"][:, :, :8, :8]
            del file[f"targets/{name}"]
            file[f"targets/{name}"] = cut
    with helpers.refuses(StoreError, "mismatched-stores", file=renders):
        evaluate_capture(renders, rectified, tmp_path / "no.csv", EvaluateSettings())
    assert list(tmp_path.glob("*.csv")) == []


def test_incomplete_renders_are_refused(renders, rectified, tmp_path):
    with edited(renders) as file:
        del file.attrs["complete"]
    with helpers.refuses(StoreError, "incomplete-store", file=renders):
        evaluate_capture(renders, rectified, tmp_path / "no.csv", EvaluateSettings())
    assert not (tmp_path / "no.csv").exists()
    assert store.RENDERS.name == "renders"


def write_table(path, values, metric="psnr", note="why"):
    lines = [",".join(COLUMNS)]
    for frame, value in enumerate(values):
        text = "" if value is None else f"{value}"
        lines.append(f"c,00-01,t00,{frame},m,full,{metric},{text},{'' if text else note}")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_summary_over_captures(tmp_path):
    paths = [write_table(tmp_path / "a.csv", [20, 22, None]), write_table(tmp_path / "b.csv", [30])]
    paths.append(write_table(tmp_path / "c.csv", [None, None], metric="lpips", note="no weights"))
    summarize(paths, tmp_path / "summary.csv")
    table = pd.read_csv(tmp_path / "summary.csv", keep_default_na=False, dtype=str)
    assert list(table.columns) == ["method", "scope", "metric", "mean", "median", "std", "count", "note"]
    first, second = table.to_dict("records")
    assert (first["metric"], first["mean"], first["median"], first["count"]) == ("psnr", "24.000000", "22.000000", "3")
    assert float(first["std"]) == pytest.approx(np.std([20, 22, 30], ddof=1), abs=1e-5)
    assert first["note"] == "1 of 4 without a value: why"
    assert (second["metric"], second["mean"], second["count"], second["note"]) == ("lpips", "", "0", "no weights")


def test_summary_refuses_what_is_no_table(tmp_path):
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with helpers.refuses(StoreError, "invalid-table", file="other.csv"):
        summarize([tmp_path / "other.csv"], tmp_path / "summary.csv")
    with helpers.refuses(StoreError, "missing-table", file="absent.csv"):
        summarize([tmp_path / "absent.csv"], tmp_path / "summary.csv")
    assert not (tmp_path / "summary.csv").exists()
