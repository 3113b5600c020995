"""A synthetic capture as arrays: a person from a seed in a random capture scene, frame by frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from posegaussian.config import BuiltinSettings
from posegaussian.errors import ConfigError
from posegaussian.synthetic.dataset.capture_scene import CaptureImage, CaptureScene
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.splits import split_of
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.rigs.rig import capture_rig
from posegaussian.synthetic.things.board import outline_of

_RIG_STREAM = 29
"""Second part of the random seed of cameras and light; an arbitrary number that no other stream of a person has."""


@dataclass(frozen=True)
class SyntheticCapture:
    """A posed subject and the scene that renders it."""

    scene: CaptureScene  # cameras and light
    posed: Callable[[int], PosedMesh]  # returns the posed mesh of a frame, by the frame's number
    # COCO-17 in each frame, metres, in the world; None where they are unknown
    joints: Float[np.ndarray, "t 17 3"] | None = None
    # inner corners of a calibration board in each frame, metres, in the world; None without a board
    board: Float[np.ndarray, "t c 3"] | None = None
    outline: Float[np.ndarray, "t 4 3"] | None = None  # its outer corners

    def render(self, frame: int) -> Iterator[tuple[str, CaptureImage]]:
        """Name and image of every camera, at one frame."""
        return self.scene.render(self.posed(frame), frame, None if self.outline is None else self.outline[frame])


def person_capture(seed: int, settings: BuiltinSettings) -> SyntheticCapture:
    """The capture of a synthetic person.

    Raises:
        ConfigError: no person has this seed.
    """
    split_of(seed)
    frames = np.zeros(settings.frames, int) if settings.still else np.arange(settings.frames)
    last, texel = int(frames.max()), texel_for(max(settings.size))
    subject = Subject.of(prepare_subject(seed, settings.people, last + 1, settings.fps, texel))
    rng = np.random.default_rng([seed, _RIG_STREAM])
    extent = subject.poses.extent(frames)
    scene = CaptureScene.draw(rng, settings, capture_rig(rng, settings, extent), extent)
    if scene.others:
        scene = scene.with_others(bystanders(seed, settings, scene, texel), settings.fps)
    joints, board = (values[frames].astype(float) for values in (subject.poses.joints, subject.poses.board))
    size, on_floor = settings.people.board, scene.board
    if on_floor is not None and settings.room.board is not None:
        size, board = settings.room.board, np.repeat(on_floor[None], len(frames), axis=0)
    seen = {"board": board, "outline": outline_of(board, size)} if board.size else {}
    return SyntheticCapture(scene, lambda frame: subject.posed(frames[frame : frame + 1]), joints, **seen)


def bystanders(seed: int, settings: BuiltinSettings, scene: CaptureScene, texel: float) -> list[Subject]:
    """Other people, around a person and on posters: those with the next seeds of the split; none holds a board."""
    people = replace(settings.people, things=tuple(name for name in settings.people.things if name != "board"))
    found = []
    for number, other in enumerate(bystander_seeds(seed, scene.others)):
        pace = scene.pace(number)
        frames, movement = (settings.frames, "pass") if pace else (1, None)
        found.append(Subject.of(prepare_subject(other, people, frames, settings.fps, texel, movement, pace)))
    return found


def bystander_seeds(seed: int, count: int) -> list[int]:
    """The next seeds of the same split; after the last ones, those before the person's."""
    following = [number for number in range(seed + 1, seed + 1 + count) if _known(number) == split_of(seed)]
    return following + [seed - 1 - i for i in range(count - len(following))]


def _known(seed: int) -> str | None:
    """The split of a person; None where no person has the seed."""
    try:
        return split_of(seed)
    except ConfigError:
        return None
