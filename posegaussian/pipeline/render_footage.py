"""A novel-view video of footage, in memory: no file lies between a capture folder and the video.

The frames are those of the stages people, rectify, heatmaps and render on the same capture. There are two passes, since
the crop and the camera path depend on where the person is in all frames: the first finds people and makes mattes, the
second rectifies, reconstructs, renders and encodes. Threads read and prepare frames ahead, and draw views; the caller's
runs the network in order. Each thread holds two frames: raw images, and 42 MB of input for a pair of 1024 x 1024.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from posegaussian.captures.capture import Capture
from posegaussian.captures.masks import is_given
from posegaussian.captures.pairing import Names, chosen_sources
from posegaussian.captures.reading import read_capture
from posegaussian.captures.sequences import FrameRange
from posegaussian.config import DetectorSettings, RenderSettings, ViewSettings
from posegaussian.counts import counted
from posegaussian.data.rectify import device_input, network_input
from posegaussian.errors import warn
from posegaussian.geometry.lens import SourceCamera
from posegaussian.io.atomic import atomic_folder
from posegaussian.io.ply import write_ply
from posegaussian.io.space import ensure_room
from posegaussian.model.device import pick_device
from posegaussian.model.weights import load_network
from posegaussian.parallel import Background, in_order, thread_count
from posegaussian.pipeline.calibration import with_calibration
from posegaussian.pipeline.disk_space import path_bytes
from posegaussian.pipeline.matched_colors import print_colors
from posegaussian.pipeline.path_output import SPLATS, check_outputs, path_output
from posegaussian.pipeline.rectify import checked_plan
from posegaussian.pipeline.render_view import check_ratio, view_rectification
from posegaussian.pose.detectors.base import load_detector
from posegaussian.pose.detectors.blazepose.joints import KnownJoints, projected_joints
from posegaussian.pose.person import Person
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.mattes.computed import with_masks
from posegaussian.preparation.mattes.found import Following, Images
from posegaussian.preparation.mattes.scene import Scene
from posegaussian.preparation.rectification import CameraFrame, read_ahead, rectify_mask
from posegaussian.preparation.rectification_plan import PairPlan, RectificationPlan
from posegaussian.progress import progress
from posegaussian.registry import DETECTORS
from posegaussian.rendering.camera_path import PathStep, sweep
from posegaussian.rendering.framing import pair_outline, path_cameras
from posegaussian.rendering.levels import to_bytes
from posegaussian.rendering.reconstruct import FrameReconstructor, render
from posegaussian.streams import own_stream, to_device, to_host
from posegaussian.types import Camera, Gaussians, StereoPair

_THREADS = {"cuda": 6, "cpu": 16}
"""Threads that prepare frames, at most; beside a GPU, more would only take Python's lock from the thread that runs the
network. Chosen by hand."""
Joints = tuple[Float32[np.ndarray, "17 2"], Float32[np.ndarray, "17"]]
"""The person's joints in a camera's image, pixels, and their scores."""


def render_footage(
    root: Path,
    *,
    weights: Path,
    sources: Names,
    ratio: float | None,
    numbers: FrameRange | None,
    video: Path | None,
    frames: Path | None,
    splats: Path | None,
    settings: ViewSettings,
    device: str,
    stabilizer: bool = True,
    number: int = 1,
) -> None:
    """Render one image of each frame of a capture folder, along a path between two of its cameras.

    Args:
        root: the capture's folder.
        weights: of the network.
        sources: two source cameras, by their names or by their places in the order of the sources, from 0.
        ratio: of all images: 0 is the view of the first camera, 1 that of the second; None: from the first one to the
            second one and back.
        numbers: which frames; None: all.
        video: the .mp4 to write, or None.
        frames: the folder for the images as .png, or None.
        splats: the folder for one .ply per frame, or None.
        settings: sizes, detector and rasteriser.
        device: auto, cpu, cuda or cuda:N.
        stabilizer: whether the temporal filter keeps its state from one frame to the next.
        number: which of several people is looked for where masks are not given; 1 is the nearest to the rig's centre.

    Raises:
        ConfigError: the ratio is not between 0 and 1, or the name of the video does not end in .mp4.
        StoreError: a folder to write holds other files.
        CaptureError: a camera is not in the capture, both are the same, or nobody is found.
        CalibrationError: something is wrong with the calibration, or the pair cannot be rectified.
        WeightsError: the weights are missing, or are not weights of this network.
    """
    check_ratio(ratio)
    check_outputs(video, frames, splats)
    rectify, chosen = view_rectification(settings, weights), pick_device(device)
    network = load_network(weights, chosen)
    capture = read_capture(root, frames=numbers)
    names = chosen_sources(capture, sources)
    capture, _ = with_calibration(capture, rectify, names, capture.frames)
    joints = _FoundJoints(capture, names, number, str(chosen))
    masked = with_masks(
        capture,
        rectify.masks,
        label=rectify.mask_label,
        people=joints,
        device=str(chosen),
        matting=rectify.matting,
    )
    whole_plan = checked_plan(masked, [names], masked.frames, rectify)
    print_colors(whole_plan)
    (plan,) = whole_plan.pairs
    width, height = settings.size or (capture.cameras[names[0]].width, capture.cameras[names[0]].height)
    path = _path(plan, names, ratio, len(capture.frames))
    ends = {0: (plan.views[0].source.pinhole(), plan.views[1].source.pinhole())}
    posed, filmed = network.settings.pose != "none", network.settings.filmed
    given = _given(masked, plan.names[0]), _given(masked, plan.names[1])
    rectifier = DeviceRectifier(plan, chosen, filmed, given) if chosen.type == "cuda" else None
    cameras = path_cameras(path, ends, _outlines(masked, plan, rectifier), width, height)
    fps = settings.fps or round(capture.fps or RenderSettings().fps)
    if target := video or frames:
        ensure_room(target, path_bytes(RenderSettings(len(path), (width, height))))
    known = joints if _known(settings.detector, masked) else None
    prepare = _preparation(plan, settings.detector if posed else None, known, filmed, chosen, rectifier)
    with ExitStack() as stack:
        folder = stack.enter_context(atomic_folder(splats, replaces=SPLATS)) if splats else None
        files = stack.enter_context(Background())
        shown = stack.enter_context(path_output(video, frames, fps, files))
        reconstructor = FrameReconstructor(network, chosen, stabilizer)
        inputs = _inputs(masked, plan, prepare, min(thread_count(), _THREADS[chosen.type]))
        views = _views(zip(cameras, inputs, strict=True), reconstructor, settings.backend, chosen)
        shown_views = progress(views, f"render {capture.name}", len(cameras), unit="frames")
        for index, (gaussians, image) in enumerate(shown_views):
            shown.add(index, image)
            if folder:
                name = f"{'-'.join(plan.names)}_{capture.frames[index]:06d}.ply"
                files.call(write_ply, folder / name, gaussians)
    written = ", ".join(str(each) for each in (video, frames, splats) if each)
    print(f"{written}: {counted(len(cameras), 'frame')}, from {names[0]} to {names[1]}, with {weights.name}")


def _views(
    steps: Iterable[tuple[Camera, StereoPair]], reconstructor: FrameReconstructor, backend: str, device: torch.device
) -> Iterator[tuple[Gaussians, UInt8[np.ndarray, "h w 3"]]]:
    """The Gaussians of each frame and their image; a thread renders while the next frame is reconstructed."""

    def reconstructed() -> Iterator[tuple[Camera, Gaussians]]:
        for camera, pair in steps:
            with own_stream(device):
                (found,) = reconstructor([pair])
            yield camera, found.gaussians

    def drawn(item: tuple[Camera, Gaussians]) -> tuple[Gaussians, UInt8[np.ndarray, "h w 3"]]:
        camera, gaussians = item
        with own_stream(device):
            return gaussians, to_bytes(render(gaussians, camera, backend=backend).colors)

    yield from in_order(drawn, reconstructed(), threads=1)


def _path(plan: PairPlan, names: Names, ratio: float | None, frames: int) -> list[PathStep]:
    """One step for each frame; ratios count from the left camera of the plan."""
    path = sweep([names], frames, frames) if ratio is None else [PathStep(0, n, ratio) for n in range(frames)]
    return path if plan.names == names else [replace(step, ratio=1 - step.ratio) for step in path]


class _FoundJoints:
    """Finds the person in frames, as `Following` does, and keeps the joints in the images of some cameras."""

    def __init__(self, capture: Capture, cameras: Names, number: int, device: str):
        self._following, self._cameras = Following(capture, number, device), cameras
        self._joints: dict[int, dict[str, Joints]] = {}

    def __call__(self, frame: int, images: Images) -> Mapping[str, Person]:
        people = self._following(frame, images)
        self._joints[frame] = {name: people[name].coco() for name in self._cameras if name in people}
        return people

    def scenes(self, cameras: Collection[str]) -> dict[str, Scene]:
        """See `KnowsScenes`."""
        return self._following.scenes(cameras)

    def joints(self, plan: PairPlan, frame: int) -> list[KnownJoints]:
        """The joints of a frame in both rectified views."""
        joints = self._joints.get(frame, {})
        return [projected_joints(joints.get(view.name), view.source, view.camera) for view in plan.views]


def _known(settings: DetectorSettings, capture: Capture) -> bool:
    """Whether the joints are those of the person whose mask is made, as in the workflow; else they are detected on the
    rectified images."""
    kind = DETECTORS[settings.kind]
    given = all(_given(capture, camera) for camera in capture.masks)
    return kind.reads_people and not given and settings.weights in ("", kind.weights)


def _given(capture: Capture, camera: str) -> bool:
    """Whether the masks of a camera were given; else they are found."""
    return is_given(next(iter(capture.masks[camera].values())))


def _preparation(
    plan: PairPlan,
    settings: DetectorSettings | None,
    known: _FoundJoints | None,
    filmed: bool,
    device: torch.device,
    rectifier: DeviceRectifier | None,
) -> Callable[[int, Mapping[str, CameraFrame]], StereoPair]:
    """What makes of a frame's number and raw views what the network reads, on its device.

    Args:
        plan: of the rectification.
        settings: of the detector; None: no joints.
        known: the joints that were found in the raw frames; None: they are detected.
        filmed: whether the network sees what surrounds the person.
        device: of the network.
        rectifier: by the plan on that device; None: on the CPU.
    """
    if settings and not known:  # a detector that looks at the images, on the CPU
        detect = [load_detector(settings, str(device)).detect] * 2
        return lambda frame, views: network_input(plan, views, detect, filmed, device)

    def prepare(frame: int, views: Mapping[str, CameraFrame]) -> StereoPair:
        joints = known.joints(plan, frame) if settings and known else []
        if rectifier is None:
            return network_input(plan, views, joints, filmed)
        with own_stream(device):
            return device_input(rectifier, views, joints)

    return prepare


def _outlines(capture: Capture, plan: PairPlan, rectifier: DeviceRectifier | None) -> list[Float[Tensor, "_ 3"]]:
    """The person's outline in each frame; see `framing.person_outlines`."""
    cameras = plan.cameras[None]
    blank = [] if rectifier is None else [_blank(view.source, rectifier.device) for view in plan.views]

    def outline(frame: int) -> Float[Tensor, "_ 3"]:
        masks = [capture.mask(name, frame) for name in plan.names]
        if rectifier is None:
            found = np.stack([rectify_mask(*each) for each in zip(plan.views, masks, strict=True)])
        else:
            with own_stream(rectifier.device):
                found = to_host(rectifier(blank, [to_device(mask, rectifier.device) for mask in masks])[1])
        return pair_outline(found, cameras)

    return list(in_order(outline, capture.frames))


def _blank(camera: SourceCamera, device: torch.device) -> UInt8[Tensor, "h w 3"]:
    return torch.zeros(camera.height, camera.width, 3, dtype=torch.uint8, device=device)


def _inputs(
    capture: Capture,
    plan: PairPlan,
    prepare: Callable[[int, Mapping[str, CameraFrame]], StereoPair],
    threads: int,
) -> Iterator[StereoPair]:
    """What the network reads of each frame, prepared ahead by threads; a warning says where no joints were found."""
    raw = zip(capture.frames, read_ahead(RectificationPlan((plan,)), capture, capture.frames), strict=True)

    def prepared(item: tuple[int, Mapping[str, CameraFrame]]) -> tuple[StereoPair, bool]:
        pair = prepare(*item)
        return pair, pair.scores is None or bool(pair.scores.any())

    missing = []
    for frame, (pair, found) in zip(capture.frames, in_order(prepared, raw, threads), strict=True):
        if not found:
            missing.append(frame)
        yield pair
    if missing:
        more = f" (the first of {len(missing)} frames)" if len(missing) > 1 else ""
        what = f"the detector finds nobody: no joints{more}"
        warn(what, code="nobody-found", file=capture.root, frame=missing[0])
