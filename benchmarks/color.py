"""Colour matching on built-in people in rooms: the difference of colours at places that two cameras both see.

    python benchmarks/color.py [--people 100 108] [--size 512] [-o results/benchmarks/color.json]

True matches come from the true depths; they are never shown to what is measured. A difference is that of linear
light, relative to brightness, in per cent; the median over the matches of a pair. `alike` are captures whose cameras
do not differ: their transforms should be the identity.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from harness import machine, report
from jaxtyping import Float

from posegaussian.config import BuiltinSettings, LightSettings, RigSettings, RoomSettings, SensorSettings
from posegaussian.geometry.lens import SourceCamera
from posegaussian.preparation.color import IDENTITY, estimate_colors
from posegaussian.preparation.color_matches import srgb_to_linear
from posegaussian.progress import progress
from posegaussian.synthetic.dataset.synthetic_capture import person_capture

KINDS = ("living", "office", "gym", "outdoors")
SENSORS = {
    "alike": SensorSettings(white=(1.0, 4.0), noise=(0.0, 0.02), jpeg=(60.0, 100.0)),
    "unlike": SensorSettings(
        white=(1.0, 4.0),
        exposure=(-0.5, 0.5),
        white_balance=(-0.12, 0.12),
        gamma=(0.92, 1.09),
        noise=(0.0, 0.02),
        jpeg=(60.0, 100.0),
    ),
}
"""Cameras that differ in nothing but noise, and cameras that were set by hand, each differently."""
BASELINES = (22.5, 50.0)
STEP, SIGMA, NEAR = 3, 2.0, 0.01
"""Every third pixel of the person is a place; colours are means over Gaussian windows of 2 pixels; surfaces within 1 cm
are the same."""


@dataclass
class RenderedFootage:
    """Frames of a synthetic capture in memory, see `posegaussian.preparation.footage.Footage`."""

    cameras: dict[str, SourceCamera]
    images: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    masks: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    depths: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)
    calibration_files: tuple[None] = (None,)

    def image(self, camera: str, frame: int) -> np.ndarray:
        """See Footage."""
        return self.images[camera, frame]

    def mask(self, camera: str, frame: int) -> np.ndarray:
        """See Footage."""
        return self.masks[camera, frame]


def footage_of(seed: int, settings: BuiltinSettings) -> RenderedFootage:
    """The source cameras of a synthetic person's capture."""
    capture = person_capture(seed, settings)
    width, height = settings.size
    rig = capture.scene.rig.sources
    found = RenderedFootage(
        {
            name: SourceCamera(view.intrinsics, view.distortion, view.world_to_camera, width, height)
            for name, view in rig.items()
        }
    )
    for frame in range(settings.frames):
        for name, rendered in capture.render(frame):
            if name in rig:
                found.images[name, frame], found.masks[name, frame] = rendered.image, rendered.mask
                found.depths[name, frame] = rendered.depth
    return found


def true_matches(
    footage: RenderedFootage, first: str, second: str, frame: int
) -> tuple[Float[np.ndarray, "n 3"], Float[np.ndarray, "n 3"]]:
    """Colours in linear light of the person's surface that both cameras see."""
    one, other = footage.cameras[first], footage.cameras[second]
    rows, columns = (STEP * index for index in np.nonzero(footage.masks[first, frame][::STEP, ::STEP] == 255))
    pixels = np.stack([columns, rows], axis=1) + 0.5
    points = one.centre + one.directions(pixels) * footage.depths[first, frame][rows, columns, None]
    seen = other.project(points)
    depth = points @ other.world_to_camera[2, :3] + other.world_to_camera[2, 3]
    places = np.floor(seen).astype(int)
    inside = np.all((places >= 0) & (places < np.array([other.width, other.height])), axis=1)
    places = np.where(inside[:, None], places, 0)
    surface = footage.depths[second, frame][places[:, 1], places[:, 0]]
    same = inside & (abs(surface - depth) < NEAR) & (footage.masks[second, frame][places[:, 1], places[:, 0]] == 255)
    colors = []
    for name, (x, y) in ((first, (columns, rows)), (second, places.T)):
        blurred = cv2.GaussianBlur(srgb_to_linear(footage.image(name, frame)), (0, 0), SIGMA)
        colors.append(blurred[y, x][same].astype(float))
    return colors[0], colors[1]


def difference(transforms: dict, names: tuple[str, str], colors: tuple[np.ndarray, np.ndarray]) -> float:
    """Median difference after the transforms, per cent of the brightness."""
    first, second = (
        c @ transforms[name][:, :3].T + transforms[name][:, 3] for name, c in zip(names, colors, strict=True)
    )
    return float(100 * np.median(abs(first - second).mean(1) / ((first + second).mean(1) / 2 + 0.01)))


def rows_of(people: range, size: int, frames: int) -> Iterator[dict]:
    """One row for each capture."""
    tasks = [(seed, baseline, kind) for seed in people for baseline in BASELINES for kind in SENSORS]
    for seed, baseline, kind in progress(tasks, "color"):
        settings = BuiltinSettings(
            frames=frames,
            size=(size, size),
            sources=2,
            fps=4,
            rig=replace(RigSettings(), baseline=(baseline, baseline), vertical=0.0),
            light=LightSettings(linear=True),
            sensor=SENSORS[kind],
            room=RoomSettings(kinds=(KINDS[seed % len(KINDS)],)),
        )
        footage = footage_of(seed, settings)
        names = "00", "01"
        colors = [
            np.concatenate(c) for c in zip(*(true_matches(footage, *names, f) for f in range(frames)), strict=True)
        ]
        found = estimate_colors(footage, [names], range(frames))
        yield {
            "cameras": kind,
            "degrees": baseline,
            "person": seed,
            "places": len(colors[0]),
            "before, %": difference(dict.fromkeys(names, IDENTITY), names, (colors[0], colors[1])),
            "matched, %": difference(found, names, (colors[0], colors[1])),
            "change of white, %": 100 * float(max(abs(t.sum(1) - 1).max() for t in found.values())),
        }


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description="Colour matching on built-in people in rooms.")
    parser.add_argument(
        "--people", nargs=2, type=int, default=(100, 108), help="first seed, and the one after the last"
    )
    parser.add_argument("--size", type=int, default=512, help="of the images, pixels")
    parser.add_argument("--frames", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/color.json"))
    args = parser.parse_args()
    report("color", list(rows_of(range(*args.people), args.size, args.frames)), machine(("numpy",)), args.output)


if __name__ == "__main__":
    main()
