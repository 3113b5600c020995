"""What formats of splats take and lose: bytes of a frame, and a held-out view against its truth, format by format.

Captures are rectified files of people of the validation split with their splats, as the stages write them. Files of
`spz` and `sog` are read by gaussforge, those of the player as its description says.
"""

import argparse
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gaussforge  # pyright: ignore[reportMissingImports]
import numpy as np
import torch
from harness import machine, report
from PIL import Image
from scipy.spatial.transform import Rotation

from posegaussian.data.rectified import read_target
from posegaussian.evaluation.crops import crop
from posegaussian.evaluation.metrics import psnr
from posegaussian.export.pixel_frames import PixelFrame, pack_frame, view_record
from posegaussian.export.player import rectified_cameras
from posegaussian.io import store
from posegaussian.io.ply import read_ply
from posegaussian.io.sog import write_sog
from posegaussian.io.spz import write_spz
from posegaussian.rendering.reconstruct import render
from posegaussian.types import Camera, Gaussians, concatenate


def rows_of(rectified: Path, splats: Path) -> Iterator[dict[str, Any]]:
    """A row for each format and held-out camera, at the first frame."""
    with store.open_checked(rectified, store.RECTIFIED) as source:
        pairs = ["-".join(map(str, pair)) for pair in store.strings(source["sources/pairs"])]
        for target, pair in enumerate(source["targets/pair"][()].tolist()):
            truth, mask, camera = read_target(source, target, 0)
            where = crop("bbox", truth[0], mask[0, 0])
            if where is None:
                continue
            path = splats / f"{pairs[pair]}_{int(source['frames'][0]):06d}.ply"
            plain = read_ply(path)
            best = None
            for name, (size, gaussians) in versions(path, plain, rectified_cameras(source, pair)).items():
                image = render(gaussians, camera[0]).colors
                found = float(psnr(image[:, *where], truth[0][:, *where]))
                best = found if best is None else best
                yield {
                    "capture": rectified.stem,
                    "pair": pairs[pair],
                    "format": name,
                    "Gaussians": len(plain.means),
                    "MB": size / 1e6,
                    "PSNR (box), dB": found,
                    "loss, dB": best - found,
                }


def versions(path: Path, plain: Gaussians, cameras: list[Camera]) -> dict[str, tuple[int, Gaussians]]:
    """Bytes and Gaussians of a frame in each format; the .ply comes first."""
    found = {"ply": (path.stat().st_size, plain)}
    with tempfile.TemporaryDirectory() as folder:
        for kind, write in (("spz", write_spz), ("sog", write_sog)):
            file = Path(folder) / f"a.{kind}"
            write(file, plain)
            converted = gaussforge.GaussForge().convert(file.read_bytes(), kind, "ply")
            (Path(folder) / "a.ply").write_bytes(bytes(converted["data"]))
            found[kind] = file.stat().st_size, read_ply(Path(folder) / "a.ply")
    packed = pack_frame(plain, cameras)
    return found | {"player": (len(packed.image), unpacked(packed, cameras))}


def unpacked(packed: PixelFrame, cameras: list[Camera]) -> Gaussians:
    """The Gaussians of a frame of the player."""
    image = np.asarray(Image.open(io.BytesIO(packed.image)).convert("RGB")).astype(float)
    parts = image.reshape(4, -1, *image.shape[1:])
    record, views, start = packed.record, [], 0
    for view, (x0, y0, width, height) in zip(map(view_record, cameras), record["boxes"], strict=True):
        inside = parts[:, :height, start : start + width]
        start += width
        rows, columns = np.nonzero(inside[1, ..., 2])
        color, depth, scale, rotation = inside[:, rows, columns]
        focal, cx, cy = view["pinhole"]
        low, high = record["depth"]
        z = 1 / (low + (high - low) * (256 * depth[:, 0] + depth[:, 1]) / 4095)
        pixels = np.array([x0, y0]) + record["stride"] * np.stack([columns, rows], 1) + 0.5
        points = np.concatenate([(pixels - [cx, cy]) / focal * z[:, None], z[:, None]], 1)
        xyz = (rotation / 31 - 1) * record["rotation"]
        w = np.sqrt(np.maximum(0, 1 - (xyz**2).sum(1, keepdims=True)))
        turn, (small, large) = Rotation.from_quat(view["quaternion"]), record["scale"]
        arrays = (
            turn.apply(points) + view["position"],
            (turn * Rotation.from_quat(np.concatenate([xyz, w], 1))).as_quat(scalar_first=True),
            np.exp(small + (large - small) * scale / 31) * z[:, None] / focal,
            depth[:, 2] / 63,
            color / 255,
        )
        views.append(Gaussians(*(torch.from_numpy(array).float() for array in arrays)))
    return concatenate(views)


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="Formats of splats: bytes and losses.")
    parser.add_argument("--rectified", nargs="+", type=Path, required=True, help="rectified .h5 files")
    parser.add_argument(
        "--splats", nargs="+", type=Path, required=True, help="their folders of .ply, in the same order"
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/export_formats.json"))
    args = parser.parse_args()
    rows = [row for pair in zip(args.rectified, args.splats, strict=True) for row in rows_of(*pair)]
    report("export_formats", rows, machine(("numpy", "gaussforge", "pillow")), args.output)


if __name__ == "__main__":
    main()
