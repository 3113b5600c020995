"""Random parameters of clips: cameras, lights, sensors and rooms, drawn on the CPU, in this process or another one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int64
from torch import Tensor

from posegaussian.config import StreamSettings
from posegaussian.errors import ConfigError
from posegaussian.geometry.projection import project
from posegaussian.synthetic.dataset.delay import draw_delay
from posegaussian.synthetic.dataset.packing import Packed
from posegaussian.synthetic.dataset.sample import concatenate
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.people.pose_sequence import PoseSequence
from posegaussian.synthetic.renderer.lights import Lights, draw_lights, lamp_camera
from posegaussian.synthetic.rooms.bystanders import Bystanders
from posegaussian.synthetic.rooms.drawing import draw_room
from posegaussian.synthetic.rooms.room import Room
from posegaussian.synthetic.sensors.development import draw_development
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors
from posegaussian.types import Camera, Tensors, stack

ATTEMPTS = 50
"""How often a clip is drawn at most until its cameras see the person and its room holds them; chosen by hand."""


@dataclass(frozen=True)
class ClipPerson:
    """What drawing a clip needs of its person; small enough to be sent to another process."""

    seed: int  # of the person
    times: Int[np.ndarray, t]  # numbers of the t frames in the pose sequence
    extent: Float[np.ndarray, "p 3"]  # points that bound the person in these frames, metres, in the world
    joints: Float32[np.ndarray, "t 17 3"]  # COCO-17 in these frames, metres, in the world

    @staticmethod
    def draw(
        seed: int, poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int
    ) -> ClipPerson:
        """A person in random frames of their sequence."""
        times = _draw_times(poses, rng, settings, frames)
        return ClipPerson(seed, times, poses.extent(times), poses.joints[times])


@dataclass(frozen=True)
class CameraSample(Tensors):
    """Random parameters of a clip of t frames: cameras, lights and sensors."""

    times: Int64[Tensor, t]  # numbers of the frames in the pose sequence
    declared: Camera  # the rectified pair according to its calibration, batch (t, 2)
    actual: Camera  # the pair that renders the images, with errors of calibration, batch t x 2
    target: Camera  # the camera of the novel view
    baseline: float  # angle between the cameras of the pair as seen from the person, degrees
    lights: Lights  # the light
    sensors: Sensor  # of the pair, batch t x 2
    lamp: Camera  # the camera of the first lamp's shadow map
    middle: Float32[Tensor, 3]  # of the person in these frames, metres
    delay: float  # how much later than the first camera the second one films, frames; the true time lies half-way
    room: Room | None  # what surrounds the person; None: an even wall
    bystanders: Bystanders | None  # where other people stand in it; None: nowhere


@dataclass(frozen=True)
class DrawnClips(Tensors):
    """Random parameters of the clips of a batch, b = clips x frames."""

    clips: tuple[CameraSample, ...]  # of each clip
    pairs: Camera  # the declared pairs of all clips
    sensors: Sensor  # of all pairs, batch b x 2
    joints: Float32[Tensor, "b 17 3"]  # COCO-17 in the world, metres
    joints2d: Float32[Tensor, "b 2 17 2"]  # the same in rectified pixels
    joint_depth: Float32[Tensor, "b 2 17"]  # their depths, metres
    target_camera: Camera  # cameras of the novel views
    person: Int64[Tensor, b]  # seeds of the people
    baseline: Float32[Tensor, b]  # angles between the cameras of the pairs, degrees


def draw_clips(people: list[ClipPerson], rngs: list[np.random.Generator], settings: StreamSettings) -> DrawnClips:
    """Random parameters of clips, on the CPU."""
    clips = [draw_camera_sample(person, rng, settings) for person, rng in zip(people, rngs, strict=True)]
    pairs = concatenate([clip.declared for clip in clips])
    joints = torch.from_numpy(np.concatenate([person.joints for person in people]))
    joints2d, joint_depth = project(joints[:, None].expand(-1, 2, -1, -1), pairs)
    return DrawnClips(
        clips=tuple(clips),
        pairs=pairs,
        sensors=concatenate([clip.sensors for clip in clips]),
        joints=joints,
        joints2d=joints2d,
        joint_depth=joint_depth,
        target_camera=concatenate([clip.target for clip in clips]),
        person=torch.tensor([person.seed for person in people for _ in person.times]),
        baseline=torch.tensor([clip.baseline for clip in clips for _ in clip.times]),
    )


def draw_packed(people: list[ClipPerson], rngs: list[np.random.Generator], settings: StreamSettings) -> Packed:
    """`draw_clips` in one block of memory, which another process may send back and a device receives in one copy."""
    return Packed.of(draw_clips(people, rngs, settings))


def draw_camera_sample(person: ClipPerson, rng: np.random.Generator, settings: StreamSettings) -> CameraSample:
    """Random parameters of a clip, on the CPU, drawn anew where the cameras and the person or the room do not fit.

    Raises:
        ConfigError: of the last of `ATTEMPTS` draws.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _camera_sample(person, rng, settings)
        except ConfigError:
            continue
    return _camera_sample(person, rng, settings)


def _camera_sample(person: ClipPerson, rng: np.random.Generator, settings: StreamSettings) -> CameraSample:
    """Random parameters of a clip, drawn once."""
    frames, extent = len(person.times), person.extent
    scene = draw_stereo_scene(rng, settings, extent)
    lights = draw_lights(rng, settings.light)
    development = draw_development(rng, settings.sensor, settings.light.linear)
    sensors = draw_sensors(rng, settings.sensor, development, frames, 2)
    room, middle = None, (extent.min(0) + extent.max(0)) / 2
    if not settings.room.off:
        eyes = torch.cat([scene.declared.centre, scene.target.centre[None]]).double().numpy()
        room, lights = draw_room(rng, settings.room, settings.light, eyes, extent) or (None, lights)
    lamp = lamp_camera(lights, middle)
    declared, actual, target, lamp = (
        stack([camera] * frames) for camera in (scene.declared, scene.actual, scene.target, lamp)
    )
    return CameraSample(
        times=torch.from_numpy(person.times),
        declared=declared,
        actual=flat_cameras(actual),
        target=target,
        baseline=scene.baseline,
        lights=lights,
        sensors=sensors,
        lamp=lamp,
        middle=torch.from_numpy(middle.astype(np.float32)),
        delay=draw_delay(rng, settings.unsynchronised),
        room=room,
        bystanders=room and Bystanders.of(room.others, lights),
    )


def _draw_times(poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int) -> np.ndarray:
    """Numbers of consecutive frames, or one number repeated where the person stands still."""
    start, still = rng.integers(len(poses.joints) - frames + 1), rng.uniform() < settings.still
    return np.full(frames, start) if still else np.arange(start, start + frames)


def flat_cameras(camera: Camera) -> Camera:
    """Cameras (b, 2) as a batch of b x 2."""
    return replace(
        camera, intrinsics=camera.intrinsics.flatten(0, 1), world_to_camera=camera.world_to_camera.flatten(0, 1)
    )
