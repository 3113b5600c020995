"""Every reader of files that users bring, with a small sample of what it reads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fuzzing import samples
from fuzzing.mutations import png_checksums

from posegaussian import config
from posegaussian.captures.masks import read_mask
from posegaussian.captures.pairing import neighbouring_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.data.captured import Captures
from posegaussian.data.rectified import read_target
from posegaussian.errors import CaptureError
from posegaussian.evaluation.table import read_rows
from posegaussian.export.cameras import read_cameras
from posegaussian.io import store
from posegaussian.io.images import AlphaMask, DepthFile, ImageFile, read_depth, read_image
from posegaussian.io.obj import read_textured_mesh
from posegaussian.io.ply import read_ply
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.pipeline.import_capture import import_capture
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pose.detector_noise import ASSETS, read_error_model
from posegaussian.report import tables
from posegaussian.training.checkpoint import load_state

ROOT = Path(__file__).parents[2]
_NO_MASK = ("not-a-mask", "several-labels")
"""Codes of the errors about a picture that is read as a mask: it was decoded."""


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Args:
        write: writes a sample into a folder; returns the files that are damaged, one at a time.
        read: reads the folder; what it writes goes into `out` beside the folder.
        text: whether the files are text.
        repair: see `mutations.damaged`.
    """

    write: Callable[[Path], Sequence[Path]]
    read: Callable[[Path], Any]
    text: bool = False
    repair: Callable[[bytes], bytes] | None = None


def _read_capture(folder: Path) -> None:
    """Everything that a capture gives at one frame, and an import of it."""
    capture = read_capture(folder)
    frame = capture.frames[0]
    for camera in capture.cameras:
        capture.image(camera, frame)
        capture.depth(camera, frame)
        capture.background(camera)
        if camera in capture.masks:
            capture.mask(camera, frame)
    capture.joints()
    import_capture(capture, folder.parent / "out")
    if len(capture.sources) > 1 and capture.masks:
        neighbouring_pairs(capture, frame)


def _rectify(folder: Path) -> None:
    rectify_capture(folder, folder.parent / "out" / "a.h5", config.RectifySettings(size=(64, 64)))


def _read_image(folder: Path) -> None:
    """As an image, and as a mask, of both kinds."""
    (path,) = folder.iterdir()
    read_image(ImageFile(path), "00", 0)
    try:
        read_mask(ImageFile(path), "00", 0)
    except CaptureError as error:
        if error.code not in _NO_MASK:
            raise


def _read_alpha(folder: Path) -> None:
    (path,) = folder.iterdir()
    read_mask(AlphaMask(path), "00", 0)
    read_image(ImageFile(path), "00", 0)


def _read_depth(folder: Path) -> None:
    (path,) = folder.iterdir()
    read_depth(DepthFile(path), "00", 0)
    read_depth(DepthFile(path, inverse=True), "00", 0)


def _read_video(folder: Path) -> None:
    capture = read_capture(folder)
    for camera in capture.cameras:
        for frame in capture.frames[:8]:
            capture.image(camera, frame)


def _read_stores(folder: Path) -> None:
    """What training and the report read."""
    rectified, heatmaps = folder / "rectified.h5", folder / "heatmaps.h5"
    captures = Captures([(rectified, heatmaps)], 2, 32)
    captures.require_truth()
    try:
        for clip in captures.clips[:2]:
            captures.read(clip, 0)
    finally:
        captures.close()
    with store.open_checked(rectified, store.RECTIFIED) as file:
        read_target(file, 0, 0)
        store.strings(file["targets/cameras"])
        store.settings_of(file)


def _read_store(folder: Path, schema: store.Schema) -> None:
    """All that is in a file."""
    with store.open_checked(folder / f"{schema.name}.h5", schema) as file:
        store.settings_of(file)
        for name, field in schema.fields.items():
            if field.dtype == "str":
                store.strings(file[name])
            elif not field.optional or name in file:
                file[name][()]


def _read_sheet(folder: Path) -> None:
    chosen = config.parse(config.Config, {"captures": str(folder / "sheet.tsv"), "report": []})
    config.Plan(chosen, config.read_captures(chosen, ROOT), ROOT).groups()


_SUMMARY = "method,scope,metric,mean,std,count,note\nrelease,bbox,psnr,30.5,1.0,4,\ngt_depth,bbox,psnr,,,0,none\n"
_CURVES = "step,split,loss,depth,epe_1024,psnr_bbox,lr\n5,train,1.5,0.2,,,0.0001\n5,val,1.25,0.1,3.5,28,\n"
_TIMES = "s\th:m:s\tmax_rss\n12.5\t0:00:12\t850.2\n"

