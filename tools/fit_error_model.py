"""Fit the error model of a heatmap detector (pose/detector_noise.py) to what it says about built-in people.

    python tools/fit_error_model.py --people 100 124 --python .venv-mmpose/bin/python -o errors.json
    python tools/fit_error_model.py --people 100 124 --detector '{kind: blazepose}' --room living gym -o errors.json

The people are photographed, rectified and detected by the real stages, at baselines of 20, 40 and 60 degrees in turn.
Only people of the validation split (100 to 199) may take part: test people are for the final table. The moments of the
errors give the numbers; joints that were rarely seen, or rarely hidden, lean on the mean of all joints.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from posegaussian.config import REALISTIC_SENSOR, DetectorSettings, RigSettings, as_dict, load_settings
from posegaussian.geometry.projection import pixel_grid
from posegaussian.io import store
from posegaussian.io.atomic import write_atomic
from posegaussian.pose.detector_noise import GROUP_OF_JOINT, JOINT_GROUPS, MIRRORED_JOINT, VISIBILITY_STATES, cell_size
from posegaussian.pose.joints import true_joints
from posegaussian.registry import DETECTORS

ROOT = Path(__file__).parents[1]
LOST_CELLS, LOST_SCORE = 4.0, 0.3
"""A joint farther from its truth than this, or with a lower score, was missed."""
MOTION = (0.2, 2.0)
"""Cells between two frames that tell how fast errors are forgotten."""
LEAN = 20.0
"""How many samples the mean of all joints is worth."""
BASELINES = ((15, 25), (30, 45), (50, 60))
"""Degrees, in turn."""


@dataclass(frozen=True)
class Answers:
    """What the detector said: clips of one capture, pair and view stand along the first axis; lengths in cells."""

    error: Float[Tensor, "n frames 17 2"]
    visible: Bool[Tensor, "n frames 17"]
    score: Float[Tensor, "n frames 17"]
    width: Float[Tensor, "n frames 17"]
    swapped: Bool[Tensor, "n frames 17"]
    place: Float[Tensor, "n frames 17 2"]

    @property
    def still(self) -> Bool[Tensor, "n 17"]:
        """The joint does not move during the clip."""
        return torch.linalg.vector_norm(self.place - self.place[:, :1], dim=-1).amax(1) < 1e-3

    @property
    def missed(self) -> Bool[Tensor, "n frames 17"]:
        """Neither near its own truth nor on its twin's, or hardly there."""
        far = torch.linalg.vector_norm(self.error, dim=-1) > LOST_CELLS
        return ~self.swapped & (far | (self.score < LOST_SCORE))


