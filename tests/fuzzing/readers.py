"""Every reader of files that users bring, with a small sample of what it reads."""

import json
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import av
import helpers
import layouts
import numpy as np
import pycolmap
import torch
from fuzzing.mutations import png_checksums
from PIL import Image

from posegaussian import config
from posegaussian.captures.masks import read_mask
from posegaussian.captures.pairing import neighbouring_pairs
from posegaussian.captures.reading import read_capture
from posegaussian.data.captured import Captures
from posegaussian.data.rectified import read_target
from posegaussian.evaluation.rows import Row, write_rows
from posegaussian.evaluation.table import read_rows
from posegaussian.export.cameras import read_cameras
from posegaussian.io import store
from posegaussian.io.images import AlphaMask, DepthFile, ImageFile, read_depth, read_image
from posegaussian.io.obj import read_textured_mesh
from posegaussian.io.ply import read_ply, write_ply
from posegaussian.model.weights import RELEASE, load_network
from posegaussian.pipeline.import_capture import import_capture
from posegaussian.pipeline.rectify import rectify_capture
from posegaussian.pose.detector_noise import ASSETS, read_error_model
from posegaussian.report import tables
from posegaussian.training.checkpoint import load_state, save_state
from posegaussian.types import Gaussians

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
"""Of the images: small, so that reading is fast."""
_VAST = (12_000, 12_000)


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


def _easymocap(folder: Path, damage: Sequence[str]) -> list[Path]:
    helpers.write_sphere_capture(folder, 1, SIZE, samples=1)
    return [folder / name for name in damage]


def _layout(folder: Path, name: str, damage: Sequence[str]) -> list[Path]:
    layouts.WRITERS[name][0](folder)
    return sorted(path for pattern in damage for path in folder.glob(pattern))


def _binary_colmap(folder: Path) -> list[Path]:
    model = layouts.write_colmap(folder) / "sparse/0"
    reconstruction = pycolmap.Reconstruction(model)
    for path in model.glob("*.txt"):
        path.unlink()
    reconstruction.write_binary(model)
    return sorted(path for path in model.glob("*.bin") if "points" not in path.name)


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


def _picture() -> np.ndarray:
    return helpers.render(helpers.lens(0, size=SIZE), 0, 1)[0]


def _image(folder: Path, name: str, mode: str = "RGB", **options: Any) -> list[Path]:
    """A picture as Pillow writes it."""
    image = Image.fromarray(_picture()).convert(mode)
    image.save(folder / name, **options)
    return [folder / name]


def _vast_image(folder: Path, name: str) -> list[Path]:
    """A small picture whose header promises 12,000 x 12,000 pixels: less than Pillow refuses by itself."""
    (path,) = _image(folder, name)
    data = bytearray(path.read_bytes())
    if path.suffix == ".png":
        struct.pack_into(">II", data, 16, *_VAST)
        data = bytearray(png_checksums(bytes(data)))
    elif path.suffix == ".jpg":
        struct.pack_into(">HH", data, data.index(b"\xff\xc0") + 5, *_VAST)
    elif path.suffix == ".bmp":
        struct.pack_into("<II", data, 18, *_VAST)
    else:
        (directory,) = struct.unpack_from("<I", data, 4)
        for entry in range(directory + 2, directory + 2 + 12 * data[directory], 12):
            if struct.unpack_from("<H", data, entry)[0] in (256, 257, 278):  # width, height, rows in a strip
                struct.pack_into("<HII", data, entry + 2, 4, 1, _VAST[0])
    path.write_bytes(data)
    return [path]


def _deep_image(folder: Path, name: str, channels: int) -> list[Path]:
    """A picture of 16 bits as OpenCV writes it."""
    pixels = _picture().astype(np.uint16) * 257
    layouts.save(folder / name, pixels if channels == 3 else pixels[..., 0])
    return [folder / name]


def _read_image(folder: Path) -> None:
    """As an image, and as a mask, of both kinds."""
    (path,) = folder.iterdir()
    read_image(ImageFile(path), "00", 0)
    read_mask(ImageFile(path), "00", 0)


