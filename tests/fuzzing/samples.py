"""Small samples of every kind of file that users bring; each function writes one and returns the files to damage."""

import json
import shutil
import struct
from collections.abc import Sequence
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

from posegaussian.evaluation.rows import Row, write_rows
from posegaussian.io import store
from posegaussian.io.ply import write_ply
from posegaussian.training.checkpoint import save_state
from posegaussian.types import Gaussians

ROOT = Path(__file__).parents[2]
SIZE = (64, 48)
"""Of the images: small, so that reading is fast."""
_VAST = (12_000, 12_000)


def easymocap(folder: Path, damage: Sequence[str]) -> list[Path]:
    helpers.write_sphere_capture(folder, 1, SIZE, samples=1)
    return [folder / name for name in damage]


def layout(folder: Path, name: str, damage: Sequence[str]) -> list[Path]:
    layouts.WRITERS[name][0](folder)
    return sorted(path for pattern in damage for path in folder.glob(pattern))


def binary_colmap(folder: Path) -> list[Path]:
    model = layouts.write_colmap(folder) / "sparse/0"
    reconstruction = pycolmap.Reconstruction(model)
    for path in model.glob("*.txt"):
        path.unlink()
    reconstruction.write_binary(model)
    return sorted(path for path in model.glob("*.bin") if "points" not in path.name)


def picture() -> np.ndarray:
    return helpers.render(helpers.lens(0, size=SIZE), 0, 1)[0]


def image(folder: Path, name: str, mode: str = "RGB", **options: Any) -> list[Path]:
    """A picture as Pillow writes it."""
    image = Image.fromarray(picture()).convert(mode)
    image.save(folder / name, **options)
    return [folder / name]


def vast_image(folder: Path, name: str) -> list[Path]:
    """A small picture whose header promises 12,000 x 12,000 pixels: less than Pillow refuses by itself."""
    (path,) = image(folder, name)
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


def deep_image(folder: Path, name: str, channels: int) -> list[Path]:
    """A picture of 16 bits as OpenCV writes it."""
    pixels = picture().astype(np.uint16) * 257
    layouts.save(folder / name, pixels if channels == 3 else pixels[..., 0])
    return [folder / name]


def video(folder: Path, suffix: str, codec: str) -> list[Path]:
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


def stores(folder: Path, damage: str) -> list[Path]:
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


def splats(folder: Path) -> list[Path]:
    random = torch.Generator().manual_seed(0)
    values = torch.rand(20, 14, generator=random)
    parts = (values[:, :3], values[:, 3:7], values[:, 7:10] + 0.1, values[:, 10] * 0.8 + 0.1, values[:, 11:])
    write_ply(folder / "a.ply", Gaussians(*parts))
    return [folder / "a.ply"]


def copied(folder: Path, source: Path) -> list[Path]:
    shutil.copyfile(source, folder / source.name)
    return [folder / source.name]


def state(folder: Path) -> list[Path]:
    save_state(folder / "full.state", "key", {"done": 3, "network": {"a.weight": torch.ones(4, 4)}, "rows": [{"a": 1}]})
    return [folder / "full.state"]


def sheet(folder: Path) -> list[Path]:
    text = "# people\ncapture\tsplit\tpath\tpairs\tframes\ttargets\tpreset\n"
    text += "a\ttrain\tbuiltin:12\t\t\t\t\nb\ttest\tdata/b\t00,01 01,02\t-3:\tt00\t\nc\tval\tdata/c\t\t0:9:2\t\t\n"
    (folder / "sheet.tsv").write_text(text)
    return [folder / "sheet.tsv"]


def configuration(folder: Path) -> list[Path]:
    text = (ROOT / "config/test.yaml").read_text()
    text += "results:\n  groups: {all: [person6]}\n  goals:\n"
    text += "  - {what: sharp, group: all, metric: psnr, least: 20.0, most: 60}\n"
    (folder / "config.yaml").write_text(text)
    return [folder / "config.yaml"]


def metrics(folder: Path) -> list[Path]:
    row = Row("a", "00-01", "t00", 0, "release", "bbox", "psnr", 30.5)
    write_rows(folder / "a.csv", [row, Row("a", "00-01", "", 0, "release", "disparity", "epe_1024", float("nan"), "-")])
    return [folder / "a.csv"]


def written(folder: Path, name: str, text: str) -> list[Path]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return [path]


def cameras(folder: Path) -> list[Path]:
    camera = {"intrinsics": [[50, 0, 32], [0, 50, 24], [0, 0, 1]], "world_to_camera": np.eye(4).tolist()}
    return written(folder, "path.json", json.dumps({"cameras": [camera | {"size": [64, 48]}] * 2}))


def mesh(folder: Path) -> list[Path]:
    text = "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 0 1.5 0\nv 1 1 1e-3\nvt 0 0\nvt 1 0\nvt 0 1\n"
    written(folder, "a.obj", text + "f 1/1 2/2 3/3\nf 1/1/1 2/2/1 3/3/1 4/1/1\n")
    written(folder, "a.mtl", "newmtl a\nmap_Kd -s 1 1 1 skin.png\n")
    layouts.save(folder / "skin.png", picture())
    return [folder / "a.obj", folder / "a.mtl"]
