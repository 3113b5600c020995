"""The stage `render`: novel views of a rectified capture, at held-out cameras and along a path between the sources."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from posegaussian.config import STAGE_VERSION, RenderSettings, as_dict
from posegaussian.data.rectified import read_frames, target_camera
from posegaussian.errors import ConfigError, StoreError
from posegaussian.io import store
from posegaussian.io.atomic import atomic_folder
from posegaussian.io.ply import write_ply
from posegaussian.io.space import ensure_room
from posegaussian.io.suffixes import STORE_SUFFIXES, check_suffix
from posegaussian.model.device import pick_device
from posegaussian.model.weights import load_network
from posegaussian.parallel import Background, in_order
from posegaussian.pipeline.disk_space import path_bytes, splat_bytes
from posegaussian.pipeline.path_output import SPLATS, check_outputs, path_output
from posegaussian.progress import progress
from posegaussian.rendering.camera_path import PathStep, sweep
from posegaussian.rendering.framing import person_centred_cameras
from posegaussian.rendering.levels import to_bytes
from posegaussian.rendering.merging import merge_pairs, within_reach
from posegaussian.rendering.reconstruct import FrameReconstruction, FrameReconstructor, render
from posegaussian.streams import own_stream, to_host
from posegaussian.types import Camera, Rendering, StereoPair


def render_capture(
    rectified: Path,
    *,
    heatmaps: Path | None,
    weights: Path,
    output: Path | None,
    video: Path | None,
    frames: Path | None,
    splats: Path | None,
    settings: RenderSettings,
    device: str,
    stabilizer: bool = True,
) -> None:
    """Render every frame of every pair: one thread reconstructs, one draws, others read ahead, pack, encode and write.

    Memory does not grow with the length of the capture.

    The arguments are those of the command `render` for a rectified capture.

    Raises:
        ConfigError: there is no output, or it or the video has another suffix.
        StoreError: a folder to write holds other files, a file is incomplete, or the heatmaps were made from another
            rectified file.
        WeightsError: the weights are missing, or are not weights of this network.
    """
    if output is None:
        raise ConfigError("no output file", code="missing-output", hint="name the .h5 to write with --output")
    check_suffix(output, STORE_SUFFIXES)
    check_outputs(video, frames, splats)
    chosen = pick_device(device)
    network = load_network(weights, chosen)
    inputs = {"rectified": rectified, "weights": weights} | ({"heatmaps": heatmaps} if heatmaps else {})
    with ExitStack() as stack:
        source = stack.enter_context(store.open_checked(rectified, store.RECTIFIED))
        pose = stack.enter_context(store.open_checked(heatmaps, store.HEATMAPS)) if heatmaps else None
        digests = {name: store.digest(file) for name, file in inputs.items()}
        if pose:
            _check_made_from(pose, rectified, digests["rectified"])
        pairs = [(str(left), str(right)) for left, right in store.strings(source["sources/pairs"])]
        path = sweep(pairs, len(source["frames"]), settings.path_steps)
        dims = _dims(source, settings)
        for folder, expected in ((splats, splat_bytes(dims)), (frames or video, path_bytes(settings))):
            if folder:
                ensure_room(folder, expected)
        folder = stack.enter_context(atomic_folder(splats, replaces=SPLATS)) if splats else None
        writer = stack.enter_context(
            store.create(
                output,
                store.RENDERS,
                dims,
                stage_version=STAGE_VERSION["render"],
                settings=as_dict(settings) | {"stabilizer": stabilizer},
                inputs=digests,
            )
        )
        _write_cameras(writer, source, path)
        cameras = person_centred_cameras(source, path, *settings.path_size)
        files = stack.enter_context(Background())
        shown = stack.enter_context(path_output(video, frames, settings.fps, files))
        inputs_ahead = read_frames(source, pose, network.settings.filmed, chosen)
        reconstructor = FrameReconstructor(network, chosen, stabilizer)
        draw = partial(_drawn, source, path, cameras, settings, chosen)
        stream = in_order(draw, _reconstructed(reconstructor, inputs_ahead, chosen), threads=1)
        for drawn in progress(stream, f"render {rectified.stem}", len(source["frames"]), unit="frames"):
            for name, place, values in drawn.values:
                writer[name, *place] = values
            for step, image in drawn.steps:
                writer["path/images", step] = image
                shown.add(step, image)
            if folder:
                for found in drawn.reconstructions:
                    number = source["frames"][found.frame]
                    name = f"{'-'.join(pairs[found.pair])}_{number:06d}.ply"
                    files.call(write_ply, folder / name, found.gaussians)


def _check_made_from(heatmaps: store.Reader, rectified: Path, digest: str) -> None:
    """Raise a StoreError if heatmaps say that they were made from a rectified file with another digest."""
    if json.loads(str(heatmaps.attrs["inputs"])).get("rectified", digest) != digest:
        what = f"made from another file than {rectified}"
        raise StoreError(what, code="mismatched-stores", file=Path(heatmaps.filename), hint="rerun the heatmaps stage")


def _dims(source: store.Reader, settings: RenderSettings) -> dict[str, int]:
    """Dimensions of the renders file by name."""
    pairs, frames, _, height, width, _ = source["sources/images"].shape
    targets, _, target_height, target_width, _ = source["targets/images"].shape
    return {
        "pair": pairs,
        "frame": frames,
        "height": height,
        "width": width,
        "target": targets,
        "target_height": target_height,
        "target_width": target_width,
        "step": settings.path_steps,
        "path_width": settings.path_size[0],
        "path_height": settings.path_size[1],
    }


def _write_cameras(writer: store.Writer, source: store.Reader, path: Sequence[PathStep]) -> None:
    writer["frames"] = source["frames"][()]
    writer["sources/pairs"] = source["sources/pairs"][()]
    writer["targets/cameras"] = source["targets/cameras"][()]
    writer["path/pair"] = [step.pair for step in path]
    writer["path/frames"] = source["frames"][()][[step.frame for step in path]]
    writer["path/ratios"] = [step.ratio for step in path]


class _Drawn(NamedTuple):
    """A frame: its reconstructions, and what is written of it."""

    reconstructions: Sequence[FrameReconstruction]
    values: list[tuple[str, tuple[int, int], np.ndarray]]  # data set, place in it, values
    steps: list[tuple[int, np.ndarray]]  # of the path: number, image


def _reconstructed(
    reconstructor: FrameReconstructor, frames: Iterable[Iterable[StereoPair]], device: torch.device
) -> Iterator[list[FrameReconstruction]]:
    """The reconstructions of each frame, complete on the device, so that another thread may draw them."""
    for pairs in frames:
        with own_stream(device):
            reconstructions = reconstructor(pairs)
        yield reconstructions


def _drawn(
    source: store.Reader,
    path: Sequence[PathStep],
    cameras: Sequence[Camera],
    settings: RenderSettings,
    device: torch.device,
    reconstructions: Sequence[FrameReconstruction],
) -> _Drawn:
    """A frame with its views at held-out cameras and of the steps of the path that show it."""
    values: list[tuple[str, tuple[int, int], np.ndarray]] = []
    steps: list[tuple[int, np.ndarray]] = []
    with own_stream(device):
        for target, pair in enumerate(source["targets/pair"][()].tolist()):
            frame = reconstructions[pair].frame
            rendering = _rendered(reconstructions, pair, target_camera(source, target)[0], settings)
            values.append(("targets/images", (target, frame), to_bytes(rendering.colors)))
            values.append(("targets/alphas", (target, frame), to_bytes(rendering.alphas)[..., 0]))
            values.append(("targets/depth", (target, frame), to_host(rendering.depths[0])))
        for number, (step, camera) in enumerate(zip(path, cameras, strict=True)):
            if step.frame == reconstructions[step.pair].frame:
                view = _rendered(reconstructions, step.pair, camera, settings)
                steps.append((number, to_bytes(view.colors)))
        for found in reconstructions:
            values.append(("sources/disparity", (found.pair, found.frame), to_host(found.disparity)))
    return _Drawn(reconstructions, values, steps)


def _rendered(
    reconstructions: Sequence[FrameReconstruction], pair: int, camera: Camera, settings: RenderSettings
) -> Rendering:
    """The view of one camera: from the pair around it, completed by the nearest other pairs."""
    others = within_reach([each for each in reconstructions if each.pair != pair], camera)[: settings.neighbours]
    gaussians = merge_pairs(reconstructions[pair], others, camera, settings.backend)
    return render(gaussians, camera, backend=settings.backend)
