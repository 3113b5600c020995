"""The stage `render`: novel views of a rectified capture, at held-out cameras and along a path between the sources."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from posegaussian.config import STAGE_VERSION, RenderSettings, as_dict
from posegaussian.data.rectified import read_frames, read_target
from posegaussian.errors import ConfigError, StoreError
from posegaussian.io import store
from posegaussian.io.atomic import atomic_folder
from posegaussian.io.ply import write_ply
from posegaussian.io.space import ensure_room
from posegaussian.model.device import pick_device
from posegaussian.model.weights import load_network
from posegaussian.parallel import Background
from posegaussian.pipeline.disk_space import path_bytes, splat_bytes
from posegaussian.pipeline.path_output import path_output
from posegaussian.progress import progress
from posegaussian.rendering.camera_path import PathStep, sweep
from posegaussian.rendering.framing import person_centred_cameras
from posegaussian.rendering.merging import merge_pairs, sorted_by_angle
from posegaussian.rendering.reconstruct import FrameReconstruction, reconstruct_frames, render, to_bytes
from posegaussian.streams import to_host
from posegaussian.types import Camera, Rendering


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
    """Render every frame of every pair: one thread computes, others read ahead, pack, encode and write.

    Memory does not grow with the length of the capture.

    The arguments are those of the command `render` for a rectified capture.

    Raises:
        ConfigError: there is no output.
        StoreError: a file is incomplete, or the heatmaps were made from another rectified file.
        WeightsError: the weights are missing, or are not weights of this network.
    """
    if output is None:
        raise ConfigError("no output file", code="missing-output", hint="name the .h5 to write with --output")
    chosen = pick_device(device)
    network = load_network(weights, chosen)
    inputs = {"rectified": rectified, "weights": weights} | ({"heatmaps": heatmaps} if heatmaps else {})
    with ExitStack() as stack:
        source = stack.enter_context(store.open_checked(rectified, store.RECTIFIED))
        pose = stack.enter_context(store.open_checked(heatmaps, store.HEATMAPS)) if heatmaps else None
        digests = {name: store.digest(file) for name, file in inputs.items()}
        if (
            pose
            and json.loads(str(pose.attrs["inputs"])).get("rectified", digests["rectified"]) != digests["rectified"]
        ):
            what = f"made from another file than {rectified}"
            raise StoreError(what, code="mismatched-stores", file=heatmaps, hint="rerun the heatmaps stage")
        pairs = [(str(left), str(right)) for left, right in store.strings(source["sources/pairs"])]
        path = sweep(pairs, len(source["frames"]), settings.path_steps)
        dims = _dims(source, settings)
        for folder, expected in ((splats, splat_bytes(dims)), (frames or video, path_bytes(settings))):
            if folder:
                ensure_room(folder, expected)
        folder = stack.enter_context(atomic_folder(splats)) if splats else None
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
        stream = reconstruct_frames(
            network, read_frames(source, pose, network.settings.filmed, chosen), chosen, stabilizer
        )
        for reconstructions in progress(stream, f"render {rectified.stem}", len(source["frames"]), unit="frames"):
            _write_targets(writer, source, reconstructions, settings)
            for step, image in _path_images(reconstructions, path, cameras, settings):
                writer["path/images", step] = image
                shown.add(step, image)
            for found in reconstructions:
                writer["sources/disparity", found.pair, found.frame] = to_host(found.disparity)
                if folder:
                    number = source["frames"][found.frame]
                    name = f"{'-'.join(pairs[found.pair])}_{number:06d}.ply"
                    files.call(write_ply, folder / name, found.gaussians)


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


def _write_targets(
    writer: store.Writer, source: store.Reader, reconstructions: Sequence[FrameReconstruction], settings: RenderSettings
) -> None:
    for target, pair in enumerate(source["targets/pair"][()].tolist()):
        frame = reconstructions[pair].frame
        _, _, camera = read_target(source, target, frame)
        rendering = _rendered(reconstructions, pair, camera[0], settings)
        writer["targets/images", target, frame] = to_bytes(rendering.colors)
        writer["targets/alphas", target, frame] = to_bytes(rendering.alphas)[..., 0]
        writer["targets/depth", target, frame] = to_host(rendering.depths[0])


def _path_images(
    reconstructions: Sequence[FrameReconstruction],
    path: Sequence[PathStep],
    cameras: Sequence[Camera],
    settings: RenderSettings,
) -> Iterator[tuple[int, UInt8[np.ndarray, "h w 3"]]]:
    """Number and image of each step of the path that shows this frame."""
    for number, (step, camera) in enumerate(zip(path, cameras, strict=True)):
        if step.frame == reconstructions[step.pair].frame:
            yield number, to_bytes(_rendered(reconstructions, step.pair, camera, settings).colors)


def _rendered(
    reconstructions: Sequence[FrameReconstruction], pair: int, camera: Camera, settings: RenderSettings
) -> Rendering:
    """The view of one camera: from the pair around it, completed by the nearest other pairs."""
    others = sorted_by_angle([each for each in reconstructions if each.pair != pair], camera)[: settings.neighbours]
    gaussians = merge_pairs(reconstructions[pair], others, camera, settings.backend)
    return render(gaussians, camera, backend=settings.backend)