def _read_alpha(folder: Path) -> None:
    (path,) = folder.iterdir()
    read_mask(AlphaMask(path), "00", 0)
    read_image(ImageFile(path), "00", 0)


def _read_depth(folder: Path) -> None:
    (path,) = folder.iterdir()
    read_depth(DepthFile(path), "00", 0)
    read_depth(DepthFile(path, inverse=True), "00", 0)


def _video(folder: Path, suffix: str, codec: str) -> list[Path]:
    cameras = {name: helpers.lens(azimuth, size=SIZE) for name, azimuth in (("a", -11), ("b", 11))}
    helpers.write_calibration(folder, cameras)
    (folder / "videos").mkdir()
    paths = [folder / "videos" / f"{name}{suffix}" for name in cameras]
    layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    for path, lens in zip(paths, cameras.values(), strict=True):
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=25)
            stream.width, stream.height, stream.pix_fmt = *SIZE, layout
            for number in range(8):
                pixels = np.ascontiguousarray(helpers.render(lens, number, 1)[0])
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=layout)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return paths[:1]


def _read_video(folder: Path) -> None:
    capture = read_capture(folder)
    for camera in capture.cameras:
        for frame in capture.frames[:8]:
            capture.image(camera, frame)


def _stores(folder: Path, damage: str) -> list[Path]:
    """A rectified file, its heatmaps and renders, of noise."""
    random = np.random.default_rng(0)
    dims = {"pair": 1, "frame": 2, "target": 1, "step": 2, "coefficients": 5, "camera": 2}
    dims |= {"width": 32, "height": 32, "target_width": 32, "target_height": 32, "path_width": 16, "path_height": 16}
    for schema in (store.RECTIFIED, store.HEATMAPS, store.RENDERS):
        sizes = dims | ({"width": 8, "height": 8} if schema is store.HEATMAPS else {})
        path = folder / f"{schema.name}.h5"
        inputs = {"rectified": "0"}
        with store.create(path, schema, sizes, stage_version=1, settings={"a": 1}, inputs=inputs) as file:
            for name, field in schema.fields.items():
                shape = tuple(sizes[n] if n in sizes else int(n) for n in field.dims.split())
                if field.dtype == "str":
                    file[name] = np.full(shape, "00", dtype=object)
                elif name.endswith(("frames", "pair")):
                    file[name] = np.arange(shape[0]) if name == "frames" else np.zeros(shape)
                else:
                    file[name] = random.integers(1, 9, shape)
    return [folder / f"{damage}.h5"]


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


def _splats(folder: Path) -> list[Path]:
    random = torch.Generator().manual_seed(0)
    values = torch.rand(20, 14, generator=random)
    parts = (values[:, :3], values[:, 3:7], values[:, 7:10] + 0.1, values[:, 10] * 0.8 + 0.1, values[:, 11:])
    write_ply(folder / "a.ply", Gaussians(*parts))
    return [folder / "a.ply"]


def _copied(folder: Path, source: Path) -> list[Path]:
    shutil.copyfile(source, folder / source.name)
    return [folder / source.name]


def _state(folder: Path) -> list[Path]:
    save_state(folder / "full.state", "key", {"done": 3, "network": {"a.weight": torch.ones(4, 4)}, "rows": [{"a": 1}]})
    return [folder / "full.state"]


def _sheet(folder: Path) -> list[Path]:
    text = "# people\ncapture\tsplit\tpath\tpairs\tframes\ttargets\tpreset\n"
    text += "a\ttrain\tbuiltin:12\t\t\t\t\nb\ttest\tdata/b\t00,01 01,02\t-3:\tt00\t\nc\tval\tdata/c\t\t0:9:2\t\t\n"
    (folder / "sheet.tsv").write_text(text)
    return [folder / "sheet.tsv"]


def _read_sheet(folder: Path) -> None:
    chosen = config.parse(config.Config, {"captures": str(folder / "sheet.tsv"), "report": []})
    config.Plan(chosen, config.read_captures(chosen, ROOT), ROOT).groups()


