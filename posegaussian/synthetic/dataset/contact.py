"""Contact sheets: many people, or one movement frame by frame, in one picture."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from posegaussian.config import LightSettings, PeopleSettings
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.photograph import photograph
from posegaussian.synthetic.rigs.calibration import cameras
from posegaussian.synthetic.rigs.rig import View, look_at

DISTANCE = 4.0
"""Of the camera from the person, metres."""
TALL = 2.12
"""Height of the picture at the person, metres."""
ASPECT = 0.62
"""Width of one picture as a share of its height."""
STEP = 5
"""Frames at 30 fps between two pictures of a sequence."""


def laid_out(pictures: Sequence[UInt8[np.ndarray, "h w 3"]], columns: int) -> UInt8[np.ndarray, "_ _ 3"]:
    """Pictures of one size on one sheet, row by row; black where the last row ends early."""
    filled = [*pictures, *[np.zeros_like(pictures[0])] * (-len(pictures) % columns)]
    rows = [np.concatenate(filled[i : i + columns], axis=1) for i in range(0, len(filled), columns)]
    return np.concatenate(rows)


def portraits(seed: int, settings: PeopleSettings, size: int, frames: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Pictures of a person from a side of their own.

    Args:
        seed: who.
        settings: which people may be drawn.
        size: height of a picture, pixels.
        frames: how many moments, `STEP` frames apart.
    """
    rng = np.random.default_rng([seed, 41])
    subject = Subject.of(prepare_subject(seed, settings, STEP * (frames - 1) + 1, 30, texel_for(size)))
    lights = draw_lights(rng, LightSettings())
    side = rng.uniform(-0.7, 0.7)
    pictures = []
    for frame in range(0, STEP * frames, STEP):
        posed = subject.posed(np.array([frame]))
        middle = np.array([*subject.poses.extent(np.array([frame]))[:, :2].mean(0), 0.5 * TALL - 0.08])
        eye = middle + DISTANCE * np.array([np.sin(side), -np.cos(side), 0.12])
        width, focal = int(ASPECT * size), DISTANCE / TALL * size
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, size / 2], [0, 0, 1]])
        camera = cameras([View(intrinsics, look_at(eye, middle), width, size)])
        shadows = shadow_map(posed, lamp_camera(lights.directions[0].double().numpy(), middle)[None])
        photo = photograph(posed, camera.intrinsics.new_zeros(1).long(), camera, lights, shadows)
        image = photo.colours[0] + (1 - photo.coverage[0]) * lights.background[:, None, None]
        pictures.append((255 * image.clamp(0, 1)).round().byte().permute(1, 2, 0).numpy())
    return pictures
