"""A new metric, loss, capture format, detector, export format, rasteriser or footage is one file and one entry."""

import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import write_sphere_capture
from report_files import CURVES, capture, report, write_splats

from posegaussian import config, registry
from posegaussian.captures.reading import Format, load_format, read_capture
from posegaussian.cli import main
from posegaussian.config import CaptureRow, DetectorSettings, EvaluateSettings, ExportSettings, TrainSettings, parse
from posegaussian.data.batch import Batch
from posegaussian.errors import BackendError, ConfigError
from posegaussian.evaluation.comparison import Comparison, load_image_metrics
from posegaussian.io import store
from posegaussian.model.network import Reconstruction
from posegaussian.pipeline import heatmaps
from posegaussian.pipeline.evaluate import evaluate_capture
from posegaussian.pipeline.export import export
from posegaussian.registry import Detector, Entry, ExportFormat, Loss, Metric, Rasterizer
from posegaussian.splatting import rasterize
from posegaussian.training.logging import columns
from posegaussian.training.losses.combine import combine
from posegaussian.types import Camera, Gaussians, Rendering, StereoPair

TABLES = {name: table for name, table in vars(registry).items() if name.isupper() and isinstance(table, dict)}
ENTRIES = {f"{table}-{name}": entry for table, entries in TABLES.items() for name, entry in entries.items()}


@pytest.fixture
def dummy(tmp_path, monkeypatch):
    """Write a module beside the package; returns its name."""

    def write(name: str, source: str) -> str:
        (tmp_path / f"{name}.py").write_text(dedent(source))
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    return write


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
def test_every_path_leads_somewhere(entry):
    package = getattr(entry, "package", "torch")
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    assert registry.resolve(entry.path) is not None
    assert entry.about and "\n" not in entry.about


def test_the_registry_imports_nothing():
    code = "import sys, posegaussian.registry; print(*(m for m in sys.modules if m.startswith('posegaussian')))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(run.stdout.split()) == {"posegaussian", "posegaussian.registry", "posegaussian.registry.entries"}


def test_entries_that_name_others_fit_together():
    for entry in registry.LOSSES.values():
        host = registry.LOSSES[entry.within] if entry.within else entry
        assert set(entry.fixed) <= set(entry.phases) <= set(host.phases) <= {"depth", "full"}
    assert all(hasattr(EvaluateSettings(), entry.weights) for entry in registry.METRICS.values() if entry.weights)
    assert all(isinstance(load_format(entry), Format) for entry in registry.CAPTURE_FORMATS.values())


def test_footage_is_fetched(dummy, tmp_path, monkeypatch, capsys):
    module = dummy("dummy_footage", "def fetch(output, wheel):\n    output.write_text(str(wheel))\n")
    monkeypatch.setitem(registry.FOOTAGE, "dummy", Entry(f"{module}:fetch", "a dummy"))
    main(["fetch", "dummy", "-o", str(tmp_path / "walk"), "--wheel", "a.whl"])
    assert (tmp_path / "walk").read_text() == "a.whl"
    assert capsys.readouterr().out == f"{tmp_path / 'walk'}: 1 file, 0.0 MB\n"
    assert parse(CaptureRow, {"capture": "walk", "split": "test", "path": "fetch:dummy"}).path == "fetch:dummy"


def test_the_metric_of_the_guide_works(monkeypatch):
    guide = (Path(__file__).parents[2] / "docs/howto/extend.md").read_text()
    source, line = re.findall(r"```python\n(.*?)```", guide, re.S)
    module = ModuleType("posegaussian.evaluation.worst")
    exec(source, vars(module))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    ((name, metric),) = eval(f"{{{line}}}", {"Metric": Metric}).items()
    monkeypatch.setitem(registry.METRICS, name, metric)
    image, truth = torch.rand(3, 20, 20), torch.rand(3, 20, 20)
    loaded = load_image_metrics({"lpips_weights": None})[name]
    found = Comparison(image, truth).value(loaded, (slice(0, 20), slice(0, 20)))
    assert found == pytest.approx(float(255 * (image - truth).abs().max()))


