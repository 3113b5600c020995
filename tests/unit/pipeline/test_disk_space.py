import helpers
import pytest

from posegaussian import config
from posegaussian.config import BuiltinSettings, CaptureRow, Config, Plan, RectifySettings, RenderSettings
from posegaussian.errors import StoreError
from posegaussian.io import space, store
from posegaussian.model.weights import RELEASE
from posegaussian.pipeline import disk_space
from posegaussian.pipeline.captures import write_capture
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pipeline.render import render_capture

BUILTIN = BuiltinSettings(frames=2, size=(256, 256), sources=2)
RECTIFY = RectifySettings(size=(256, 256))
RENDER = RenderSettings(path_steps=6, path_size=(128, 128))


def size_of(*paths):
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return sum(file.stat().st_size for file in files if file.is_file())


@pytest.mark.slow
def test_estimates_are_right_within_a_factor_of_two(tmp_path):
    write_capture(5, tmp_path / "a", BUILTIN)
    rectify_capture(tmp_path / "a", tmp_path / "a.h5", RECTIFY)
    made = {
        "output": tmp_path / "r.h5",
        "video": tmp_path / "v.mp4",
        "frames": tmp_path / "f",
        "splats": tmp_path / "s",
    }
    render_capture(tmp_path / "a.h5", heatmaps=None, weights=RELEASE, settings=RENDER, device="cpu", **made)
    size = disk_space.builtin_size(BUILTIN)
    estimates = {
        "capture": (disk_space.capture_bytes(BUILTIN), size_of(tmp_path / "a")),
        "rectified": (disk_space.rectified_bytes(size, RECTIFY), size_of(tmp_path / "a.h5")),
        "renders": (disk_space.render_bytes(size, RECTIFY, RENDER, splats=True), size_of(*made.values())),
    }
    assert {name: ratio for name, (a, b) in estimates.items() if not 0.5 < (ratio := a / b) < 2} == {}


def plan(tmp_path):
    helpers.write_sphere_capture(tmp_path / "mine", 3, size=(64, 48), samples=1, depths=False)
    rows = {
        "made": CaptureRow("made", "test", "builtin:5"),
        "mine": CaptureRow("mine", "test", str(tmp_path / "mine")),
        "later": CaptureRow("later", "test", "fetch:pose2sim"),
        "gone": CaptureRow("gone", "test", str(tmp_path / "gone")),
    }
    return Plan(config.parse(Config, {"report": []}), rows, tmp_path)


def test_the_jobs_of_a_run_are_added_up(tmp_path):
    chosen = plan(tmp_path)
    small, large = (
        disk_space.rectified_bytes(disk_space.CaptureSize(2, 1, 1, frames, (64, 48), False), chosen.config.rectify)
        for frames in (3, 300)
    )
    assert 0.9 < (large - small) / (small - 40_000) / 99 < 1.1  # grows with the frames
    line = disk_space.check_disk_space(chosen, [("rectify", {"capture": "mine"})], tmp_path)
    assert f"about {space.readable(small)} will be written (rectify {space.readable(small)})" in line
    jobs = [(rule, {"capture": "made"}) for rule in ("captures", "rectify", "heatmaps", "render", "evaluate")]
    line = disk_space.check_disk_space(chosen, [*jobs, ("train_full", {"model": "demo"})], tmp_path)
    assert all(f"{rule} " in line for rule in ("captures", "rectify", "heatmaps", "render", "train_full"))
    assert "evaluate" not in line


@pytest.mark.parametrize("capture", ["later", "gone"])
def test_captures_that_cannot_be_read_yet_count_as_nothing(tmp_path, capture):
    line = disk_space.check_disk_space(plan(tmp_path), [("rectify", {"capture": capture})], tmp_path)
    assert "about 0 bytes" in line


def test_a_run_that_cannot_fit_is_refused_and_one_that_may_not_fit_is_warned_about(tmp_path, monkeypatch):
    jobs = [("rectify", {"capture": "made"})]
    needed = disk_space.rectified_bytes(disk_space.builtin_size(BuiltinSettings()), RectifySettings())
    monkeypatch.setattr(space, "free_bytes", lambda path: 0.4 * needed)
    with helpers.refuses(StoreError, "no-room", file=tmp_path):
        disk_space.check_disk_space(plan(tmp_path), jobs, tmp_path)
    monkeypatch.setattr(space, "free_bytes", lambda path: 0.8 * needed)
    with helpers.warns("little-room", file=tmp_path):
        disk_space.check_disk_space(plan(tmp_path), jobs, tmp_path)


def test_a_store_that_cannot_fit_is_refused_before_it_is_begun(tmp_path, monkeypatch):
    monkeypatch.setattr(space, "free_bytes", lambda path: 1e6)
    dims = {"pair": 1, "frame": 1000, "width": 128, "height": 128}
    create = store.create(tmp_path / "new/x.h5", store.HEATMAPS, dims, stage_version=1, settings={}, inputs={})
    with helpers.refuses(StoreError, "no-room", file=tmp_path / "new/x.h5"), create:
        pass
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (23.4e6, "23 MB"), (5.25e15, "5250 TB")]
)
def test_sizes_are_written_for_people(size, text):
    assert space.readable(size) == text


def test_the_free_room_of_a_folder_that_does_not_exist_is_that_of_its_parent(tmp_path):
    assert abs(space.free_bytes(tmp_path / "a/b/c") - space.free_bytes(tmp_path)) < 1e9
