"""Corrected calibrations and time offsets of built-in captures, measured for benchmarks/cameras.py."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch
from camera_boards import source_of
from jaxtyping import Float, UInt8

from posegaussian.config import BuiltinSettings, RigSettings, RoomSettings, SensorSettings
from posegaussian.data.rectify import rectify
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import bounding_box
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_network, weights_path
from posegaussian.pose.detectors.blazepose.finder import load_blazepose
from posegaussian.preparation.calibration.correction import Correction, correct
from posegaussian.preparation.calibration.feature_tracks import Features
from posegaussian.preparation.people import find_people
from posegaussian.preparation.synchronisation import landmark_offsets
from posegaussian.rendering.reconstruct import reconstruct, render
from posegaussian.synthetic.dataset.capture_scene import CaptureImage
from posegaussian.synthetic.dataset.synthetic_capture import SyntheticCapture, person_capture

KINDS = ("living", "office", "gym", "outdoors")
SENSOR = SensorSettings(
    exposure=(-0.15, 0.15), white_balance=(-0.05, 0.05), noise=(0.005, 0.02), defocus=(0, 0.8), jpeg=(80, 95)
)
ARC = RigSettings(
    baseline=(22.5, 22.5), radius=(2.0, 2.5), pitch=(0, 10), azimuth=(-30, 30), roll=(-2, 2), focal=(4, 4),
    principal=(0, 0.02), margin=(0.06, 0.06), vertical=0.0, between_cameras=(0.4, 0.6), above=(-3, 3),
)  # fmt: skip
FRAMES = 4
"""Times at which features are looked for, as in the pipeline."""
ERRORS = (1.0, 2.0, 4.0)
"""Turns of cameras, pixels at the size of the images."""
FINE = 4
"""Frames of the scene in a frame of a camera: offsets are multiples of a quarter of a frame."""
LENGTH = 60
"""Frames of each camera whose offsets are measured: two seconds."""


@dataclass(frozen=True)
class Filmed:
    """A person filmed by four cameras, and the true view between the first two.

    Args:
        images: of the first time, by camera.
        masks: coverage of the person, by camera.
        cameras: exact.
        truth: RGB and coverage of the held-out camera.
        held_out: that camera.
        corrections: cameras with errors, and what was made of them, by the name of the errors.
    """

    seed: int
    images: Mapping[str, UInt8[np.ndarray, "h w 3"]]
    masks: Mapping[str, UInt8[np.ndarray, "h w"]]
    cameras: Mapping[str, SourceCamera]
    truth: tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w"]]
    held_out: SourceCamera
    corrections: Mapping[str, Correction]


def turned_rows(seed: int, size: int, weights: str, device: str) -> list[dict[str, Any]]:
    """Rows of a person of the validation split, one for each kind of errors; see `view_rows`."""
    return view_rows(filmed(seed, size), network_of(weights, device), size)


@cache
def network_of(weights: str, device: str) -> PoseGaussian:
    """The network with these weights, one for each process."""
    return load_network(weights_path(weights), device)


def filmed(seed: int, size: int) -> Filmed:
    """A person of the validation split in a room, and calibrations with errors, corrected."""
    settings = BuiltinSettings(
        frames=FRAMES, fps=5, size=(size, size), sources=4, targets=1, rig=ARC, sensor=SENSOR,
        room=RoomSettings(kinds=(KINDS[seed % len(KINDS)],), before=0.0),
    )  # fmt: skip
    capture = person_capture(seed, settings)
    times = [dict(capture.render(frame)) for frame in range(FRAMES)]
    names = list(capture.scene.rig.sources)
    cameras = {name: source_of(capture.scene.rig.sources[name]) for name in names}
    features = [{name: Features.of(time[name].image) for name in names} for time in times]
    corrections = {}
    for label, bad in _with_errors(cameras, np.random.default_rng(seed)):
        corrections[label] = correct([{name: time[name] for name in bad} for time in features], bad)
    return filmed_at(capture, times[0], seed, corrections)


def filmed_at(
    capture: SyntheticCapture,
    images: Mapping[str, CaptureImage],
    seed: int,
    corrections: Mapping[str, Correction] = MappingProxyType({}),
) -> Filmed:
    """What the cameras of a capture see at one time."""
    rig, held = capture.scene.rig, images["t00"]
    truth = held.room.foreground if held.room is not None else held.image
    covered = (truth.astype(float) * (held.mask[..., None] / 255)).round().astype(np.uint8)
    return Filmed(
        seed,
        {name: images[name].image for name in rig.sources},
        {name: images[name].mask for name in rig.sources},
        {name: source_of(camera) for name, camera in rig.sources.items()},
        (covered, held.mask),
        source_of(rig.held_out["t00"]),
        corrections,
    )


def _with_errors(
    cameras: Mapping[str, SourceCamera], random: np.random.Generator
) -> Iterator[tuple[str, dict[str, SourceCamera]]]:
    """Names of errors, and the cameras with them: a pair alone, and four cameras one of which is wrong."""
    pair = dict(list(cameras.items())[:2])
    yield "pair, exact", pair
    yield "rig, exact", dict(cameras)
    ways = random.uniform(0, 2 * np.pi, 3)
    for error in ERRORS:
        turns = dict(zip(pair, ways, strict=False))
        yield f"pair, both turned {error:g} px", {n: turned(c, error, turns[n]) for n, c in pair.items()}
        first = next(iter(cameras))
        yield f"rig, one turned {error:g} px", {**cameras, first: turned(cameras[first], error, ways[2])}
    zooms = dict(zip(pair, (1.01, 0.99), strict=True))
    yield "pair, focal lengths 1 %", {name: zoomed(camera, zooms[name]) for name, camera in pair.items()}
    yield "rig, one focal length 1 %", {**cameras, "01": zoomed(cameras["01"], 1.01)}


def turned(camera: SourceCamera, pixels: float, way: float) -> SourceCamera:
    """The camera turned so that the middle of its image moves by some pixels."""
    turn = np.eye(4)
    about = np.array([-np.sin(way), np.cos(way), 0]) * pixels / camera.intrinsics[0, 0]
    turn[:3, :3] = cv2.Rodrigues(about)[0]
    return replace(camera, world_to_camera=turn @ camera.world_to_camera)


def zoomed(camera: SourceCamera, factor: float) -> SourceCamera:
    """The camera with a longer focal length."""
    return replace(camera, intrinsics=camera.intrinsics * np.array([[factor, 1, 1], [1, factor, 1], [1, 1, 1]]))


def view_rows(person: Filmed, network: PoseGaussian, size: int) -> list[dict[str, Any]]:
    """PSNR of the held-out view with the cameras as given and corrected, as rendered and aligned with the truth."""
    rows = []
    for label, correction in person.corrections.items():
        given = view_psnr(person, correction.given, network, size)
        corrected = view_psnr(person, correction.cameras, network, size) if correction.used else given
        before = max(correction.before.values(), default=float("nan"))
        row = {"person": person.seed, "errors": label, "used": correction.used, "residual": before}
        rows.append({**row, "given": given, "corrected": corrected})
    return rows


@torch.no_grad()
def view_psnr(
    person: Filmed, cameras: Mapping[str, SourceCamera], network: PoseGaussian, size: int
) -> tuple[float, float]:
    """PSNR of the held-out view from the first two cameras, as rendered and aligned with the truth, dB."""
    names = list(person.cameras)[:2]
    pair = rectify(
        [person.images[n] for n in names], [person.masks[n] for n in names], [cameras[n] for n in names],
        size=(size, size), match_colors=True,
    )  # fmt: skip
    gaussians = reconstruct(pair.to(next(network.parameters()).device), model=network)
    found = render(gaussians, person.held_out.pinhole())
    image = (255 * found.colors.clamp(0, 1)).round().byte().permute(1, 2, 0).cpu().numpy()
    return box_psnr(image, *person.truth), box_psnr(aligned(image, person.truth[0]), *person.truth)


def box_psnr(image: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """PSNR in the bounding box of the true mask, dB."""
    box = bounding_box(mask >= 128)
    assert box is not None
    rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
    error = (image[rows, columns].astype(float) - truth[rows, columns]) / 255
    return float(-10 * np.log10((error**2).mean()))


def aligned(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The image moved and turned onto the truth (enhanced correlation; Evangelidis and Psarakis, 2008).

    By Lanczos's filter: linear interpolation alone costs up to 0.25 dB, and nothing where nothing has to move.
    """
    goal, grey = (cv2.cvtColor(each, cv2.COLOR_RGB2GRAY) for each in (truth, image))
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 100, 1e-6)
    try:
        start = np.eye(2, 3, dtype=np.float32)
        _, motion = cv2.findTransformECC(goal, grey, start, cv2.MOTION_EUCLIDEAN, criteria)
    except cv2.error:  # it does not converge
        return image
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.warpAffine(image, motion, size, flags=cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP))