def main() -> None:
    """Make the files that are missing, fit, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs=2, default=(100, 124), metavar=("FIRST", "END"))
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--size", type=int, default=384, help="of the cameras, pixels")
    parser.add_argument("--detector", default='{"config": "package:small.py", "weights": "package:small.safetensors"}')
    parser.add_argument("--room", nargs="+", default=["off"], help="kinds of rooms around the people")
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-mmpose/bin/python", help="of MMPose's environment")
    parser.add_argument("--folder", type=Path, help="where the files lie that are made on the way (default: nowhere)")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    people = range(*args.people)
    if people.start < 100 or people.stop > 200:
        parser.error("only people 100 to 199 (validation) may take part")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        answers = [read_answers(*make_files(folder, seed, s, args)) for s in (False, True) for seed in people]
    joined = Answers(*(torch.cat([getattr(a, name) for a in answers]) for name in vars(answers[0])))
    model = fit(joined)
    model["made by"] = {
        "command": " ".join(["python", "tools/fit_error_model.py", "--people", *map(str, args.people)]),
        "detector": as_dict(load_settings(DetectorSettings, args.detector)),
        "rooms": args.room,
        "pictures": int(joined.score.shape[0] * joined.score.shape[1]),
    }
    write_atomic(args.output, json.dumps(model, indent=1) + "\n")
    show(model)


def make_files(folder: Path, seed: int, still: bool, args: argparse.Namespace) -> tuple[Path, Path]:
    """Rectified file and heatmaps of one person, who moves or stands still, filmed by noisy cameras.

    In rooms, a detector of the network of the stage `people` takes the joints from it, as it does on footage.
    """
    name = f"{seed}{'.still' if still else ''}"
    capture, people, rectified, heatmaps = (folder / f"{name}{suffix}" for suffix in (".c", ".p.h5", ".r.h5", ".h.h5"))
    rig = as_dict(RigSettings(baseline=BASELINES[seed % 3], vertical=0.0, roll=(0.0, 0.0)))
    builtin = {"frames": args.frames, "size": [args.size] * 2, "sources": 2, "still": still, "rig": rig}
    builtin |= {"sensor": as_dict(REALISTIC_SENSOR), "room": {"kinds": args.room}}
    kind = DETECTORS[load_settings(DetectorSettings, args.detector).kind]
    python = args.python.absolute() if kind.environment == "mmpose" else sys.executable
    found = kind.reads_people and args.room != ["off"]
    stages = [
        (sys.executable, "captures", "--seed", str(seed), "-o", capture, "--settings", json.dumps(builtin)),
        (sys.executable, "people", capture, "-o", people) if found else None,
        (sys.executable, "rectify", capture, "-o", rectified),
        (python, "heatmaps", rectified, "-o", heatmaps, "--settings", args.detector)
        + (("--people", people) if found else ()),
    ]
    for stage, made in zip(stages, (capture, people, rectified, heatmaps), strict=True):
        if stage and not made.exists() and not heatmaps.exists():
            subprocess.run([stage[0], "-m", "posegaussian", *stage[1:]], cwd=ROOT, check=True)
    return rectified, heatmaps


def read_answers(rectified: Path, heatmaps: Path) -> Answers:
    """Compare one capture's heatmaps with its true joints."""
    with store.open_checked(rectified, store.RECTIFIED) as file:
        truth = true_joints(file)
        masks = torch.from_numpy(file["sources/masks"][()]).float() / 255
    with store.open_checked(heatmaps, store.HEATMAPS) as file:
        found, score, maps = (torch.from_numpy(file[n][()]).double() for n in ("keypoints", "scores", "heatmaps"))
    cell = cell_size(masks.flatten(0, 1)[:, :, None]).double().unflatten(0, masks.shape[:2])
    places = truth.pixels.double()
    twins = places[..., MIRRORED_JOINT, :]
    own, other = (torch.linalg.vector_norm(found - x, dim=-1) for x in (places, twins))
    apart = torch.linalg.vector_norm(places - twins, dim=-1) > 2 * cell[..., None]
    swapped = apart & (other < 0.5 * own)
    error = (found - torch.where(swapped[..., None], twins, places)) / cell[..., None, None]
    values = (error, truth.visible, score, blob_width(maps, found, cell), swapped, places / cell[..., None, None])
    return Answers(*(v.transpose(1, 2).flatten(0, 1) for v in values))


def blob_width(
    maps: Float[Tensor, "p f 2 17 h w"], places: Float[Tensor, "p f 2 17 2"], cell: Float[Tensor, "p f 2"]
) -> Float[Tensor, "p f 2 17"]:
    """The standard deviation of the Gaussian with the same peak and mass within 6 cells, in cells."""
    grid = 4 * pixel_grid(*maps.shape[-2:], like=maps)
    near = torch.linalg.vector_norm(grid - places[..., None, None, :], dim=-1) < 6 * cell[..., None, None, None]
    mass = 16 * (maps * near).sum((-2, -1)) / cell[..., None] ** 2
    return (mass / (2 * np.pi * maps.amax((-2, -1)).clamp_min(1e-3))).sqrt()


def fit(answers: Answers) -> dict:
    """The model's numbers from moments."""
    lost, found = answers.missed, ~(answers.missed | answers.swapped)
    square = answers.error.square().mean(-1)
    group, joints = torch.tensor(GROUP_OF_JOINT), {}
    overall = {
        state: moments(answers, answers.visible == bool(i), found, square) for i, state in enumerate(VISIBILITY_STATES)
    }
    for index, name in enumerate(JOINT_GROUPS):
        here = (group == index).expand_as(lost)
        joints[name] = {
            state: finish(moments(answers, here & (answers.visible == bool(i)), found, square), overall[state])
            for i, state in enumerate(VISIBILITY_STATES)
        }
    jitter = jitter_of(answers, found)
    many = bool(lost.any())
    return {
        "joints": joints,
        "all": {
            "jitter": jitter,
            "reach": reach_of(answers, found, jitter),
            "persistence": persistence(lost | answers.swapped, answers.still),
            "lost_offset": float(square[lost].mean().sqrt()) if many else 2 * LOST_CELLS,
            "lost_score": float(answers.score[lost].mean()) if many else LOST_SCORE / 2,
        },
    }


