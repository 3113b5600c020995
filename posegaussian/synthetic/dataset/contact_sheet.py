"""Contact sheets: many people, or one movement frame by frame, in one image."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from posegaussian.config import BuiltinSettings, LightSettings, PeopleSettings, RigSettings, RoomSettings
from posegaussian.synthetic.dataset.capture_scene import CaptureScene
from posegaussian.synthetic.dataset.synthetic_capture import bystanders
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import render_colours
from posegaussian.synthetic.rigs.calibration import camera_batch
from posegaussian.synthetic.rigs.rig import RigCamera, capture_rig, look_at

CAMERA_DISTANCE = 4.0
"""Distance of the camera from the person, metres; chosen by hand."""
VIEW_HEIGHT = 2.12
"""Height of the image at the person, metres: the tallest default person (1.92 m) and a margin."""
ASPECT = 0.62
"""Width of one image as a share of its height; chosen by hand."""
FRAME_STEP = 5
"""Frames at 30 fps between two images of a sequence."""

ROOM_RIG = RigSettings(radius=(2.0, 4.0), pitch=(-8.0, 18.0), roll=(-2.0, 2.0), vertical=0.0, focal=(0.6, 1.3))
"""Cameras of sheets with rooms: as people film people, upright and at the height of eyes or chest; by hand."""


def tile_images(images: Sequence[UInt8[np.ndarray, "h w 3"]], columns: int) -> UInt8[np.ndarray, "_ _ 3"]:
    """Images of one size on one sheet, row by row; black where the last row ends early."""
    filled = [*images, *[np.zeros_like(images[0])] * (-len(images) % columns)]
    rows = [np.concatenate(filled[i : i + columns], axis=1) for i in range(0, len(filled), columns)]
    return np.concatenate(rows)


def render_portraits(seed: int, settings: PeopleSettings, size: int, frames: int) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Images of a person, from a direction that the seed draws.

    Args:
        seed: of the person.
        settings: which people may be drawn.
        size: height of an image, pixels.
        frames: number of images, `FRAME_STEP` frames apart.
    """
    rng = np.random.default_rng([seed, 41])
    subject = Subject.of(prepare_subject(seed, settings, FRAME_STEP * (frames - 1) + 1, 30, texel_for(size)))
    lights = draw_lights(rng, LightSettings())
    side = rng.uniform(-0.7, 0.7)
    images = []
    for frame in range(0, FRAME_STEP * frames, FRAME_STEP):
        posed = subject.posed(np.array([frame]))
        middle = np.array([*subject.poses.extent(np.array([frame]))[:, :2].mean(0), 0.5 * VIEW_HEIGHT - 0.08])
        eye = middle + CAMERA_DISTANCE * np.array([np.sin(side), -np.cos(side), 0.12])
        width, focal = int(ASPECT * size), CAMERA_DISTANCE / VIEW_HEIGHT * size
        intrinsics = np.array([[focal, 0, width / 2], [0, focal, size / 2], [0, 0, 1]])
        camera = camera_batch([RigCamera(intrinsics, look_at(eye, middle), width, size)])
        shadows = shadow_map(posed, lamp_camera(lights, middle)[None])
        rendered = render_colours(posed, camera.intrinsics.new_zeros(1).long(), camera, lights, shadows)
        image = rendered.over(lights.background)[0]
        images.append((255 * image.clamp(0, 1)).round().byte().permute(1, 2, 0).numpy())
    return images


def render_in_room(
    seed: int, settings: PeopleSettings, room: RoomSettings, size: int, frames: int
) -> list[UInt8[np.ndarray, "h w 3"]]:
    """Square images of a person in a room from a camera that the seed draws.

    Args:
        seed: of the person, the room and the camera.
        settings: which people may be drawn.
        room: which rooms may be drawn.
        size: width and height of an image, pixels.
        frames: number of images, `FRAME_STEP` frames apart.
    """
    numbers = FRAME_STEP * np.arange(frames)
    subject = Subject.of(prepare_subject(seed, settings, int(numbers[-1]) + 1, 30, texel_for(size)))
    extent = subject.poses.extent(numbers)
    builtin = BuiltinSettings(frames=1, size=(size, size), sources=2, rig=ROOM_RIG, room=room, people=settings)
    rng = np.random.default_rng([seed, 41])
    scene = CaptureScene.draw(rng, builtin, capture_rig(rng, builtin, extent), extent).only("00")
    if scene.others:
        scene = scene.with_others(bystanders(seed, builtin, scene, texel_for(size)), builtin.fps)
    return [image.image for number in numbers for _, image in scene.render(subject.posed(np.array([number])), 0)]
