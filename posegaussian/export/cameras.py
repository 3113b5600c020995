"""Camera paths of an export: the .ply and the camera of every image."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.linalg import LinAlgError

from posegaussian.config import ExportSettings
from posegaussian.errors import ConfigError, UserError
from posegaussian.export.camera_files import colmap_cameras, nerfstudio_cameras, usd_cameras
from posegaussian.io import store
from posegaussian.rendering.camera_path import (
    between_keys,
    camera_between,
    orbit_camera,
    pivot_between,
    source_cameras,
    sweep,
)
from posegaussian.rendering.framing import fitted_camera, person_centred_cameras
from posegaussian.text import read_json
from posegaussian.types import Camera


@dataclass(frozen=True)
class ExportView:
    """One image to export: a .ply and a camera."""

    splats: Path
    camera: Camera


def export_views(
    path: str, files: Sequence[Path], rectified: Path | None, settings: ExportSettings
) -> list[ExportView]:
    """The images of a path.

    Args:
        path: `between`: back and forth through all pairs, each image one frame later; `orbit`: around the point that
            the first pair looks at; else a file or folder of cameras, see `read_cameras`.
        files: the .ply files; for `between` and `orbit` named PAIR_FRAME.ply, as `render` names them.
        rectified: the rectified .h5; not used with cameras of the user's own.
        settings: steps, size and degrees.

    Raises:
        UserError: the .ply of a pair and frame is missing.
        ConfigError: the cameras cannot be read, or one is invalid.
    """
    if not needs_rectified(path) or rectified is None:
        cameras = between_keys(read_cameras(Path(path), settings), settings.inserted)
        return [ExportView(files[i % len(files)], camera) for i, camera in enumerate(cameras)]
    by_name = {file.stem: file for file in files}
    with store.open_checked(rectified, store.RECTIFIED) as source:
        pairs = [(str(left), str(right)) for left, right in store.strings(source["sources/pairs"])]
        frames = source["frames"][()].tolist()
        steps = sweep(pairs if path == "between" else pairs[:1], len(frames), settings.steps)
        cameras = (
            person_centred_cameras(source, steps, *settings.size) if path == "between" else _orbit(source, settings)
        )
    found = []
    for step, camera in zip(steps, cameras, strict=True):
        name = f"{'-'.join(pairs[step.pair])}_{frames[step.frame]:06d}"
        if name not in by_name:
            raise UserError(
                f"no {name}.ply among the splats",
                code="mismatched-splats",
                file=files[0].parent,
                hint="give those of this capture",
            )
        found.append(ExportView(by_name[name], camera))
    return found


def _orbit(rectified: store.Reader, settings: ExportSettings) -> list[Camera]:
    """Cameras around the point that the first pair looks at, over `settings.degrees`."""
    first, second = source_cameras(rectified, 0)
    pivot = pivot_between(first, second)
    middle = fitted_camera(camera_between(first, second, 0.5, pivot), *settings.size)
    return [orbit_camera(middle, pivot, settings.degrees * number / settings.steps) for number in range(settings.steps)]


def needs_rectified(path: str) -> bool:
    """Whether a path is made of the cameras of the capture, and not read from a file."""
    return path in ("between", "orbit")


def read_cameras(path: Path, settings: ExportSettings) -> list[Camera]:
    """Cameras of the user's own.

    A .json holds {"cameras": [{"intrinsics": 3x3, "world_to_camera": 4x4, "size": [width, height]}, ...]} in the
    library's conventions (OpenCV axes, metres, pixels with centres at +0.5), or is nerfstudio's transforms.json. A
    folder holds COLMAP's cameras.txt and images.txt. OpenUSD's first camera is sampled at every time code, in images of
    `settings.size` and a world in which `settings.up` is up. Otherwise each image has the size of its camera.

    Raises:
        ConfigError: the file cannot be read, or a camera in it is invalid.
        ImportError: for OpenUSD, usd-core is not installed.
    """
    try:
        if path.suffix.startswith(".usd"):
            cameras = usd_cameras(path, settings.size, settings.up)
        elif path.is_dir():
            cameras = colmap_cameras(path)
        else:
            document = read_json(path)
            cameras = nerfstudio_cameras(document) if "frames" in document else _own_cameras(document)
    except OSError as error:
        raise ConfigError(f"cannot be read ({error.strerror})", code="unreadable-cameras", file=path) from None
    except (KeyError, TypeError, ValueError, OverflowError, RuntimeError, LinAlgError) as error:
        what = " ".join(str(error).split())
        hint = "see `posegaussian.export.cameras.read_cameras` for what is read"
        raise ConfigError(f"not a list of cameras ({what})", code="invalid-cameras", file=path, hint=hint) from None
    if not cameras:
        raise ConfigError("holds no cameras", code="invalid-cameras", file=path)
    for number, camera in enumerate(cameras):
        rotation = camera.world_to_camera[:3, :3]
        if not torch.allclose(rotation @ rotation.mT, torch.eye(3).double(), atol=1e-4) or rotation.det() < 0:
            raise ConfigError(f"camera {number}: world_to_camera holds no rotation", code="invalid-cameras", file=path)
        if min(camera.width, camera.height) < 1 or (camera.intrinsics.diagonal() <= 0).any():
            raise ConfigError(
                f"camera {number}: size and focal lengths must be positive", code="invalid-cameras", file=path
            )
    return cameras


def _own_cameras(document: dict[str, Any]) -> list[Camera]:
    return [
        Camera(
            torch.tensor(entry["intrinsics"], dtype=torch.float64).reshape(3, 3),
            torch.tensor(entry["world_to_camera"], dtype=torch.float64).reshape(4, 4),
            *(int(size) for size in entry["size"]),
        )
        for entry in document["cameras"]
    ]
