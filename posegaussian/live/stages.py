"""What is done to a pair of frames: people, mattes and rectification, the network. Without threads of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from posegaussian.config import RectifySettings
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.live.crop import MARGIN, FollowingCrop, Images, Masks
from posegaussian.model.network import PoseGaussian
from posegaussian.preparation.mattes.matte import Matte
from posegaussian.preparation.people import FramePeople
from posegaussian.rendering.raw_pair import KnownFrame, RawPair
from posegaussian.rendering.reconstruct import FrameReconstruction
from posegaussian.types import StereoPair


@dataclass(frozen=True, eq=False)
class Prepared:
    """A pair of frames as the network reads it."""

    pair: StereoPair  # a batch of one, on the network's device
    plan: int  # number of the rectification; frames of another plan are another sequence


class Stages:
    """The computation on two cameras, step by step, with a rectification that follows the person.

    `people` and `reconstruct` take frame after frame, each in one thread; `prepare` may run in several threads.

    Args:
        cameras: two, by name.
        network: on its device, ready for inference.
        size: width and height of the rectified images, pixels.
        match_colors: whether to make the cameras' colours alike.
        person: which of several people is followed.
        scenes: images of the scene without the person, by camera; of some cameras, or none.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        network: PoseGaussian,
        size: tuple[int, int],
        match_colors: bool,
        person: int = 1,
        scenes: Images | None = None,
    ):
        first, second = cameras
        settings = RectifySettings(size=size, margin=MARGIN)
        self._raw = RawPair(cameras, (first, second), network, settings, scenes, person)
        self._crop = FollowingCrop(cameras, settings, match_colors)
        self._device, self._plan = next(network.parameters()).device, 0

    def people(self, images: Images) -> FramePeople:
        """The people of the next frame."""
        return self._raw.people(images)

    def prepare(self, images: Images, people: FramePeople, masks: Masks | None = None) -> Prepared | None:
        """A frame, rectified, with masks and joints; None where the person is not seen by both cameras.

        Args:
            images: of both cameras.
            people: what `people` returned for them.
            masks: given ones; None: found.

        Raises:
            CalibrationError: the pair cannot be rectified.
        """
        mattes = self._raw.mattes(images, people) if masks is None else {n: Matte(m, 1.0) for n, m in masks.items()}
        seen = {name: matte.coverage for name, matte in mattes.items() if is_person(matte.coverage).any()}
        if seen.keys() != images.keys():
            return None
        chosen = self._crop.plan(images, seen)
        pair = self._raw.rectified(chosen.plan, KnownFrame(images, people, mattes))
        return Prepared(pair.to(self._device), chosen.number)

    def reconstruct(self, prepared: Prepared) -> FrameReconstruction:
        """The Gaussians of the next frame, which stay valid."""
        if prepared.plan != self._plan:
            self._raw.restart_network()
            self._plan = prepared.plan
        return self._raw.reconstruct(prepared.pair)
