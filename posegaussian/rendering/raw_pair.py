"""From raw frames of calibrated cameras to Gaussians, frame by frame, in memory: what live cameras need."""

import threading
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from posegaussian.captures.pairing import Names
from posegaussian.config import RectifySettings
from posegaussian.data.rectify import device_input, network_input
from posegaussian.geometry.lens import SourceCamera
from posegaussian.model.network import PoseGaussian
from posegaussian.pose.detectors.blazepose.finder import BlazePose, load_blazepose
from posegaussian.pose.detectors.blazepose.joints import joints_of
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.footage import FrameInMemory
from posegaussian.preparation.mattes.matte import Matte
from posegaussian.preparation.mattes.matting import Each, Matting
from posegaussian.preparation.mattes.models import load_matting_model
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.people import FramePeople, find_people
from posegaussian.preparation.rectification import CameraFrame
from posegaussian.preparation.rectification_plan import PairPlan, plan_pair
from posegaussian.rendering.reconstruct import FrameReconstruction, FrameReconstructor
from posegaussian.streams import to_device
from posegaussian.types import StereoPair

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB images of one frame, by camera."""


class KnownFrame(NamedTuple):
    """A raw frame with the people and the mattes that were found in it."""

    images: Images
    people: FramePeople
    mattes: Mapping[str, Matte]


class RawPair:
    """Reconstructs a person from raw frames of calibrated cameras; two of them are the stereo pair.

    One frame takes four steps: `people`, `mattes`, `rectified` and `reconstruct`. They are separate methods, so that a
    caller may run them in threads. `people` and `reconstruct` continue from the frame before: each of them takes the
    frames in order, one at a time. `mattes` and `rectified` depend on their arguments alone and may run for several
    frames at once. Memory is constant.

    Args:
        cameras: all that film the person, by name; the stage `people` and the mattes use all of them.
        names: of the two cameras of the pair, in any order.
        network: ready for inference; everything runs on its device.
        settings: size and margin of the rectified images.
        scenes: images of the scene without the person, by camera; of some cameras, or none. They help the mattes.
        number: of the person in the first frame, counted from 1 on from the rig's centre.
        finder: the networks that find people; None loads those that ship.
        stabilizer: whether a frame continues from the temporal state of the frame before.
        each: calls what makes the matte of a camera for each of them, see `Matting`.

    Raises:
        WeightsError: weights that ship are damaged.
    """

    def __init__(
        self,
        cameras: Mapping[str, SourceCamera],
        names: Names,
        network: PoseGaussian,
        settings: RectifySettings,
        scenes: Images | None = None,
        number: int = 1,
        finder: BlazePose | None = None,
        stabilizer: bool = True,
        each: Each = map,
    ):
        device = next(network.parameters()).device
        self.cameras, self.names, self.settings = dict(cameras), names, settings
        self._finder = finder or load_blazepose(device=device)
        known = {name: Scene(image) for name, image in (scenes or {}).items()}
        self._matting = Matting(cameras, load_matting_model(settings.matting, str(device)), known, device, each)
        self._reconstructor = FrameReconstructor(network, device, stabilizer)
        self._filmed, self._posed = network.settings.filmed, network.settings.pose != "none"
        self._number = number
        self._device, self._lock = device, threading.Lock()
        self._rectifier: DeviceRectifier | None = None
        self._before: FramePeople | None = None

    def restart(self) -> None:
        """Forget the frames before: the next one is the first of a sequence."""
        self._before = None
        self.restart_network()

    def restart_network(self) -> None:
        """Forget the network's temporal state: the next frame is rectified by another plan."""
        self._reconstructor.restart()

    def people(self, images: Images) -> FramePeople:
        """The people of the next frame, and the person who is followed; see `find_people`.

        Args:
            images: of the cameras, or of some of them.
        """
        there = {name: to_device(image, self._device) for name, image in images.items()}
        self._before = find_people(images, self.cameras, self._finder, self._before, self._number, there)
        return self._before

    def mattes(self, images: Images, people: FramePeople) -> dict[str, Matte]:
        """The mattes of the person, by camera; without those of cameras that do not see the person."""
        return self._matting.mattes(images, people.views, people.there)

    def plan(self, frames: Sequence[KnownFrame]) -> PairPlan:
        """Rectification that fits the person of some frames, with the margin of the settings around all of them.

        Raises:
            KeyError: there is no matte of a camera of the pair.
            CalibrationError: the pair cannot be rectified.
        """
        footage = FrameInMemory(
            {name: self.cameras[name] for name in self.names},
            {name: frames[0].images[name] for name in self.names},
            {name: reduce(np.maximum, [frame.mattes[name].coverage for frame in frames]) for name in self.names},
        )
        return plan_pair(footage, self.names, [0], self.settings)

    def rectified(self, plan: PairPlan, frame: KnownFrame) -> StereoPair:
        """One frame as the network reads it, rectified, with the person's joints.

        On CUDA it is computed on the device and stays there; a few pixels then differ from those of the CPU by a level
        of 8 bits.

        Raises:
            KeyError: there is no matte of a camera of the pair.
        """
        mattes = {name: frame.mattes[name] for name in plan.names}
        views = {n: CameraFrame(frame.images[n], m.coverage, confidence=m.confidence) for n, m in mattes.items()}
        people = frame.people.views
        detectors = [joints_of(people.get(view.name), view.source, view.camera) for view in plan.views]
        used = detectors if self._posed else ()
        if self._device.type == "cuda":
            there = {name: matte.on_device or views[name] for name, matte in mattes.items()}
            return device_input(self._on_device(plan), there, used)
        return network_input(plan, views, used, self._filmed)

    def _on_device(self, plan: PairPlan) -> DeviceRectifier:
        """What rectifies by a plan on the device; that of the newest plan is kept."""
        with self._lock:
            if self._rectifier is None or self._rectifier.plan is not plan:
                self._rectifier = DeviceRectifier(plan, self._device, self._filmed)
            return self._rectifier

    def reconstruct(self, pair: StereoPair) -> FrameReconstruction:
        """The Gaussians of the next frame, on the network's device."""
        (found,) = self._reconstructor([pair])
        return found
