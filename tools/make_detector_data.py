"""Render many built-in people from all around: the training data of the small detector.

    python tools/make_detector_data.py --people 1000 3000 --views 6 -o detector_data.h5

Every image is `SIZE` pixels square and holds one person, at the size at which the detector will see people. People
1..999 are kept for other uses, among them the demo, so that the detector can be tested on people it has never seen.
"""

import argparse
import multiprocessing
import os
from pathlib import Path

import h5py
import numpy as np
import torch

from posegaussian.config import LightSettings
from posegaussian.geometry.masks import bounding_box, is_person
from posegaussian.progress import progress
from posegaussian.synthetic.people.bake import bake
from posegaussian.synthetic.people.person import make_person
from posegaussian.synthetic.people.pose_sequence import sample_poses
from posegaussian.synthetic.people.prepared_subject import PreparedSubject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, look_at

SIZE = 256
FILLED = 0.78
"""Share of the image that the person's bounding box takes: a 256 x 192 detector sees it at 1 / 1.25 = 0.8."""


def main() -> None:
    """Render in parallel and write one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs=2, default=(1000, 3000), metavar=("FIRST", "END"))
    parser.add_argument("--views", type=int, default=6, help="images of each person")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    people = range(*args.people)
    if people.start < 1000:
        parser.error("people below 1000 are kept for testing")
    torch.set_num_threads(1)  # the processes share the cores
    count = len(people) * args.views
    with h5py.File(args.output, "w") as file, multiprocessing.get_context("spawn").Pool(args.processes) as pool:
        datasets = {}
        for name, shape, kind in (
            ("images", (SIZE, SIZE, 3), "u1"),
            ("masks", (SIZE, SIZE), "u1"),
            ("keypoints", (17, 2), "f4"),
            ("boxes", (4,), "f4"),
            ("people", (), "i8"),
        ):
            large = {"chunks": (1, *shape), "compression": "lzf"} if len(shape) > 1 and shape[0] == SIZE else {}
            datasets[name] = file.create_dataset(name, (count, *shape), kind, **large)
        found = pool.imap(_renders, [(seed, args.views) for seed in people])
        for index, person in enumerate(progress(found, "people", len(people))):
            for name, values in person.items():
                datasets[name][index * args.views : (index + 1) * args.views] = values


def _renders(task: tuple[int, int]) -> dict[str, np.ndarray]:
    seed, views = task
    rng = np.random.default_rng([seed, 99])
    person = make_person(seed)
    baked = bake(person, texel_for(SIZE))
    poses = sample_poses(person, baked, rng.uniform(0, 20, views))
    subject = Subject.of(PreparedSubject(seed, baked, poses))
    rows = []
    for view in range(views):
        posed = subject.posed(np.array([view]))
        vertices = posed.vertices[0].double().numpy()
        camera, lights = _random_camera(vertices, rng), draw_lights(rng, LightSettings())
        shadows = shadow_map(posed, lamp_camera(lights, (vertices.min(0) + vertices.max(0)) / 2)[None])
        rendered = render_colours(posed, torch.zeros(1).long(), camera_batch([camera]), lights, shadows)
        image = (255 * rendered.over(lights.background)[0].clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()
        mask = (255 * rendered.coverage[0, 0]).round().byte().numpy()
        box = bounding_box(is_person(mask))
        assert box is not None, "the camera frames the person"
        rows.append((image, mask, camera.project(poses.joints[view]), np.array(box, float), seed))
    names = ("images", "masks", "keypoints", "boxes", "people")
    return {name: np.stack(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}


def _random_camera(vertices: np.ndarray, rng: np.random.Generator) -> RigCamera:
    """A random camera on any side, from knee height to well above the head, near or far; the person fills the image."""
    azimuth, elevation = rng.uniform(0, 2 * np.pi), np.deg2rad(rng.triangular(-25, 0, 60))
    distance = rng.uniform(1.6, 5.0)
    backward = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
    middle = (vertices.min(0) + vertices.max(0)) / 2
    pose = look_at(middle + distance * backward, middle)
    camera = vertices @ pose[:3, :3].T + pose[:3, 3]
    slopes = camera[:, :2] / camera[:, 2:]
    low, high = slopes.min(0), slopes.max(0)
    focal = FILLED * SIZE / (high - low).max()
    centre = SIZE / 2 - focal * (low + high) / 2
    intrinsics = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    return RigCamera(intrinsics, pose, SIZE, SIZE)


if __name__ == "__main__":
    main()
