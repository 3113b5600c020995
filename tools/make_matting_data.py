"""Make what tools/train_matting.py trains on: people of the stream in rooms, as BlazePose finds them.

    python tools/make_matting_data.py -o matting_data/0 --seed 0 --seconds 150 --things 0.5

Writes files of 128 windows each: the image around the person, the exact coverage, BlazePose's coarse matte in the same
pixels and its landmarks. Several processes with seeds of their own can share a GPU. It waits while more files lie in
the folder than `--most`: training may take files away as it reads them.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from posegaussian import config
from posegaussian.config.synthetic import REALISTIC_SENSOR
from posegaussian.data.found_mattes import FIRST_CROP
from posegaussian.data.streamed import AHEAD
from posegaussian.pose.detectors.blazepose.crops import box_crops
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.pose.person import PRESENT, Person
from posegaussian.preparation.mattes.window import PADDING as USED_PADDING
from posegaussian.preparation.mattes.window import Window
from posegaussian.synthetic.dataset.stream import SyntheticStream

SIZE = 512
"""Width and height of a window, pixels."""
SCALES = 384, 640
"""Longer side of the person's box in the window's pixels: what the network will meet, and some more."""
PADDING = 0.03, 0.2
"""Room around the person, as a share of the longer side of their box; the pipeline's lies between."""
LEAST_OVERLAP = 0.3
"""Windows in which BlazePose found somebody else, or nothing, are left out: intersection over union with the truth."""
FILE = 128
ROOMS = config.RoomSettings(
    kinds=("living", "office", "gym", "green", "black", "dome", "outdoors"),
    before=0.35,
    people=(0, 3),
    passing=0.3,
    reflection=(0.0, 0.4),
    mirrors=0.1,
    posters=(0, 2),
)
SENSOR = replace(REALISTIC_SENSOR, exposure=(-0.7, 0.3))
"""As in captures, but more often too dark: dark people before dark walls were found worst."""
LINEAR = config.LightSettings(linear=True)
THINGS = "backpack", "shoulder_bag", "box", "ball", "phone", "stick"
"""What people may wear and hold. The coverage of a person includes it."""


def main() -> None:
    """Render, find people, cut out windows, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--size", type=int, default=640, help="of the rendered images, pixels")
    parser.add_argument("--clips", type=int, default=12, help="people in a batch")
    parser.add_argument("--most", type=int, default=1_000_000, help="files in the folder at a time")
    parser.add_argument("--things", type=float, default=0, help="share of people with a bag, and with a thing in hand")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.output.mkdir(parents=True, exist_ok=True)
    rng, end = np.random.default_rng([args.seed, 51]), time.monotonic() + args.seconds
    size, people = (args.size, args.size), config.PeopleSettings(things=THINGS, things_share=args.things)
    settings = config.StreamSettings(
        size=size, target_size=size, sensor=SENSOR, people=people, room=ROOMS, pool=16, lifetime=48, workers=2
    )
    small = replace(settings, target_size=(16, 16))
    variants = [small, replace(small, light=LINEAR)]
    model, kept, files, step = load_blazepose(device=args.device), [], 0, 0
    with SyntheticStream(settings, args.seed + 7000, args.device) as stream:
        while time.monotonic() < end:
            for coming in range(step + 1, step + 1 + AHEAD):
                stream.expect(coming, args.clips, 1, variants[coming % 2])
            kept += windows(model, stream.batch(step, args.clips, 1, variants[step % 2]), rng)
            step += 1
            while len(kept) >= FILE or (kept and time.monotonic() >= end):
                write(args.output / f"{files:05d}.pt", kept[:FILE])
                kept, files = kept[FILE:], files + 1
            while len(list(args.output.glob("*.pt"))) >= args.most and time.monotonic() < end:
                time.sleep(0.2)
    print(f"{args.output}: {files} files, {step} steps", flush=True)


def windows(model, sample, rng: np.random.Generator) -> list[dict]:
    """The windows of a batch of images in which BlazePose found the right person."""
    images = (255 * sample.surroundings.images.flatten(0, 1)).round().to(torch.uint8)
    masks = (255 * sample.pair.masks.flatten(0, 1)).round().to(torch.uint8)
    joints = sample.joints2d.flatten(0, 1)
    low, high = joints.amin(1), joints.amax(1)
    shift = torch.from_numpy(rng.normal(0, 0.03, (len(joints), 2))).to(low) * (high - low)
    people = model.measure(
        list(images), box_crops(torch.cat([low + shift, high + shift], dim=-1), FIRST_CROP), 2
    ).records()
    arrays = zip(images.movedim(1, -1).cpu().numpy(), masks[:, 0].cpu().numpy(), people, strict=True)
    cuts = [cut(image, mask, person, rng) for image, mask, person in arrays if person.score > PRESENT and mask.any()]
    return [window for window in cuts if window is not None]


def cut(image: np.ndarray, mask: np.ndarray, person: Person, rng: np.random.Generator) -> dict | None:
    """One window, at a random scale and place around the person; None where BlazePose found nobody or somebody else."""
    if not (np.isfinite(person.points).all() and np.isfinite(person.visibility).all()):
        return None
    room = (rng.uniform(*PADDING) - USED_PADDING) * float((person.box[2:] - person.box[:2]).max())
    person = replace(person, box=person.box + np.array([-room, -room, room, room], np.float32))
    longer = int(rng.uniform(*SCALES))
    window = Window.around(image, person, longer)
    if window is None:
        return None
    truth, coarse = window.resampled(mask), window.coarse
    seen, known = coarse > 127, truth > 127
    if (seen & known).sum() < LEAST_OVERLAP * (seen | known).sum() or not known.any():
        return None
    left, top = (int(rng.integers(min(0, s - SIZE), max(0, s - SIZE) + 1)) for s in (window.width, window.height))
    u, v = max(left, 0), max(top, 0)
    part = np.dstack([window.pixels, truth, coarse])[v : top + SIZE, u : left + SIZE]
    pixels = np.zeros((SIZE, SIZE, 5), np.uint8)
    pixels[v - top : v - top + part.shape[0], u - left : u - left + part.shape[1]] = part
    return {
        "pixels": torch.from_numpy(pixels).movedim(-1, 0).contiguous(),
        "inside": torch.tensor([u - left, v - top, u - left + part.shape[1], v - top + part.shape[0]]),
        "points": torch.from_numpy(window.points() - [left, top]).float(),
        "visibility": torch.from_numpy(person.visibility),
        "extent": torch.tensor(float(max(window.width, window.height))),
    }


def write(path: Path, kept: list[dict]) -> None:
    """Write a file under its name when it is complete."""
    partial = path.with_suffix(".partial")
    torch.save({name: torch.stack([one[name] for one in kept]) for name in kept[0]}, partial)
    partial.rename(path)


if __name__ == "__main__":
    main()