def offset_row(seed: int, size: int) -> dict[str, Any]:
    """True and measured offsets of four cameras that film a person of the validation split."""
    settings = BuiltinSettings(
        frames=FINE * (LENGTH + 8), fps=30 * FINE, size=(size, size), sources=4, targets=1, rig=ARC, sensor=SENSOR
    )
    torch.set_num_threads(1)
    capture, random = person_capture(seed, settings), np.random.default_rng(seed)
    names = list(capture.scene.rig.sources)
    cameras = {name: source_of(capture.scene.rig.sources[name]) for name in names}
    # A camera that is late shows a moment earlier than the others: its frame n + offset is of the reference's frame n.
    late = dict(zip(names, [0, *random.integers(-10, 11, len(names) - 1)], strict=True))
    trajectories = _trajectories(capture, cameras, {name: 4 * FINE - int(each) for name, each in late.items()})
    found = landmark_offsets(trajectories, cameras)
    rows = {}
    for name in names[1:]:
        offset = found[name]
        rows[name] = late[name] / FINE, *((None, None) if offset is None else (offset.frames, offset.deviation))
    return {"person": seed, "offsets": rows}


def _trajectories(
    capture: SyntheticCapture, cameras: Mapping[str, SourceCamera], starts: Mapping[str, int]
) -> dict[str, Float[np.ndarray, "frames 33 3"]]:
    """Landmarks of the real detector in frames that each camera takes from a time of its own on."""
    model, people = load_blazepose(), None
    found = {name: np.zeros((LENGTH, 33, 3)) for name in cameras}
    for frame in range(LENGTH):
        images = {}
        for name in cameras:
            time = starts[name] + FINE * frame
            (pair,) = capture.scene.only(name).render(capture.posed(time), time)
            images[name] = pair[1].image
        people = find_people(images, cameras, model, people)
        for name, view in people.views.items():
            found[name][frame, :, :2], found[name][frame, :, 2] = view.points[:, :2], view.visibility
    return found
