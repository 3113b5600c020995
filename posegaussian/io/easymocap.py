"""Writers of the files of a capture in EasyMocap's layout, and of the truth beside them.

images/<camera>/<frame:06d>.jpg    RGB; or .png
masks/<camera>/<frame:06d>.png     coverage of the person, 0..255
depths/<camera>/<frame:06d>.png    16 bits, tenths of a millimetre along the optical axis, 0 = unknown
intri.yml, extri.yml               OpenCV files; pixel centres are integers in these files alone
joints.json                        COCO-17, metres, world
board.json                         inner corners of a calibration board, metres, world
foregrounds/, labels/, scene_depths/, backgrounds/   in rooms alone: docs/synthetic.md
rig.json                           source cameras, held-out cameras (under the key targets), and pairs

These functions are not atomic: callers use them inside `posegaussian.io.atomic.atomic_folder`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float, UInt8, UInt16

from posegaussian.errors import warn
from posegaussian.io.images import DEPTH_UNIT, WHITE, image_bytes

ENCODERS = {
    ".jpg": (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
    ".png": (cv2.IMWRITE_PNG_COMPRESSION, 4),
}
"""OpenCV's parameters for the images of built-in captures, by suffix; JPEG without chroma subsampling. By hand."""
_FIRST_CENTRE = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
"""Centre of the first pixel, as part of the intrinsics: 0.5 in the library, 0 in the files."""


@runtime_checkable
class CalibratedCamera(Protocol):
    """A camera that can be written: pixel centres at +0.5, OpenCV's axes and distortion, metres."""

    @property
    def intrinsics(self) -> Float[np.ndarray, "3 3"]:
        """Intrinsics in pixels."""
        ...

    @property
    def distortion(self) -> Float[np.ndarray, "coefficients"]:
        """Coefficients k1, k2, p1, p2, k3, ..."""
        ...

    @property
    def world_to_camera(self) -> Float[np.ndarray, "4 4"]:
        """Rigid transform, metres."""
        ...

    @property
    def width(self) -> int:
        """Width in pixels."""
        ...

    @property
    def height(self) -> int:
        """Height in pixels."""
        ...


def frame_name(frame: int) -> str:
    """Name of a frame in files: six digits."""
    return f"{frame:06d}"


def frame_path(kind: str, camera: str, frame: int, suffix: str = ".png") -> Path:
    """Path of a frame's file within the capture; kind is the name of a folder such as images, masks or depths."""
    return Path(kind, camera, frame_name(frame) + suffix)


def write_frame(
    path: Path,
    pixels: UInt8[np.ndarray, "h w *channels"] | UInt16[np.ndarray, "h w *channels"],
    parameters: Sequence[int] = (),
) -> None:
    """Write the image of a frame, and make its folder; arguments and errors as for `io.images.image_bytes`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image_bytes(pixels, path.suffix, parameters))


def write_depth(path: Path, depth: Float[np.ndarray, "h w"], camera: str, source: Path | None = None) -> None:
    """Write the depth of a frame in steps of `DEPTH_UNIT`; what lies farther than its 16 bits reach becomes unknown.

    Args:
        path: of the file.
        depth: metres; 0 where it is unknown.
        camera: name for the warning.
        source: file or folder for the warning.
    """
    steps = np.rint(depth / DEPTH_UNIT)
    if steps.max() > WHITE:
        warn(f"depths beyond {WHITE * DEPTH_UNIT:.2f} m become unknown", code="far-depths", file=source, camera=camera)
    write_frame(path, np.where(steps > WHITE, 0, steps).astype(np.uint16))


def write_rig(root: Path, sources: Sequence[str], held_out: Sequence[str], pairs: Sequence, **more: Any) -> None:
    """Write rig.json.

    Args:
        root: of the capture.
        sources: cameras that may be inputs.
        held_out: cameras that renders are only compared with.
        pairs: of sources, left and right.
        more: further keys: `fps`; for videos `frames` as START:STOP:STEP, and `offsets`, how late cameras are, frames.
    """
    _write_json(root / "rig.json", {"sources": sources, "targets": held_out, "pairs": pairs, **more}, indent=1)


def write_joints(root: Path, joints: Mapping[int, Float[np.ndarray, "17 3"]], indent: int | None = None) -> None:
    """Write joints.json.

    Args:
        root: of the capture.
        joints: COCO-17 by frame, metres, in the world.
        indent: of the JSON text; None writes one line.
    """
    frames = {frame_name(frame): points.tolist() for frame, points in joints.items()}
    _write_json(root / "joints.json", {"convention": "COCO-17, metres, world", "frames": frames}, indent)


def write_board(root: Path, corners: Mapping[int, Float[np.ndarray, "n 3"]], **board: Any) -> None:
    """Write board.json.

    Args:
        root: of the capture.
        corners: inner corners of a calibration board by frame, as OpenCV numbers them, metres, in the world.
        board: its kind and size.
    """
    frames = {frame_name(frame): points.tolist() for frame, points in corners.items()}
    convention = "inner corners row by row, as OpenCV numbers them; metres, world"
    _write_json(root / "board.json", {"convention": convention, **board, "frames": frames}, None)


def write_calibration(root: Path, cameras: Mapping[str, CalibratedCamera], *, sizes: bool = False) -> None:
    """Write intri.yml and extri.yml as EasyMocap does.

    Args:
        root: of the capture.
        cameras: by name.
        sizes: whether to write the image sizes that the calibration is for, which EasyMocap does not.
    """
    intri = extri = "%YAML:1.0\n---\nnames:\n" + "".join(f'  - "{name}"\n' for name in cameras)
    for name, camera in cameras.items():
        rotation = camera.world_to_camera[:3, :3]
        intri += _matrix(f"K_{name}", camera.intrinsics - _FIRST_CENTRE)
        intri += _matrix(f"dist_{name}", camera.distortion[None])
        intri += f"W_{name}: {camera.width}\nH_{name}: {camera.height}\n" if sizes else ""
        extri += _matrix(f"R_{name}", cv2.Rodrigues(rotation)[0]) + _matrix(f"Rot_{name}", rotation)
        extri += _matrix(f"T_{name}", camera.world_to_camera[:3, 3:])
    (root / "intri.yml").write_text(intri, encoding="utf-8")
    (root / "extri.yml").write_text(extri, encoding="utf-8")


def _matrix(key: str, values: np.ndarray) -> str:
    """A matrix as OpenCV's FileStorage writes it."""
    data = ", ".join(repr(float(value)) for value in values.ravel())
    rows, columns = values.shape
    return f"{key}: !!opencv-matrix\n  rows: {rows}\n  cols: {columns}\n  dt: d\n  data: [ {data} ]\n"


def _write_json(path: Path, content: dict, indent: int | None) -> None:
    path.write_text(json.dumps(content, indent=indent) + "\n", encoding="utf-8")