def test_a_metric_arrives_in_all_tables(dummy, tmp_path, monkeypatch):
    module = dummy(
        "dummy_metrics",
        """
        class Frames:
            def __init__(self):
                self.count = 0
            def add(self, levels, motion):
                self.count += 1
            def value(self, mask):
                return float(self.count)

        def error(image, truth):
            return float(255 * (image - truth).abs().mean())

        def bias(disparity, truth, width):
            return float((disparity - truth).mean())
        """,
    )
    error = Metric(f"{module}:error", "mean error", "Error", "image", decimals=3, unit="levels", how="L1")
    bias = Metric(f"{module}:bias", "mean signed error", "Bias", "disparity", decimals=1, unit="px")
    frames = Metric(f"{module}:Frames", "how many frames", "frames", "frames", decimals=0, higher_is_better=True)
    for name, metric in (("error", error), ("bias", bias), ("frames", frames)):
        monkeypatch.setitem(registry.METRICS, name, metric)
    paths = capture(tmp_path, "person6")
    table = tmp_path / "person6.csv"
    evaluate_capture(paths.renders, paths.rectified, table, EvaluateSettings(crops=("bbox",)))
    rows = pd.read_csv(table, keep_default_na=False)
    assert {"error", "bias", "frames"} < set(rows["metric"])
    values = rows[rows["method"] == "mine"].set_index("metric")["value"].astype(str)
    assert float(str(values["frames"])) == 4 and all(float(value) < 0 for value in values["bias"])
    shown = f"{np.mean([float(value) for value in values['error']]):.3f}"

    main(["summarize", str(table), "-o", str(tmp_path / "summary.csv")])
    (tmp_path / "depth.csv").write_text(CURVES)
    page = report(tmp_path, [paths])
    assert '<th scope="col">Error (levels) <span aria-label="lower is better">↓</span></th>' in page
    assert f"<td>{shown}</td>" in page and "Error: L1." in page
    assert '<th scope="col">Bias (px) ↓</th>' in page
    main(["results", "mine", "-o", str(tmp_path / "results"), "--metrics", str(table)])
    results = (tmp_path / "results/results.md").read_text()
    assert f"| **{shown}** |" in results
    for heading in ("Error `bbox`", "Bias, px", "frames"):
        assert f"| {heading} |" in results


def test_a_metric_may_make_a_map(dummy, monkeypatch):
    module = dummy("dummy_map", "def squares(image, truth):\n    return (image - truth).double().square().mean(0)\n")
    monkeypatch.setitem(registry.METRICS, "mse", Metric(f"{module}:squares", "", "MSE", "image", 4, black=0.0))
    image, truth = torch.zeros(3, 90, 80), torch.zeros(3, 90, 80)
    image[:, 30:60, 20:50], truth[:, 32:62, 20:50] = torch.rand(3, 30, 30), torch.rand(3, 30, 30)
    crop = (slice(10, 45), slice(0, 80))
    metric = load_image_metrics({"lpips_weights": None})["mse"]
    expected = (image - truth).double()[:, *crop].square().mean()
    assert Comparison(image, truth).value(metric, crop) == pytest.approx(float(expected))


def compared(size=16):
    """A reconstruction, a view and their batch of one clip of two frames."""
    camera = Camera(torch.eye(3).expand(2, 2, 3, 3), torch.eye(4).expand(2, 2, 4, 4), size, size)
    pair = StereoPair(torch.rand(2, 2, 3, size, size), torch.ones(2, 2, 1, size, size), camera)
    truth, target, mask = torch.rand(2, 2, size, size), torch.rand(2, 3, size, size), torch.ones(2, 1, size, size)
    batch = Batch(pair, truth, torch.ones_like(truth), target, mask, camera[:, 0], width=size, frames=2)
    found = torch.rand_like(truth)
    result = Reconstruction(None, found, (found,), None, None)
    return result, Rendering(torch.rand_like(target), mask, mask), batch


def test_a_loss_arrives_in_the_total_and_the_curves(dummy, monkeypatch):
    module = dummy("dummy_loss", "def brightness(compared):\n    return compared.view.colors.mean()\n")
    result, view, batch = compared()
    before, depth = combine(result, view, batch, TrainSettings()), combine(result, None, batch, TrainSettings())
    loss = Loss(f"{module}:brightness", "how bright the view is", 0.25, phases=("full",), chart="brightness")
    monkeypatch.setitem(registry.LOSSES, "brightness", loss)
    assert parse(config.ModelSettings, {}).train.losses["brightness"] == TrainSettings().losses["brightness"] == 0.25
    settings = parse(TrainSettings, {"losses": {"brightness": 0.5}})
    after = combine(result, view, batch, settings)
    assert after.parts["brightness"] == view.colors.mean()
    torch.testing.assert_close(after.total, before.total + 0.5 * view.colors.mean())
    assert combine(result, None, batch, settings).total == depth.total
    assert " ".join(columns()[3:]) == "depth image temporal pose coverage brightness epe_1024 psnr_bbox lr"

    monkeypatch.setitem(registry.LOSSES, "brightness", replace(loss, within="image"))
    within = combine(result, view, batch, settings)
    assert "brightness" not in within.parts and "brightness" not in columns()
    torch.testing.assert_close(within.parts["image"], before.parts["image"] + 0.5 * view.colors.mean())


