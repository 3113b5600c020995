"""Training samples of clips: people, rendered by the cameras and in the light that were drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from posegaussian.config import StreamSettings
from posegaussian.geometry.disparity import depth_to_disparity
from posegaussian.synthetic.dataset.camera_sample import (
    CameraSample,
    ClipPerson,
    DrawnClips,
    draw_packed,
    flat_cameras,
)
from posegaussian.synthetic.dataset.delay import Filmed, when_filmed
from posegaussian.synthetic.dataset.packing import Packed
from posegaussian.synthetic.dataset.sample import Sample, SampleSurroundings, concatenate
from posegaussian.synthetic.dataset.visibility import covisible, visible_joints
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.lights import shadow_map
from posegaussian.synthetic.renderer.render import GroundTruth, RenderedColours, render_colours, render_ground_truth
from posegaussian.synthetic.rooms.bystanders import middle_of, placed, truth_with_bystanders
from posegaussian.synthetic.rooms.darkening import Shade
from posegaussian.synthetic.rooms.lit_room import LitRoom
from posegaussian.synthetic.rooms.posters import hung
from posegaussian.synthetic.rooms.reflection import SeenRoom
from posegaussian.synthetic.rooms.surfaces import PERSON
from posegaussian.synthetic.rooms.view import (
    RoomTruth,
    room_truth,
    visible_truth,
)
from posegaussian.synthetic.sensors.sensor import Sensor
from posegaussian.types import StereoPair, Tensors


def render_clip(subject: Subject, rng: np.random.Generator, settings: StreamSettings, frames: int) -> Sample:
    """Training samples of one clip; arguments as for `render_clips`."""
    return render_clips([subject], [rng], settings, frames)


def render_clips(
    subjects: list[Subject], rngs: list[np.random.Generator], settings: StreamSettings, frames: int
) -> Sample:
    """Training samples of clips of consecutive frames, on the device of the subjects."""
    people = [
        ClipPerson.draw(subject.seed, subject.poses, rng, settings, frames)
        for subject, rng in zip(subjects, rngs, strict=True)
    ]
    return render_drawn(subjects, draw_packed(people, rngs, settings), not settings.room.off)


def render_drawn(subjects: list[Subject], packed: Packed, rooms: bool) -> Sample:
    """Training samples of clips whose random parameters are drawn.

    The parameters go to the device in one copy, so the host never waits for it. In rooms with other people, these are
    the people of the other clips.
    """
    drawn: DrawnClips = packed.on(subjects[0].transforms.device)
    renders = concatenate(
        [
            _render(subject, clip, rooms, subjects[number + 1 :] + subjects[:number])
            for number, (subject, clip) in enumerate(zip(subjects, drawn.clips, strict=True))
        ]
    )
    depth, parts = (values.unflatten(0, (-1, 2)) for values in (renders.truth.depth, renders.truth.parts))
    disparity = depth_to_disparity(depth, drawn.pairs)
    masks = _levels(renders.coverage)
    filmed = drawn.sensors.apply(renders.images)
    masks = masks.unflatten(0, (-1, 2))
    images = filmed.unflatten(0, (-1, 2))
    return Sample(
        pair=StereoPair(images * masks, masks, drawn.pairs),
        depth=depth,
        disparity=disparity,
        valid=((depth > 0) & (masks[:, :, 0] >= 0.5)).float(),
        visible=covisible(depth, disparity),
        parts=parts.int(),
        joints=drawn.joints,
        joints2d=drawn.joints2d,
        joint_visible=visible_joints(depth, joints2d=drawn.joints2d, joint_depth=drawn.joint_depth),
        target=_levels(renders.target.colours.clamp(0, 1)),
        target_mask=_levels(renders.target.coverage),
        target_depth=renders.target_truth.depth,
        target_camera=drawn.target_camera,
        person=drawn.person,
        baseline=drawn.baseline,
        surroundings=None if renders.room is None else _surroundings(images, renders, drawn.sensors),
    )


@dataclass(frozen=True)
class ClipRenders(Tensors):
    """Renders of a clip of t frames."""

    images: Float32[Tensor, "n 3 h w"]  # of the actual pair, in front of the wall or in the room, batch t x 2
    coverage: Float32[Tensor, "n 1 h w"]  # of the same images
    truth: GroundTruth  # of the declared pair
    target: RenderedColours  # developed colours of the novel view
    target_truth: GroundTruth  # of the novel view
    room: RoomRenders | None  # what is only known in rooms


@dataclass(frozen=True)
class RoomRenders(Tensors):
    """Renders of the pair in a room."""

    colours: Float32[Tensor, "n 3 h w"]  # of the person, multiplied by the coverage
    truth: RoomTruth  # depth and labels of everything, of the declared pair


def _render(subject: Subject, sample: CameraSample, rooms: bool, others: list[Subject]) -> ClipRenders:
    """All renders of a clip; the novel view shows the person alone."""
    posed = subject.mesh.posed(subject.transforms[sample.times])
    frames, shadows = len(sample.times), shadow_map(posed, sample.lamp)
    each = torch.arange(frames, device=posed.vertices.device)
    twice = torch.arange(2 * frames, device=posed.vertices.device) // 2
    filmed = Filmed(posed, twice, shadows)
    if sample.delay:
        filmed = when_filmed(subject, sample.times, sample.delay, sample.lamp)
    truth, room = render_ground_truth(posed, twice, flat_cameras(sample.declared)), None
    if sample.room is None:
        sources = render_colours(filmed.posed, filmed.frame, sample.actual, sample.lights, filmed.shadows)
        images = sources.over(sample.lights.background)
        if rooms:
            person = (truth.depth > 0).to(torch.uint8) * PERSON
            room = RoomRenders(sources.colours, RoomTruth(truth.depth, person))
    else:
        standing = 0 if sample.bystanders is None else len(sample.bystanders.place)
        shown = [] if sample.room.posters is None else [one.posed_first() for one in others[standing:]]
        lit, pair = hung(LitRoom.of(sample.room), shown), torch.arange(2, device=twice.device).repeat(frames)
        cameras, declared = sample.actual[:2], sample.declared[0]
        seen, empty = SeenRoom.of(lit, cameras), room_truth(lit, declared)
        if sample.bystanders is not None:
            spots = sample.bystanders
            posed_others = [one.posed_first() for one in others[: len(spots.place)]]
            people = [placed(one, spots, i, middle_of(one)) for i, one in enumerate(posed_others)]
            seen = seen.inhabited(people, spots, sample.lights)
            empty = truth_with_bystanders(empty, people, declared)
        shade = Shade.of(posed, shadows, sample.lights, sample.middle)
        scene = filmed.posed, filmed.frame, sample.actual, sample.lights, filmed.shadows
        images, sources = seen.images(*scene, shade, twice)
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


def _levels(values: Tensor) -> Tensor:
    """Values rounded to multiples of 1/255, as in 8-bit files."""
    return (255 * values).round() / 255
