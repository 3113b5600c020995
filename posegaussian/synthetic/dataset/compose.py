"""The clips of a step: cameras, light and sensors are drawn, the people photographed, the truth measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from posegaussian.config import StreamSettings
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.projection import project
from posegaussian.synthetic.dataset.sample import Sample, concatenated
from posegaussian.synthetic.dataset.stage import draw_stage
from posegaussian.synthetic.dataset.upload import upload
from posegaussian.synthetic.dataset.visibility import joints_seen, seen_by_both
from posegaussian.synthetic.people.pose_sequence import PoseSequence
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import Lights, draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.photograph import Photographs, Truth, measure, photograph
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors
from posegaussian.types import Camera, StereoPair, Tensors, stack


def compose(subject: Subject, rng: np.random.Generator, settings: StreamSettings, frames: int) -> Sample:
    """Photograph one clip of consecutive frames."""
    return compose_clips([subject], [rng], settings, frames)


def compose_clips(
    subjects: list[Subject], rngs: list[np.random.Generator], settings: StreamSettings, frames: int
) -> Sample:
    """Photograph clips of consecutive frames; what is drawn goes to the device in one copy, and nothing waits for it.

    Args:
        subjects: who is seen in each clip.
        rngs: draw everything about each.
        settings: from what.
        frames: of each clip.
    """
    device = subjects[0].transforms.device
    takes = [draw_take(subject.poses, rng, settings, frames) for subject, rng in zip(subjects, rngs, strict=True)]
    pairs = concatenated([take.declared for take in takes])
    joints = torch.from_numpy(
        np.concatenate(
            [subject.poses.joints[take.times.numpy()] for subject, take in zip(subjects, takes, strict=True)]
        )
    )
    joints2d, joint_depth = project(joints[:, None].expand(-1, 2, -1, -1), pairs)
    known = {
        "joints": joints,
        "joints2d": joints2d,
        "target_camera": concatenated([take.target for take in takes]),
        "person": torch.tensor([subject.seed for subject in subjects for _ in range(frames)]),
        "baseline": torch.tensor([take.baseline for take in takes for _ in range(frames)]),
    }
    sensors = concatenated([take.sensors for take in takes])
    takes, pairs, joint_depth, known, sensors = upload((takes, pairs, joint_depth, known, sensors), device)

    shots = concatenated([_shots(subject, take, frames) for subject, take in zip(subjects, takes, strict=True)])
    depth, parts = (values.unflatten(0, (-1, 2)) for values in (shots.truth.depth, shots.truth.parts))
    disparity = depth_to_disparity(depth, pairs)
    masks = _levels(shots.sources.coverage)
    images = sensors.develop(shots.sources.colours + shots.wall) * masks
    masks = masks.unflatten(0, (-1, 2))
    return Sample(
        pair=StereoPair(images.unflatten(0, (-1, 2)), masks, pairs),
        depth=depth,
        disparity=disparity,
        valid=((depth > 0) & (masks[:, :, 0] >= 0.5)).float(),
        visible=seen_by_both(depth, disparity),
        parts=parts.int(),
        joint_visible=joints_seen(depth, joints2d=known["joints2d"], joint_depth=joint_depth),
        target=_levels(shots.target.colours.clamp(0, 1)),
        target_mask=_levels(shots.target.coverage),
        target_depth=shots.target_truth.depth,
        **known,
    )


@dataclass(frozen=True)
class Take(Tensors):
    """What is drawn for a clip of t frames.

    Args:
        times: frames of the track.
        declared: the pair, as calibration has it.
        photographed: the pair as it truly stands, frame by frame.
        target: the novel view.
        baseline: degrees.
        lights: the light.
        sensors: of the pair, frame by frame.
        lamp: from where the first lamp sees the person.
    """

    times: Int64[Tensor, t]
    declared: Camera
    photographed: Camera
    target: Camera
    baseline: float
    lights: Lights
    sensors: Sensor
    lamp: Camera


def draw_take(poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int) -> Take:
    """Draw everything about a clip, on the host."""
    times = _moments(poses, rng, settings, frames)
    extent = poses.extent(times)
    stage = draw_stage(rng, settings, extent)
    lights = draw_lights(rng, settings.light)
    sensors = draw_sensors(rng, settings.sensor, frames, 2)
    lamp = lamp_camera(lights.directions[0].double().numpy(), (extent.min(0) + extent.max(0)) / 2)
    declared, photographed, target, lamp = (
        stack([camera] * frames) for camera in (stage.pair, stage.photographed, stage.target, lamp)
    )
    return Take(torch.from_numpy(times), declared, _flat(photographed), target, stage.baseline, lights, sensors, lamp)


def _moments(poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int) -> np.ndarray:
    """Consecutive frames of the track, or one of them again and again."""
    start, still = rng.integers(len(poses.joints) - frames + 1), rng.uniform() < settings.still
    return np.full(frames, start) if still else np.arange(start, start + frames)


@dataclass(frozen=True)
class Shots(Tensors):
    """The pictures of a clip of t frames.

    Args:
        sources: by the pair as it truly stands, frames x 2.
        wall: what is seen of the wall behind the person in them.
        truth: of the pair as declared.
        target: the novel view.
        target_truth: of the same.
    """

    sources: Photographs
    wall: Float32[Tensor, "n 3 h w"]
    truth: Truth
    target: Photographs
    target_truth: Truth


def _shots(subject: Subject, take: Take, frames: int) -> Shots:
    """All pictures of a clip."""
    posed = subject.mesh.posed(subject.transforms[take.times])
    shadows = shadow_map(posed, take.lamp)
    moments = torch.arange(frames, device=posed.vertices.device)
    twice = torch.arange(2 * frames, device=posed.vertices.device) // 2
    sources = photograph(posed, twice, take.photographed, take.lights, shadows)
    return Shots(
        sources=sources,
        wall=(1 - sources.coverage) * take.lights.background[:, None, None],
        truth=measure(posed, twice, _flat(take.declared)),
        target=photograph(posed, moments, take.target, take.lights, shadows),
        target_truth=measure(posed, moments, take.target),
    )


def _flat(camera: Camera) -> Camera:
    """Cameras (b, 2) as a batch of b x 2."""
    return replace(
        camera, intrinsics=camera.intrinsics.flatten(0, 1), world_to_camera=camera.world_to_camera.flatten(0, 1)
    )


def _levels(values: Tensor) -> Tensor:
    """Rounded to whole 255ths, as files hold them."""
    return (255 * values).round() / 255