def moments(answers: Answers, here: Tensor, found: Tensor, square: Tensor) -> dict[str, tuple[float, float]]:
    """Sums and counts from which each number follows."""
    good = here & found
    count, total = float(good.sum()), float(here.sum())
    return {
        "square": (float(square[good].sum()), count),
        "score": (float(answers.score[good].sum()), count),
        "score2": (float(answers.score[good].square().sum()), count),
        "width": (float(answers.width[good].sum()), count),
        "width2": (float(answers.width[good].square().sum()), count),
        "miss": (float((here & answers.missed).sum()), total),
        "swap": (float((here & answers.swapped).sum()), total),
    }


def finish(mine: dict[str, tuple[float, float]], overall: dict[str, tuple[float, float]]) -> dict[str, float]:
    """One joint's numbers; every mean leans on that of all joints."""
    mean = {
        key: (mine[key][0] + LEAN * overall[key][0] / max(overall[key][1], 1)) / (mine[key][1] + LEAN) for key in mine
    }
    numbers = {
        "offset": mean["square"] ** 0.5,
        "score": mean["score"],
        "score_spread": max(mean["score2"] - mean["score"] ** 2, 0) ** 0.5,
        "width": mean["width"],
        "width_spread": max(mean["width2"] - mean["width"] ** 2, 0) ** 0.5,
        "miss": mean["miss"],
        "swap": mean["swap"],
    }
    return {key: round(value, 5) for key, value in numbers.items()}


def jitter_of(answers: Answers, found: Tensor) -> float:
    """Share of the variance that changes while nothing moves: mean variance over time in still clips."""
    still = answers.still & found.all(1)
    errors = answers.error.movedim(2, 1)[still]
    return float(errors.var(1).mean() / errors.square().mean())


def reach_of(answers: Answers, found: Tensor, jitter: float) -> float:
    """The motion in cells over which the lingering part is forgotten, from pairs of frames some cells apart."""
    frames, product, square, motion = answers.error.shape[1], [], [], []
    for lag in range(1, frames):
        first, later = slice(0, frames - lag), slice(lag, frames)
        moved = torch.linalg.vector_norm(answers.place[:, later] - answers.place[:, first], dim=-1)
        use = found[:, first] & found[:, later] & (moved > MOTION[0]) & (moved < MOTION[1])
        one, other = answers.error[:, first][use], answers.error[:, later][use]
        product.append((one * other).mean(-1))
        square.append((one.square() + other.square()).mean(-1) / 2)
        motion.append(moved[use])
    correlation = float(torch.cat(product).mean() / torch.cat(square).mean()) / (1 - jitter)
    return float(torch.cat(motion).mean() / -np.log(min(max(correlation, 0.01), 0.99)))


def persistence(wrong: Bool[Tensor, "n frames 17"], still: Bool[Tensor, "n 17"]) -> float:
    """How a state correlates with that of the frame before, where nothing moves."""
    before, after = (wrong[:, part].movedim(2, 1)[still].double() for part in (slice(0, -1), slice(1, None)))
    spread = float(before.std() * after.std())
    return max(0.0, float(((before - before.mean()) * (after - after.mean())).mean()) / spread) if spread else 0.0


def show(model: dict) -> None:
    """The model as a table."""
    print(
        "all:", {key: round(value, 4) for key, value in model["all"].items()}, model["made by"]["pictures"], "pictures"
    )
    for name, states in model["joints"].items():
        for state, numbers in states.items():
            print(f"{name:>9} {state:>6}", "  ".join(f"{key} {value:.3f}" for key, value in numbers.items()))


if __name__ == "__main__":
    main()