def _configuration(folder: Path) -> list[Path]:
    text = (ROOT / "config/test.yaml").read_text()
    text += "results:\n  groups: {all: [person6]}\n  goals:\n"
    text += "  - {what: sharp, group: all, metric: psnr, least: 20.0, most: 60}\n"
    (folder / "config.yaml").write_text(text)
    return [folder / "config.yaml"]


def _metrics(folder: Path) -> list[Path]:
    row = Row("a", "00-01", "t00", 0, "release", "bbox", "psnr", 30.5)
    write_rows(folder / "a.csv", [row, Row("a", "00-01", "", 0, "release", "disparity", "epe_1024", float("nan"), "-")])
    return [folder / "a.csv"]


def _written(folder: Path, name: str, text: str) -> list[Path]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [path]


def _cameras(folder: Path) -> list[Path]:
    camera = {"intrinsics": [[50, 0, 32], [0, 50, 24], [0, 0, 1]], "world_to_camera": np.eye(4).tolist()}
    return _written(folder, "path.json", json.dumps({"cameras": [camera | {"size": [64, 48]}] * 2}))


def _mesh(folder: Path) -> list[Path]:
    text = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1.5 0\nv 1 1 1e-3\nvt 0 0\nvt 1 0\nvt 0 1\n"
    _written(folder, "a.obj", text + "f 1/1 2/2 3/3\nf 1/1/1 2/2/1 3/3/1 4/1/1\n")
    _written(folder, "a.mtl", "newmtl a\nmap_Kd -s 1 1 1 skin.png\n")
    layouts.save(folder / "skin.png", _picture())
    return [folder / "a.obj", folder / "a.mtl"]


_SUMMARY = "method,scope,metric,mean,std,count,note\nrelease,bbox,psnr,30.5,1.0,4,\ngt_depth,bbox,psnr,,,0,none\n"
_CURVES = "step,split,loss,depth,epe_1024,psnr_bbox,lr\n5,train,1.5,0.2,,,0.0001\n5,val,1.25,0.1,3.5,28,\n"
_TIMES = "s\th:m:s\tmax_rss\n12.5\t0:00:12\t850.2\n"

