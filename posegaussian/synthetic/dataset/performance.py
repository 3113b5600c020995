"""What the cameras of a capture film, as arrays: a person from a seed in a drawn studio, frame by frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.config import BuiltinSettings
from posegaussian.synthetic.dataset.studio import Photo, Studio
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.splits import split_of
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.rigs.rig import capture_rig

_RIG = 29
"""Branch of a person's random numbers for cameras and light."""


@dataclass(frozen=True)
class Performance:
    """Somebody before the cameras of a studio.

    Args:
        studio: cameras and light.
        posed: how the person stands in a frame, by its number.
        joints: COCO-17 in each frame, metres, in the world; None where they are unknown.
    """

    studio: Studio
    posed: Callable[[int], PosedMesh]
    joints: Float[np.ndarray, "t 17 3"] | None = None

    def photographs(self, frame: int) -> Iterator[tuple[str, Photo]]:
        """The image of a frame by every camera, with the camera's name."""
        return self.studio.photographs(self.posed(frame), frame)


def perform(seed: int, settings: BuiltinSettings) -> Performance:
    """A synthetic person before the cameras of a capture.

    Args:
        seed: which person.
        settings: frames, size and rig.

    Raises:
        ConfigError: nobody has this seed.
    """
    split_of(seed)
    moments = np.zeros(settings.frames, int) if settings.still else np.arange(settings.frames)
    last, texel = int(moments.max()), texel_for(max(settings.size))
    subject = Subject.of(prepare_subject(seed, settings.people, last + 1, settings.fps, texel))
    rng = np.random.default_rng([seed, _RIG])
    extent = subject.poses.extent(moments)
    studio = Studio.built(rng, settings, capture_rig(rng, settings, extent), extent)
    joints = subject.poses.joints[moments].astype(float)
    return Performance(studio, lambda frame: subject.posed(moments[frame : frame + 1]), joints)
