"""What a view gains where the holes of the pair around it are filled from another pair, by the angle of that pair.

    python benchmarks/merging.py CAPTURE --views 10,14,12 16,20,18 24,28,26

Each view names two sources and a camera between them, which is held out. Every pair is tried as the other pair of every
view; its angle is that between its middle and the held-out camera, about the rig's centre. One frame, without joints.
"""

import argparse
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

import posegaussian as pg
from posegaussian.captures.capture import Capture
from posegaussian.evaluation.crops import crop
from posegaussian.evaluation.metrics import psnr
from posegaussian.geometry.rig import view_angles
from posegaussian.preparation.people import rig_centre
from posegaussian.rendering.merging import REACH, merge_pairs
from posegaussian.rendering.reconstruct import FrameReconstruction, reconstruct_frames
from posegaussian.types import Gaussians

ANGLES = (0.0, 30.0, 50.0, REACH)
"""Where the rows of the table end, degrees."""


@torch.no_grad()
def main() -> None:
    """Measure all views with each other pair, print the gains and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", type=Path)
    parser.add_argument("--views", nargs="+", required=True, metavar="LEFT,RIGHT,HELD_OUT")
    parser.add_argument("--size", type=int, default=768, help="of the rectified images")
    args = parser.parse_args()
    capture, gains = pg.read_capture(args.capture), []
    views = [tuple(view.split(",")) for view in args.views]
    pairs = {view[:2]: reconstructed(capture, view[:2], args.size) for view in views}
    for *sources, target in views:
        own = pairs[tuple(sources)]
        alone = box_psnr(capture, target, own.gaussians)
        for names, other in pairs.items():
            angle = angle_of(capture, names, target)
            if other is not own and angle <= REACH:
                gaussians = merge_pairs(own, [other], capture.cameras[target].pinhole())
                gains.append((angle, box_psnr(capture, target, gaussians) - alone))
                line = f"{target} {alone:.2f} dB, filled from {','.join(names)} at {angle:.0f} degrees"
                print(f"{line}: {gains[-1][1]:+.2f}", flush=True)
    for low, high in pairwise(ANGLES):
        some = np.array([gain for angle, gain in gains if low <= angle < high])
        if len(some) > 1:
            error = some.std(ddof=1) / len(some) ** 0.5
            print(f"{low:.0f} to {high:.0f} degrees: {some.mean():+.2f} ± {error:.2f} dB", end=" ")
            print(f"({len(some)}, from {some.min():+.2f} to {some.max():+.2f})")


def reconstructed(capture: Capture, names: Sequence[str], size: int) -> FrameReconstruction:
    """A pair of the first frame, on the CPU."""
    images, masks, cameras = capture.views(names, capture.frames[0])
    pair = pg.rectify(images, masks, cameras, size=(size, size))
    ((found,),) = reconstruct_frames(pg.load_model(device="cpu"), [[pair]], torch.device("cpu"))
    return found


def angle_of(capture: Capture, pair: Sequence[str], target: str) -> float:
    """Degrees between the middle of a pair and a camera, about the rig's centre."""
    middle = np.mean([capture.cameras[name].centre for name in pair], axis=0)
    places = np.stack([middle, capture.cameras[target].centre])
    return float(view_angles(rig_centre(capture.cameras), places)[0, 1])


def box_psnr(capture: Capture, target: str, gaussians: Gaussians) -> float:
    """PSNR of a view in the person's box, dB."""
    frame = capture.frames[0]
    mask = torch.from_numpy(capture.mask(target, frame)) / 255
    truth = torch.from_numpy(capture.image(target, frame)).permute(2, 0, 1) / 255 * mask
    box = crop("bbox", truth, mask)
    assert box is not None
    view = pg.render(gaussians, capture.cameras[target].pinhole()).colors.cpu()
    return psnr(view[:, *box], truth[:, *box])


if __name__ == "__main__":
    main()
