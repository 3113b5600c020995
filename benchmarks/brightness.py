"""How bright people are in images: synthetic people of presets beside captures on disk and rectified captures.

For every image, the mean brightness of the pixels that the person covers by at least half; for every source of
images, the mean and the standard deviation of these means, and what share of the pixels is clipped. Brightness is the
luma of ITU-R BT.601 of the values in the file, 0..1.
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from harness import machine, report
from jaxtyping import Bool, Float

from posegaussian import config, read_capture
from posegaussian.config import BuiltinSettings, LightSettings, SensorSettings
from posegaussian.data.rectified import read_person
from posegaussian.io import store
from posegaussian.synthetic.dataset.synthetic_capture import person_capture

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue of ITU-R BT.601."""
CLIPPED = 254 / 255
"""Values from here on count as clipped: JPEG may lower 255 by one."""

Foreground = Float[np.ndarray, "n 3"]
"""RGB, 0..1, of the pixels of one image that the person covers."""


def foreground(image: np.ndarray, mask: Bool[np.ndarray, "h w"]) -> Foreground:
    """Colours of the pixels inside a mask."""
    return image[mask] / 255


def of_capture(folder: Path) -> Iterator[Foreground]:
    """Every image of a capture that has a mask."""
    capture = read_capture(folder)
    for camera in capture.masks:
        for frame in capture.frames:
            yield foreground(capture.image(camera, frame), capture.mask(camera, frame) >= 128)


def of_rectified(path: Path) -> Iterator[Foreground]:
    """Every source image of a rectified capture, with the masks that its preparation made or was given."""
    with store.Reader(path, "r") as file:
        pairs, frames, views = file["sources/images"].shape[:3]
        for place in np.ndindex(pairs, frames, views):
            yield foreground(read_person(file, "sources", *place), file["sources/masks"][place] >= 128)


def of_people(settings: BuiltinSettings, seeds: range) -> Iterator[Foreground]:
    """The first frame of synthetic captures, from the source cameras."""
    for seed in seeds:
        capture = person_capture(seed, settings)
        for camera, rendered in capture.render(0):
            if camera in capture.scene.rig.sources:
                yield foreground(rendered.image, rendered.mask >= 128)


def row(name: str, images: Iterator[Foreground]) -> dict:
    """The row of the table of one source of images."""
    pixels = list(images)
    means = np.array([(each @ LUMA).mean() for each in pixels])
    values = np.concatenate(pixels)
    low, high = np.quantile(values @ LUMA, [0.05, 0.95])
    return {
        "images of": name,
        "number": len(means),
        "mean": float(means.mean()),
        "spread of images": float(means.std()),
        "darkest, brightest": f"{means.min():.2f}, {means.max():.2f}",
        "5 %, 95 % of pixels": f"{low:.2f}, {high:.2f}",
        "clipped": f"{(values >= CLIPPED).any(1).mean():.2%}",
    }


def main() -> None:
    """Measure what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captures", type=Path, nargs="*", help="folders of captures with masks, or rectified .h5 files")
    parser.add_argument("--config", type=Path, default=Path("config/benchmark.yaml"), help="of the presets")
    parser.add_argument("--presets", nargs="*", default=["clean_22", "camera_10_20"])
    parser.add_argument("--light", help="YAML: settings of the light that replace those of the presets")
    parser.add_argument("--sensor", help="YAML: settings of the sensor that replace those of the presets")
    parser.add_argument(
        "--seeds", type=int, nargs=2, default=(200, 224), help="first person, and the one after the last"
    )
    parser.add_argument("--size", type=int, default=256, help="of the synthetic images, pixels")
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/brightness.json"))
    args = parser.parse_args()
    presets = config.load(args.config).presets
    rows = []
    for path in args.captures:
        images = of_rectified(path) if path.suffix == ".h5" else of_capture(path)
        rows.append(row(path.name, images))
    for name in args.presets:
        settings = replace(presets[name], frames=1, size=(args.size, args.size))
        for key, kind in (("light", LightSettings), ("sensor", SensorSettings)):
            if getattr(args, key):
                settings = replace(settings, **{key: config.load_settings(kind, getattr(args, key))})
        rows.append(row(name, of_people(settings, range(*args.seeds))))
    report("brightness of people", rows, machine(("numpy",)), args.output)


if __name__ == "__main__":
    main()
