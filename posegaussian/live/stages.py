"""What is done to a pair of frames: people, mattes and rectification, the network. Without threads of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8

from posegaussian.data.rectify import network_input
from posegaussian.geometry.lens import SourceCamera
from posegaussian.live.crop import FollowingCrop
from posegaussian.model.network import PoseGaussian
from posegaussian.pose.detectors.blazepose.finder import BlazePose, load_blazepose
from posegaussian.pose.detectors.blazepose.joints import joint_detector, joints_of
from posegaussian.preparation.mattes.matting import Matting
from posegaussian.preparation.mattes.network_weights import RELEASE, load_matting_network
from posegaussian.preparation.people import FramePeople, find_people
from posegaussian.preparation.rectification import CameraFrame
from posegaussian.rendering.reconstruct import FrameReconstruction, FrameReconstructor
from posegaussian.types import StereoPair

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB, by camera."""
Masks = Mapping[str, UInt8[np.ndarray, "_ _"]]
"""Coverage of the person, 0..255, by camera."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A pair of frames as the network reads it.

    Args:
        pair: a batch of one, on the network's device.
        plan: number of the rectification; frames of another plan are another sequence.
    """

    pair: StereoPair
    plan: int


class Stages:
    """The computation on two cameras, step by step.

    `people` and `reconstruct` take frame after frame, each in one thread; `prepare` may run in several threads.

    Args:
        cameras: two, by name.
        network: on its device, ready for inference.
        size: width and height of the rectified images, pixels.
        match_colors: whether to make the cameras' colours alike.
        person: which of several people is followed.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        network: PoseGaussian,
        size: tuple[int, int],
        match_colors: bool,
        person: int = 1,
    ):
        self._cameras, self._network, self._number = cameras, network, person
        self.device = next(network.parameters()).device
        self._crop = FollowingCrop(cameras, size, match_colors)
        self._blazepose: BlazePose = load_blazepose(device=self.device)
        self._matting = Matting(cameras, load_matting_network(RELEASE, str(self.device)))
        self._reconstructor = FrameReconstructor(network, self.device)
        self._people: FramePeople | None = None
        self._plan = 0

    def people(self, images: Images) -> FramePeople:
        """The people of the next frame."""
        self._people = find_people(images, self._cameras, self._blazepose, self._people, self._number)
        return self._people

    def prepare(self, images: Images, people: FramePeople | None, masks: Masks | None = None) -> Prepared | None:
        """A frame, rectified, with masks and joints; None where nobody is there.

        Args:
            images: of both cameras.
            people: what `people` returned for them; None where the masks are given.
            masks: given ones; None: found.

        Raises:
            CalibrationError: the pair cannot be rectified.
        """
        confidence: Mapping[str, float] = {}
        if masks is None:
            mattes = self._matting.mattes(images, people.views) if people and people.person else {}
            masks = {name: matte.coverage for name, matte in mattes.items()}
            confidence = {name: matte.confidence for name, matte in mattes.items()}
        if masks.keys() != self._cameras.keys() or not all((masks[name] >= 128).any() for name in masks):
            return None
        chosen = self._crop.plan(images, masks)
        frames = {name: CameraFrame(images[name], masks[name], confidence=confidence.get(name)) for name in images}
        detectors = []
        if self._network.settings.pose != "none":
            known = joint_detector(self._blazepose)
            detectors = [
                known if people is None else joints_of(people.views.get(view.name), view.source, view.camera)
                for view in chosen.plan.views
            ]
        pair = network_input(chosen.plan, frames, detectors, self._network.settings.filmed)
        if self.device.type == "cuda":
            pair = pair.map(torch.Tensor.pin_memory).to(self.device, non_blocking=True)
        return Prepared(pair, chosen.number)

    def reconstruct(self, prepared: Prepared) -> FrameReconstruction:
        """The Gaussians of the next frame, which stay valid."""
        if prepared.plan != self._plan:
            self._reconstructor.restart()
            self._plan = prepared.plan
        (found,) = self._reconstructor([prepared.pair])
        return found
