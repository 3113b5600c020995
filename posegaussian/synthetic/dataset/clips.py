"""The clips of a step: cameras, light and sensors are drawn, the people rendered, the truth measured."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from posegaussian.config import StreamSettings
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.geometry.projection import project
from posegaussian.synthetic.dataset.sample import Sample, concatenate
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.dataset.upload import upload
from posegaussian.synthetic.dataset.visibility import covisible, visible_joints
from posegaussian.synthetic.people.pose_sequence import PoseSequence
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import Lights, draw_lights, lamp_camera, shadow_map
from posegaussian.synthetic.renderer.render import GroundTruth, RenderedColours, render_colours, render_ground_truth
from posegaussian.synthetic.sensors.sensor import Sensor, draw_sensors
from posegaussian.types import Camera, StereoPair, Tensors, stack


def render_clip(subject: Subject, rng: np.random.Generator, settings: StreamSettings, frames: int) -> Sample:
    """Photograph one clip of consecutive frames."""
    return render_clips([subject], [rng], settings, frames)


def render_clips(
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

    renders = concatenate([_render(subject, sample, frames) for subject, sample in zip(subjects, samples, strict=True)])
    depth, parts = (values.unflatten(0, (-1, 2)) for values in (renders.truth.depth, renders.truth.parts))
    disparity = depth_to_disparity(depth, pairs)
    masks = _levels(renders.sources.coverage)
    images = sensors.apply(renders.sources.colours + renders.wall) * masks
    masks = masks.unflatten(0, (-1, 2))
    return Sample(
        pair=StereoPair(images.unflatten(0, (-1, 2)), masks, pairs),
        depth=depth,
        disparity=disparity,
        valid=((depth > 0) & (masks[:, :, 0] >= 0.5)).float(),
        visible=covisible(depth, disparity),
        parts=parts.int(),
        joint_visible=visible_joints(depth, joints2d=known["joints2d"], joint_depth=joint_depth),
        target=_levels(renders.target.colours.clamp(0, 1)),
        target_mask=_levels(renders.target.coverage),
        target_depth=renders.target_truth.depth,
        **known,
    )


@dataclass(frozen=True)
class CameraSample(Tensors):
    """What is drawn for a clip of t frames.

    Args:
        times: frames of the track.
        declared: the pair, as calibration has it.
        actual: the pair as it truly stands, frame by frame.
        target: the novel view.
        baseline: degrees.
        lights: the light.
        sensors: of the pair, frame by frame.
        lamp: from where the first lamp sees the person.
    """

    times: Int64[Tensor, t]
    declared: Camera
    actual: Camera
    target: Camera
    baseline: float
    lights: Lights
    sensors: Sensor
    lamp: Camera


def draw_camera_sample(
    poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int
) -> CameraSample:
    """Draw everything about a clip, on the host."""
    times = _moments(poses, rng, settings, frames)
    extent = poses.extent(times)
    scene = draw_stereo_scene(rng, settings, extent)
    lights = draw_lights(rng, settings.light)
    sensors = draw_sensors(rng, settings.sensor, frames, 2)
    lamp = lamp_camera(lights, (extent.min(0) + extent.max(0)) / 2)
    declared, actual, target, lamp = (
        stack([camera] * frames) for camera in (scene.declared, scene.actual, scene.target, lamp)
    )
    return CameraSample(torch.from_numpy(times), declared, _flat(actual), target, scene.baseline, lights, sensors, lamp)


def _moments(poses: PoseSequence, rng: np.random.Generator, settings: StreamSettings, frames: int) -> np.ndarray:
    """Consecutive frames of the track, or one of them again and again."""
    start, still = rng.integers(len(poses.joints) - frames + 1), rng.uniform() < settings.still
    return np.full(frames, start) if still else np.arange(start, start + frames)


@dataclass(frozen=True)
class ClipRenders(Tensors):
    """The pictures of a clip of t frames.

    Args:
        sources: by the pair as it truly stands, frames x 2.
        wall: what is seen of the wall behind the person in them.
        truth: of the pair as declared.
        target: the novel view.
        target_truth: of the same.
    """

    sources: RenderedColours
    wall: Float32[Tensor, "n 3 h w"]
    truth: GroundTruth
    target: RenderedColours
    target_truth: GroundTruth


def _render(subject: Subject, sample: CameraSample, frames: int) -> ClipRenders:
    """All pictures of a clip."""
    posed = subject.mesh.posed(subject.transforms[sample.times])
    shadows = shadow_map(posed, sample.lamp)
    frame_ids = torch.arange(frames, device=posed.vertices.device)
    twice = torch.arange(2 * frames, device=posed.vertices.device) // 2
    sources = render_colours(posed, twice, sample.actual, sample.lights, shadows)
    return ClipRenders(
        sources=sources,
        wall=(1 - sources.coverage) * sample.lights.background[:, None, None],
        truth=render_ground_truth(posed, twice, _flat(sample.declared)),
        target=render_colours(posed, frame_ids, sample.target, sample.lights, shadows),
        target_truth=render_ground_truth(posed, frame_ids, sample.target),
    )


def _flat(camera: Camera) -> Camera:
    """Cameras (b, 2) as a batch of b x 2."""
    return replace(
        camera, intrinsics=camera.intrinsics.flatten(0, 1), world_to_camera=camera.world_to_camera.flatten(0, 1)
    )


def _levels(values: Tensor) -> Tensor:
    """Rounded to whole 255ths, as files hold them."""
    return (255 * values).round() / 255
