"""Training samples of clips: cameras, lights and sensors are drawn at random, then people are rendered."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from posegaussian.config import StreamSettings
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.projection import project
from posegaussian.synthetic.dataset.delay import Filmed, draw_delay, when_filmed
from posegaussian.synthetic.dataset.sample import Sample, SampleSurroundings, concatenate
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.dataset.upload import upload
from posegaussian.synthetic.dataset.visibility import covisible, visible_joints
from posegaussian.synthetic.people.pose_sequence import PoseSequence
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import Lights, draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import GroundTruth, RenderedColours, render_colours, render_ground_truth
from posegaussian.synthetic.rooms.baking import LitRoom
from posegaussian.synthetic.rooms.bystanders import Bystanders, placed, truth_with_bystanders, with_bystanders
from posegaussian.synthetic.rooms.contact import contact_map
from posegaussian.synthetic.rooms.drawing import draw_room
from posegaussian.synthetic.rooms.room import Room
from posegaussian.synthetic.rooms.surfaces import PERSON
from posegaussian.synthetic.rooms.view import (
    RoomTruth,
    composed,
    darkness,
    room_truth,
    view_room,
    visible_truth,
)
from posegaussian.synthetic.sensors.development import draw_development
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors
from posegaussian.types import Camera, StereoPair, Tensors, stack


def render_clip(subject: Subject, rng: np.random.Generator, settings: StreamSettings, frames: int) -> Sample:
    """Training samples of one clip; arguments as for `render_clips`."""
    return render_clips([subject], [rng], settings, frames)


def render_clips(
    subjects: list[Subject], rngs: list[np.random.Generator], settings: StreamSettings, frames: int
) -> Sample:
    """Training samples of clips of consecutive frames, on the device of the subjects.

    All random parameters are drawn on the host and go to the device in one copy, so the host never waits for it. In
    rooms with other people, these are the people of the other clips.

    Args:
        subjects: the person of each clip.
        rngs: one random generator for each clip.
        settings: sizes and ranges to draw from.
        frames: number of frames of each clip.
    """
    device = subjects[0].transforms.device
    samples = [
        draw_camera_sample(subject.poses, rng, settings, frames) for subject, rng in zip(subjects, rngs, strict=True)
    ]
    pairs = concatenate([sample.declared for sample in samples])
    joints = torch.from_numpy(
        np.concatenate(
            [subject.poses.joints[sample.times.numpy()] for subject, sample in zip(subjects, samples, strict=True)]
        )
    )
    joints2d, joint_depth = project(joints[:, None].expand(-1, 2, -1, -1), pairs)
    known = {
        "joints": joints,
        "joints2d": joints2d,
        "target_camera": concatenate([sample.target for sample in samples]),
        "person": torch.tensor([subject.seed for subject in subjects for _ in range(frames)]),
        "baseline": torch.tensor([sample.baseline for sample in samples for _ in range(frames)]),
    }
    sensors = concatenate([sample.sensors for sample in samples])
    samples, pairs, joint_depth, known, sensors = upload((samples, pairs, joint_depth, known, sensors), device)

    rooms = not settings.room.off
    renders = concatenate(
        [
            _render(subject, sample, frames, rooms, subjects[number + 1 :] + subjects[:number])
            for number, (subject, sample) in enumerate(zip(subjects, samples, strict=True))
        ]
    )
    depth, parts = (values.unflatten(0, (-1, 2)) for values in (renders.truth.depth, renders.truth.parts))
    disparity = depth_to_disparity(depth, pairs)
    masks = _levels(renders.coverage)
    filmed = sensors.apply(renders.images)
    masks = masks.unflatten(0, (-1, 2))
    images = filmed.unflatten(0, (-1, 2))
    return Sample(
        pair=StereoPair(images * masks, masks, pairs),
        depth=depth,
        disparity=disparity,
        valid=((depth > 0) & (masks[:, :, 0] >= 0.5)).float(),
        visible=covisible(depth, disparity),
        parts=parts.int(),
        joint_visible=visible_joints(depth, joints2d=known["joints2d"], joint_depth=joint_depth),
        target=_levels(renders.target.colours.clamp(0, 1)),
        target_mask=_levels(renders.target.coverage),
        target_depth=renders.target_truth.depth,
        surroundings=None if renders.room is None else _surroundings(images, renders, sensors),
        **known,
    )


@dataclass(frozen=True)
class CameraSample(Tensors):
    """Random parameters of a clip of t frames: cameras, lights and sensors.

    Args:
        times: numbers of the frames in the pose sequence.
        declared: the rectified pair according to its calibration, batch (t, 2).
        actual: the pair that renders the images, with errors of calibration, batch t x 2.
        target: the camera of the novel view.
        baseline: angle between the cameras of the pair as seen from the person, degrees.
        lights: the light.
        sensors: of the pair, batch t x 2.
        lamp: the camera of the first lamp's shadow map.
        middle: of the person in these frames, metres.
        delay: how much later than the first camera the second one films, frames; the true time lies half-way.
        room: what surrounds the person; None: an even wall.
        bystanders: where other people stand in it; None: nowhere.
    """

    times: Int64[Tensor, t]
    declared: Camera
    actual: Camera
    target: Camera
    baseline: float
    lights: Lights
    sensors: Sensor
    lamp: Camera
    middle: Float32[Tensor, 3]
    delay: float
    room: Room | None
    bystanders: Bystanders | None


def draw_camera_sample(
    poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int
) -> CameraSample:
    """Random parameters of a clip, on the CPU."""
    times = _draw_times(poses, rng, settings, frames)
    extent = poses.extent(times)
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
        times=torch.from_numpy(times),
        declared=declared,
        actual=_flat(actual),
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


@dataclass(frozen=True)
class ClipRenders(Tensors):
    """Renders of a clip of t frames.

    Args:
        images: of the actual pair, in front of the wall or in the room, batch t x 2.
        coverage: of the same images.
        truth: of the declared pair.
        target: developed colours of the novel view.
        target_truth: of the novel view.
        room: what is only known in rooms.
    """

    images: Float32[Tensor, "n 3 h w"]
    coverage: Float32[Tensor, "n 1 h w"]
    truth: GroundTruth
    target: RenderedColours
    target_truth: GroundTruth
    room: RoomRenders | None


@dataclass(frozen=True)
class RoomRenders(Tensors):
    """Renders of the pair in a room.

    Args:
        colours: of the person, multiplied by the coverage.
        truth: depth and labels of everything, of the declared pair.
    """

    colours: Float32[Tensor, "n 3 h w"]
    truth: RoomTruth


def _render(subject: Subject, sample: CameraSample, frames: int, rooms: bool, others: list[Subject]) -> ClipRenders:
    """All renders of a clip; the novel view shows the person alone.

    Args:
        subject: the person.
        sample: random parameters.
        frames: number of frames.
        rooms: whether other clips may have a room.
        others: people who may stand around, in the first frame of their sequence.
    """
    posed = subject.mesh.posed(subject.transforms[sample.times])
    shadows = shadow_map(posed, sample.lamp)
    each = torch.arange(frames, device=posed.vertices.device)
    twice = torch.arange(2 * frames, device=posed.vertices.device) // 2
    filmed = Filmed(posed, twice, shadows)
    if sample.delay:
        filmed = when_filmed(subject, sample.times, sample.delay, sample.lamp)
    truth, room = render_ground_truth(posed, twice, _flat(sample.declared)), None
    if sample.room is None:
        sources = render_colours(filmed.posed, filmed.frame, sample.actual, sample.lights, filmed.shadows)
        images = sources.over(sample.lights.background)
        if rooms:
            person = (truth.depth > 0).to(torch.uint8) * PERSON
            room = RoomRenders(sources.colours, RoomTruth(truth.depth, person))
    else:
        lit, pair = LitRoom.of(sample.room), torch.arange(2, device=twice.device).repeat(frames)
        cameras, declared = sample.actual[:2], sample.declared[0]
        view, empty = view_room(lit, cameras), room_truth(lit, declared)
        if sample.bystanders is not None:
            spots = sample.bystanders
            people = [placed(one.posed_first(), spots, i) for i, one in enumerate(others[: len(spots.place)])]
            view = with_bystanders(view, people, spots, cameras, sample.lights)
            empty = truth_with_bystanders(empty, people, declared)
        view = view.frames(frames)
        scene = filmed.posed, filmed.frame, sample.actual, sample.lights, filmed.shadows
        sources = render_colours(*scene, limit=view.depth)
        free = contact_map(posed, sample.middle)
        left = darkness(view, shadows, twice, sample.lights, free, sample.middle)
        images = composed(view, sources, left)
        truth, whole = visible_truth(truth, empty[pair])
        room = RoomRenders(sources.colours, whole)
    return ClipRenders(
        images=images,
        coverage=sources.coverage,
        truth=truth,
        target=_developed(render_colours(posed, each, sample.target, sample.lights, shadows), sample.sensors, images),
        target_truth=render_ground_truth(posed, each, sample.target),
        room=room,
    )


def _developed(target: RenderedColours, sensors: Sensor, images: Float32[Tensor, "n 3 h w"]) -> RenderedColours:
    """The novel view as a clean camera of the same make develops it, with the mean exposure of the pair."""
    gains = sensors.development.gains(images).unflatten(0, (-1, 2)).log().mean(1).exp()
    return sensors.development[::2].developed(target, gains)


def _surroundings(images: Float32[Tensor, "b 2 3 h w"], renders: ClipRenders, sensors: Sensor) -> SampleSurroundings:
    """The part of a sample that describes the rooms."""
    assert renders.room is not None
    foreground = sensors.exposed(renders.room.colours / renders.coverage.clamp_min(1e-6), renders.images)
    labels, depth = renders.room.truth.labels.int(), renders.room.truth.depth
    foreground, labels, depth = (values.unflatten(0, (-1, 2)) for values in (foreground, labels, depth))
    return SampleSurroundings(images, foreground, labels, depth)


def _flat(camera: Camera) -> Camera:
    """Cameras (b, 2) as a batch of b x 2."""
    return replace(
        camera, intrinsics=camera.intrinsics.flatten(0, 1), world_to_camera=camera.world_to_camera.flatten(0, 1)
    )


def _levels(values: Tensor) -> Tensor:
    """Values rounded to multiples of 1/255, as in 8-bit files."""
    return (255 * values).round() / 255