def test_a_capture_format_is_recognised_and_listed(dummy, tmp_path, monkeypatch):
    module = dummy(
        "dummy_format",
        """
        from posegaussian.captures.formats import easymocap

        def recognizes(root):
            return (root / "dummy.txt").is_file()

        def read(root, frames=None, asked=()):
            return easymocap.read(root / "inside", frames, asked)
        """,
    )
    write_sphere_capture(tmp_path / "walk/inside", frames=1, size=(40, 32), samples=1)
    (tmp_path / "walk/dummy.txt").touch()
    monkeypatch.setitem(registry.CAPTURE_FORMATS, "dummy", Entry(module, "a dummy"))
    for format in (None, "dummy"):
        assert read_capture(tmp_path / "walk", format).sources == ("00", "01")
    with pytest.raises(ConfigError, match=r"format 'avi' is not one of easymocap, .*, pose2sim, dummy"):
        read_capture(tmp_path / "walk", "avi")


def test_a_detector_fills_the_heatmaps(dummy, tmp_path, monkeypatch):
    module = dummy(
        "dummy_detector",
        """
        from pathlib import Path
        import numpy as np
        from posegaussian.pose.detectors.base import Detection, LoadedDetector

        def load(settings, device):
            def detect(image, box):
                pitch = (box[2:] - box[:2]) / 4
                return Detection(np.ones((17, 4, 4)), box[:2] + pitch / 2, pitch, np.full((17, 2), 5), np.full(17, 0.5))

            return LoadedDetector(detect, {"weights": Path(settings.weights)})
        """,
    )
    monkeypatch.setitem(registry.DETECTORS, "dummy", Detector(f"{module}:load", "a dummy"))
    paths = capture(tmp_path, "person6")
    settings = DetectorSettings(kind="dummy", config="none", weights=str(paths.renders))
    heatmaps.extract_heatmaps(paths.rectified, tmp_path / "out.h5", settings)
    with store.open_checked(tmp_path / "out.h5", store.HEATMAPS) as file:
        assert (file["scores"][()] == 0.5).all() and (file["keypoints"][()] == 5).all()
        assert file["heatmaps"][()].max() == 1 and '"weights"' in str(file.attrs["inputs"])
    with pytest.raises(ConfigError, match="kind: input should be 'mmpose', 'blazepose' or 'dummy', not 'other'"):
        parse(DetectorSettings, {"kind": "other", "config": "none", "weights": "none"})


def test_an_export_format_is_written(dummy, tmp_path, monkeypatch):
    module = dummy(
        "dummy_export",
        """
        def count(path, gaussians):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(len(gaussians.means)))

        def size(path, rendering):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(str(tuple(rendering.colors.shape)))

        def rate(path, images, fps):
            path.write_text(f"{len(list(images))} at {fps}")
        """,
    )
    formats: dict[str, tuple[str, Literal["splats", "view", "video"]]] = {
        "counts": ("count", "splats"),
        "sizes": ("size", "view"),
        "film": ("rate", "video"),
    }
    for name, (function, of) in formats.items():
        entry = ExportFormat(f"{module}:{function}", "a dummy", of=of, suffix=".txt")
        monkeypatch.setitem(registry.EXPORT_FORMATS, name, entry)
    splats, rectified = write_splats(tmp_path / "splats", count=50), capture(tmp_path, "person6").rectified
    (splats / "01-02_000000.ply").unlink()

    def write(kinds: list[str]) -> None:
        settings = ExportSettings(steps=2, size=(24, 16), fps=5)
        export(splats, tmp_path / "out", kinds=kinds, path="between", rectified=rectified, settings=settings)

    write(list(formats))
    assert (tmp_path / "out/counts/00-01_000003.txt").read_text() == "50"
    assert (tmp_path / "out/sizes/000001.txt").read_text() == "(3, 16, 24)"
    assert (tmp_path / "out/film.txt").read_text() == "2 at 5"
    with pytest.raises(ConfigError, match=r"format 'gif' is not one of spz, .*, images, .*, film"):
        write(["gif"])


def test_a_rasteriser_renders(dummy, monkeypatch):
    module = dummy(
        "dummy_rasterizer",
        """
        import torch
        from posegaussian.types import Rendering

        def refusal(gaussians, cameras, semantics):
            return "renders squares alone" if cameras.width != cameras.height else None

        def render(gaussians, cameras, background, semantics):
            shape = (len(gaussians.means), 1, cameras.height, cameras.width)
            return Rendering(torch.full(shape, 0.25).expand(-1, 3, -1, -1), torch.ones(shape), torch.ones(shape))
        """,
    )
    monkeypatch.setitem(registry.RASTERIZERS, "dummy", Rasterizer(module, "a dummy"))
    gaussians = Gaussians(torch.rand(4, 3), torch.rand(4, 4), torch.rand(4, 3), torch.rand(4), torch.rand(4, 3))
    camera = Camera(torch.eye(3), torch.eye(4), 8, 8)
    assert (rasterize(gaussians, camera, backend="dummy").colors == 0.25).all()
    with pytest.raises(BackendError, match="rasteriser dummy renders squares alone"):
        rasterize(gaussians, replace(camera, width=9), backend="dummy")
    with pytest.raises(ValueError, match=r"backend must be one of .*'dummy'"):
        rasterize(gaussians, camera, backend="other")