READERS = {
    "EasyMocap .yml": Reader(partial(samples.easymocap, damage=("intri.yml", "extri.yml")), _read_capture, text=True),
    "rig.json": Reader(partial(samples.easymocap, damage=("rig.json",)), _read_capture, text=True),
    "joints.json": Reader(partial(samples.easymocap, damage=("joints.json",)), _read_capture, text=True),
    "calibration, rectified": Reader(
        partial(samples.easymocap, damage=("intri.yml", "extri.yml")), _rectify, text=True
    ),
    "transforms.json": Reader(
        partial(samples.layout, name="nerfstudio", damage=("transforms.json",)), _read_capture, text=True
    ),
    "COLMAP text": Reader(
        partial(samples.layout, name="colmap", damage=("sparse/0/cameras.txt", "sparse/0/images.txt")),
        _read_capture,
        text=True,
    ),
    "COLMAP binary": Reader(samples.binary_colmap, _read_capture),
    "Calib.toml": Reader(partial(samples.layout, name="toml", damage=("calibration/*",)), _read_capture, text=True),
    "QCA .txt": Reader(partial(samples.layout, name="qca", damage=("calibration/*",)), _read_capture, text=True),
    "GPS-Gaussian .npy": Reader(partial(samples.layout, name="gps", damage=("parm/*/*.npy",)), _read_capture),
    "annots.npy": Reader(partial(samples.layout, name="zju", damage=("annots.npy",)), _read_capture),
    ".jpg": Reader(partial(samples.image, name="a.jpg", quality=90), _read_image),
    ".jpg, progressive": Reader(partial(samples.image, name="a.jpeg", progressive=True), _read_image),
    ".jpg, CMYK": Reader(partial(samples.image, name="a.jpg", mode="CMYK"), _read_image),
    ".png": Reader(partial(samples.image, name="a.png"), _read_image, repair=png_checksums),
    ".png, palette": Reader(partial(samples.image, name="a.png", mode="P"), _read_image, repair=png_checksums),
    ".png, 16 bits": Reader(partial(samples.deep_image, name="a.png", channels=3), _read_image, repair=png_checksums),
    ".png, alpha": Reader(partial(samples.image, name="a.png", mode="RGBA"), _read_alpha, repair=png_checksums),
    ".png, depth": Reader(partial(samples.deep_image, name="a.png", channels=1), _read_depth, repair=png_checksums),
    ".tif": Reader(partial(samples.image, name="a.tif"), _read_image),
    ".tif, LZW": Reader(partial(samples.image, name="a.tiff", compression="tiff_lzw"), _read_image),
    ".tif, 16 bits": Reader(partial(samples.deep_image, name="a.tif", channels=3), _read_image),
    ".bmp": Reader(partial(samples.image, name="a.bmp"), _read_image),
    ".webp": Reader(partial(samples.image, name="a.webp", lossless=True), _read_image),
    **{
        f"{suffix}, vast": Reader(partial(samples.vast_image, name=f"a{suffix}"), _read_image)
        for suffix in (".png", ".jpg", ".bmp", ".tif")
    },
    ".mp4, H.264": Reader(partial(samples.video, suffix=".mp4", codec="libx264"), _read_video),
    ".mov, MPEG-4": Reader(partial(samples.video, suffix=".mov", codec="mpeg4"), _read_video),
    ".avi, MJPEG": Reader(partial(samples.video, suffix=".avi", codec="mjpeg"), _read_video),
    ".mkv, HEVC": Reader(partial(samples.video, suffix=".mkv", codec="libx265"), _read_video),
    ".webm, VP9": Reader(partial(samples.video, suffix=".webm", codec="libvpx-vp9"), _read_video),
    ".mts, H.264": Reader(partial(samples.video, suffix=".mts", codec="libx264"), _read_video),
    ".obj and .mtl": Reader(samples.mesh, read_textured_mesh, text=True),
    "captures sheet": Reader(samples.sheet, _read_sheet, text=True),
    "configuration": Reader(samples.configuration, lambda folder: config.load(folder / "config.yaml"), text=True),
    "stage settings": Reader(
        lambda folder: samples.written(folder, "a.yaml", "{frames: 3, size: [160, 160], rig: {baseline: [10, 60]}}"),
        lambda folder: config.load_settings(config.BuiltinSettings, (folder / "a.yaml").read_text(errors="replace")),
        text=True,
    ),
    "rectified .h5": Reader(partial(samples.stores, damage="rectified"), _read_stores),
    "heatmaps .h5": Reader(partial(samples.stores, damage="heatmaps"), _read_stores),
    "renders .h5": Reader(partial(samples.stores, damage="renders"), partial(_read_store, schema=store.RENDERS)),
    ".ply": Reader(samples.splats, lambda folder: read_ply(folder / "a.ply")),
    "weights": Reader(partial(samples.copied, source=RELEASE), lambda folder: load_network(folder / RELEASE.name)),
    "checkpoint state": Reader(samples.state, lambda folder: load_state(folder / "full.state", "key")),
    "error model": Reader(
        partial(samples.copied, source=ASSETS / "errors.json"),
        lambda folder: read_error_model(str(folder / "errors.json")),
        text=True,
    ),
    "metrics .csv": Reader(samples.metrics, lambda folder: read_rows(folder / "a.csv"), text=True),
    "summary .csv": Reader(
        lambda folder: samples.written(folder, "a.csv", _SUMMARY),
        lambda folder: tables.read_summary(folder / "a.csv"),
        text=True,
    ),
    "curves .csv": Reader(
        lambda folder: samples.written(folder, "a.csv", _CURVES),
        lambda folder: tables.read_curves(folder / "a.csv"),
        text=True,
    ),
    "benchmark .tsv": Reader(
        lambda folder: samples.written(folder, "benchmarks/rectify/a.tsv", _TIMES),
        lambda folder: tables.read_times([folder / "benchmarks/rectify/a.tsv"], "a", "small"),
        text=True,
    ),
    "camera path .json": Reader(samples.cameras, lambda folder: read_cameras(folder / "path.json"), text=True),
}
"""By what is read."""
