"""Make what tools/train_matting.py trains on: people of the stream in rooms, as BlazePose finds them.

    python tools/make_matting_data.py -o matting_data/0 --seed 0 --seconds 150

Writes files of 128 windows each: the image around the person, the exact coverage, BlazePose's coarse matte in the same
pixels and its landmarks. Several processes with seeds of their own can share a GPU: drawing rooms keeps one core busy.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from posegaussian import config
from posegaussian.pose.detectors.blazepose.crops import box_crops, cell_centres
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.pose.person import PRESENT
from posegaussian.preparation.mattes.window import padded_box
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
ROOMS = config.RoomSettings(kinds=("living", "office", "gym", "green", "black", "dome", "outdoors"), people=(0, 3))
LINEAR = config.LightSettings(linear=True)


def main() -> None:
    """Render, find people, cut out windows, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--size", type=int, default=640, help="of the rendered images, pixels")
    parser.add_argument("--clips", type=int, default=4, help="people in a batch")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    rng, end = np.random.default_rng([args.seed, 51]), time.monotonic() + args.seconds
    settings = config.StreamSettings(
        size=(args.size, args.size), target_size=(1024, 1024), room=ROOMS, pool=10, lifetime=120, workers=2
    )
    small = replace(settings, target_size=(16, 16))
    variants = [small, replace(small, light=LINEAR)]
    model, kept, files = load_blazepose(device=args.device), [], 0
    with SyntheticStream(settings, args.seed + 7000, args.device) as stream:
        step = 0
        while time.monotonic() < end:
            sample = stream.batch(step, args.clips, 1, variants[step % 2])
            assert sample.surroundings is not None
            images = (255 * sample.surroundings.images.flatten(0, 1)).round().to(torch.uint8)
            masks = (255 * sample.pair.masks.flatten(0, 1)).round().to(torch.uint8)
            kept += windows(model, images, masks, sample.joints2d.flatten(0, 1), rng)
            step += 1
            while len(kept) >= FILE or (kept and time.monotonic() >= end):
                write(args.output / f"{files:05d}.pt", kept[:FILE])
                kept, files = kept[FILE:], files + 1
    print(f"{args.output}: {files} files, {step} steps", flush=True)


def windows(model, images, masks, joints, rng: np.random.Generator) -> list[dict]:
    """The windows of a batch of images in which BlazePose found the right person."""
    low, high = joints.amin(1), joints.amax(1)
    shift = torch.from_numpy(rng.normal(0, 0.03, (len(joints), 2))).to(low) * (high - low)
    crops = box_crops(torch.cat([low + shift, high + shift], dim=-1), 1.4)
    people = model.measure(list(images), crops, 2)
    found = []
    for index in range(len(images)):
        person = people[index]
        if person.score > PRESENT and masks[index].any():
            window = cut(images[index], masks[index], person, rng)
            if window is not None:
                found.append(window)
    return found


def cut(image, mask, person, rng: np.random.Generator) -> dict | None:
    """One window, at a random scale and place around the person; None where BlazePose found somebody else."""
    height, width = image.shape[1:]
    box = padded_box(person_box(person), rng.uniform(*PADDING), height, width)
    if box is None:
        return None
    x0, y0, x1, y1 = box
    longer = max(x1 - x0, y1 - y0)
    scale = rng.uniform(*SCALES) / longer
    inside = torch.cat([image, mask])[:, y0:y1, x0:x1].float()[None]
    h, w = (max(1, round(scale * side)) for side in (y1 - y0, x1 - x0))
    scaled = functional.interpolate(inside, size=(h, w), mode="bilinear", align_corners=False, antialias=True)
    # A window on the person's box; what lies outside the box is not seen, as in the pipeline.
    left, top = (int(rng.integers(min(0, side - SIZE), max(0, side - SIZE) + 1)) for side in (w, h))
    steps = torch.arange(SIZE, device=image.device) + 0.5
    y, x = torch.meshgrid((steps + top) * (y1 - y0) / h + y0, (steps + left) * (x1 - x0) / w + x0, indexing="ij")
    places = person.crops.from_image(torch.stack([x, y], dim=-1).reshape(-1, 2))
    coarse = functional.grid_sample(
        person.matte_logits.sigmoid()[None, None], (2 * places - 1).reshape(1, SIZE, SIZE, 2), align_corners=False
    )
    pixels = scaled.new_zeros(5, SIZE, SIZE)
    u0, v0, u1, v1 = max(left, 0), max(top, 0), min(left + SIZE, w), min(top + SIZE, h)
    pixels[:4, v0 - top : v1 - top, u0 - left : u1 - left] = scaled[0, :, v0:v1, u0:u1]
    pixels[4] = 255 * coarse[0, 0]
    seen, truth = pixels[4] > 127.5, pixels[3] > 127.5
    if float((seen & truth).sum()) < LEAST_OVERLAP * float((seen | truth).sum()):
        return None
    pitch = person.points.new_tensor([w / (x1 - x0), h / (y1 - y0)])
    points = (person.points[:, :2] - person.points.new_tensor([x0, y0])) * pitch
    return {
        "pixels": pixels.round().to(torch.uint8).cpu(),
        "inside": torch.tensor([u0 - left, v0 - top, u1 - left, v1 - top]),
        "points": (points - points.new_tensor([left, top])).cpu(),
        "visibility": person.visibility.cpu(),
        "extent": torch.tensor(scale * longer),
    }


def person_box(person) -> np.ndarray:
    """x0, y0, x1, y1 around the landmarks and what the coarse matte covers by half, image pixels."""
    rows, columns = person.matte_logits.shape
    cells = cell_centres(rows, columns, person.points.device)[person.matte_logits.flatten() > 0]
    places = torch.cat([person.crops.to_image(cells), person.points[:, :2]])
    return torch.cat([places.amin(0), places.amax(0)]).double().cpu().numpy()


def write(path: Path, kept: list[dict]) -> None:
    """Write a file under its name when it is complete."""
    partial = path.with_suffix(".partial")
    torch.save({name: torch.stack([one[name] for one in kept]) for name in kept[0]}, partial)
    partial.rename(path)


if __name__ == "__main__":
    main()
