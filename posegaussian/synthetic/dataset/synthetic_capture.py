"""What the cameras of a capture film, as arrays: a person from a seed in a drawn scene, frame by frame."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.config import BuiltinSettings
from posegaussian.synthetic.dataset.capture_scene import CaptureImage, CaptureScene
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.synthetic.people.splits import split_of
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.rigs.rig import capture_rig

_RIG = 29
"""Branch of a person's random numbers for cameras and light."""


@dataclass(frozen=True)
class SyntheticCapture:
    """Somebody before the cameras of a scene.

    Args:
        scene: cameras and light.
        posed: how the person stands in a frame, by its number.
        joints: COCO-17 in each frame, metres, in the world; None where they are unknown.
    """

    scene: CaptureScene
    posed: Callable[[int], PosedMesh]
    joints: Float[np.ndarray, "t 17 3"] | None = None

    def render(self, frame: int) -> Iterator[tuple[str, CaptureImage]]:
        """The image of a frame by every camera, with the camera's name."""
        return self.scene.render(self.posed(frame), frame)


def person_capture(seed: int, settings: BuiltinSettings) -> SyntheticCapture:
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
    scene = CaptureScene.draw(rng, settings, capture_rig(rng, settings, extent), extent)
    joints = subject.poses.joints[moments].astype(float)
    return SyntheticCapture(scene, lambda frame: subject.posed(moments[frame : frame + 1]), joints)