READERS = {
    "EasyMocap .yml": Reader(partial(_easymocap, damage=("intri.yml", "extri.yml")), _read_capture, text=True),
    "rig.json": Reader(partial(_easymocap, damage=("rig.json",)), _read_capture, text=True),
    "joints.json": Reader(partial(_easymocap, damage=("joints.json",)), _read_capture, text=True),
    "calibration, rectified": Reader(partial(_easymocap, damage=("intri.yml", "extri.yml")), _rectify, text=True),
    "transforms.json": Reader(
        partial(_layout, name="nerfstudio", damage=("transforms.json",)), _read_capture, text=True
    ),
    "COLMAP text": Reader(
        partial(_layout, name="colmap", damage=("sparse/0/cameras.txt", "sparse/0/images.txt")),
        _read_capture,
        text=True,
    ),
    "COLMAP binary": Reader(_binary_colmap, _read_capture),
    "Calib.toml": Reader(partial(_layout, name="toml", damage=("calibration/*",)), _read_capture, text=True),
    "QCA .txt": Reader(partial(_layout, name="qca", damage=("calibration/*",)), _read_capture, text=True),
    "GPS-Gaussian .npy": Reader(partial(_layout, name="gps", damage=("parm/*/*.npy",)), _read_capture),
    "annots.npy": Reader(partial(_layout, name="zju", damage=("annots.npy",)), _read_capture),
    ".jpg": Reader(partial(_image, name="a.jpg", quality=90), _read_image),
    ".jpg, progressive": Reader(partial(_image, name="a.jpeg", progressive=True), _read_image),
    ".jpg, CMYK": Reader(partial(_image, name="a.jpg", mode="CMYK"), _read_image),
    ".png": Reader(partial(_image, name="a.png"), _read_image, repair=png_checksums),
    ".png, palette": Reader(partial(_image, name="a.png", mode="P"), _read_image, repair=png_checksums),
    ".png, 16 bits": Reader(partial(_deep_image, name="a.png", channels=3), _read_image, repair=png_checksums),
    ".png, alpha": Reader(partial(_image, name="a.png", mode="RGBA"), _read_alpha, repair=png_checksums),
    ".png, depth": Reader(partial(_deep_image, name="a.png", channels=1), _read_depth, repair=png_checksums),
    ".tif": Reader(partial(_image, name="a.tif"), _read_image),
    ".tif, LZW": Reader(partial(_image, name="a.tiff", compression="tiff_lzw"), _read_image),
    ".tif, 16 bits": Reader(partial(_deep_image, name="a.tif", channels=3), _read_image),
    ".bmp": Reader(partial(_image, name="a.bmp"), _read_image),
    ".webp": Reader(partial(_image, name="a.webp", lossless=True), _read_image),
    **{
        f"{suffix}, vast": Reader(partial(_vast_image, name=f"a{suffix}"), _read_image)
        for suffix in (".png", ".jpg", ".bmp", ".tif")
    },
    ".mp4, H.264": Reader(partial(_video, suffix=".mp4", codec="libx264"), _read_video),
    ".mov, MPEG-4": Reader(partial(_video, suffix=".mov", codec="mpeg4"), _read_video),
    ".avi, MJPEG": Reader(partial(_video, suffix=".avi", codec="mjpeg"), _read_video),
    ".mkv, HEVC": Reader(partial(_video, suffix=".mkv", codec="libx265"), _read_video),
    ".webm, VP9": Reader(partial(_video, suffix=".webm", codec="libvpx-vp9"), _read_video),
    ".mts, H.264": Reader(partial(_video, suffix=".mts", codec="libx264"), _read_video),
    ".obj and .mtl": Reader(_mesh, read_textured_mesh, text=True),
    "captures sheet": Reader(_sheet, _read_sheet, text=True),
    "configuration": Reader(_configuration, lambda folder: config.load(folder / "config.yaml"), text=True),
    "stage settings": Reader(
        lambda folder: _written(folder, "a.yaml", "{frames: 3, size: [160, 160], rig: {baseline: [10, 60]}}"),
        lambda folder: config.load_settings(config.BuiltinSettings, (folder / "a.yaml").read_text(errors="replace")),
        text=True,
    ),
    "rectified .h5": Reader(partial(_stores, damage="rectified"), _read_stores),
    "heatmaps .h5": Reader(partial(_stores, damage="heatmaps"), _read_stores),
    "renders .h5": Reader(partial(_stores, damage="renders"), partial(_read_store, schema=store.RENDERS)),
    ".ply": Reader(_splats, lambda folder: read_ply(folder / "a.ply")),
    "weights": Reader(partial(_copied, source=RELEASE), lambda folder: load_network(folder / RELEASE.name)),
    "checkpoint state": Reader(_state, lambda folder: load_state(folder / "full.state", "key")),
    "error model": Reader(
        partial(_copied, source=ASSETS / "errors.json"),
        lambda folder: read_error_model(str(folder / "errors.json")),
        text=True,
    ),
    "metrics .csv": Reader(_metrics, lambda folder: read_rows(folder / "a.csv"), text=True),
    "summary .csv": Reader(
        lambda folder: _written(folder, "a.csv", _SUMMARY),
        lambda folder: tables.read_summary(folder / "a.csv"),
        text=True,
    ),
    "curves .csv": Reader(
        lambda folder: _written(folder, "a.csv", _CURVES),
        lambda folder: tables.read_curves(folder / "a.csv"),
        text=True,
    ),
    "benchmark .tsv": Reader(
        lambda folder: _written(folder, "benchmarks/rectify/a.tsv", _TIMES),
        lambda folder: tables.read_times([folder / "benchmarks/rectify/a.tsv"], "a", "small"),
        text=True,
    ),
    "camera path .json": Reader(_cameras, lambda folder: read_cameras(folder / "path.json"), text=True),
}
"""By what is read."""
