"""Camera paths as files of other programs: nerfstudio's JSON, COLMAP's text, OpenUSD.

All of them count pixels as the library does, centres at +0.5. nerfstudio and OpenUSD hold camera-to-world poses in
OpenGL's camera axes (y up, looking along -z); COLMAP's are world-to-camera in OpenCV's. The world stays as it is, but
for OpenUSD, whose y axis points up (`export.axes`).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from posegaussian.config import Axis
from posegaussian.export.axes import rotation_between
from posegaussian.io.usd import usd_modules
from posegaussian.types import Camera

_TO_OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
"""From OpenCV's camera axes to OpenGL's, and back."""
_FILM = 36.0
"""Width of the film in OpenUSD's files, millimetres: full frame. Only its ratio to the focal length counts."""
_CAMERA = """#usda 1.0
(
    defaultPrim = "Camera"
    startTimeCode = 0
    endTimeCode = {last}
    timeCodesPerSecond = {fps}
    framesPerSecond = {fps}
    metersPerUnit = 1
    upAxis = "Y"
)

def Camera "Camera"
{{
    token projection = "perspective"
    float2 clippingRange = (0.01, 1000)
{lenses}
    matrix4d xformOp:transform.timeSamples = {{ {poses} }}
    uniform token[] xformOpOrder = ["xformOp:transform"]
}}
"""


def write_cameras(folder: Path, cameras: Sequence[Camera], fps: int, up: Axis | None) -> None:
    """Write transforms.json, colmap/*.txt and cameras.usda of a path; image NUMBER is `images/NUMBER.png`.

    Args:
        folder: exists.
        cameras: of the images in order.
        fps: images per second.
        up: the axis of the world that points up, for OpenUSD; None: unknown, and axes stay.
    """
    poses = [camera.world_to_camera.double().numpy() for camera in cameras]
    lenses = [_lens(camera) for camera in cameras]
    frames: list[dict[str, Any]] = []
    colmap: dict[str, list[str]] = {"cameras": [], "images": [], "points3D": []}
    for number, (pose, lens) in enumerate(zip(poses, lenses, strict=True)):
        name = f"images/{number:06d}.png"
        frames.append({"file_path": name, "transform_matrix": (np.linalg.inv(pose) @ _TO_OPENGL).tolist(), **lens})
        numbers = (lens[key] for key in ("w", "h", "fl_x", "fl_y", "cx", "cy"))
        colmap["cameras"].append(f"{number + 1} PINHOLE {' '.join(map(str, numbers))}")
        turn = Rotation.from_matrix(pose[:3, :3]).as_quat(scalar_first=True)
        text = " ".join(map(repr, map(float, [*turn, *pose[:3, 3]])))
        colmap["images"] += [f"{number + 1} {text} {number + 1} {Path(name).name}", ""]
    document = {"camera_model": "PINHOLE", "fps": fps, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (folder / "colmap").mkdir()
    for name, lines in colmap.items():
        (folder / "colmap" / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "cameras.usda").write_text(_usd_text(poses, lenses, fps, up), encoding="utf-8")


def nerfstudio_cameras(document: dict[str, Any]) -> list[Camera]:
    """Cameras of a transforms.json, in the order of its frames.

    Raises:
        KeyError, TypeError, ValueError: it lacks something, or holds something else.
    """
    cameras = []
    for frame in document["frames"]:
        known = {**document, **frame}
        pose = np.linalg.inv(np.array(frame["transform_matrix"], float).reshape(4, 4) @ _TO_OPENGL)
        fx, fy, cx, cy = (float(known[key]) for key in ("fl_x", "fl_y", "cx", "cy"))
        cameras.append(_camera(pose, fx, fy, cx, cy, int(known["w"]), int(known["h"])))
    return cameras


def colmap_cameras(folder: Path) -> list[Camera]:
    """Cameras of a COLMAP model in text, in the order of their images' names.

    Raises:
        OSError, KeyError, ValueError: a file cannot be read, or has cameras that are no pinholes.
    """
    lenses = {}
    for words in _lines(folder / "cameras.txt"):
        if words[1] not in ("PINHOLE", "SIMPLE_PINHOLE"):
            raise ValueError(f"camera {words[0]} is {words[1]}, not PINHOLE or SIMPLE_PINHOLE")
        focals = words[4:6] if words[1] == "PINHOLE" else words[4:5] * 2
        lenses[words[0]] = (*map(float, [*focals, *words[-2:]]), int(words[2]), int(words[3]))
    found = []
    # Every second line lists points, and is empty in files of poses alone.
    for words in (line for line in _lines(folder / "images.txt") if len(line) == 10 and line[8] in lenses):
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_quat([float(word) for word in words[1:5]], scalar_first=True).as_matrix()
        pose[:3, 3] = [float(word) for word in words[5:8]]
        found.append((words[9], _camera(pose, *lenses[words[8]])))
    return [camera for _, camera in sorted(found, key=lambda each: each[0])]


def usd_cameras(path: Path, size: tuple[int, int], up: Axis | None) -> list[Camera]:
    """The first camera of an OpenUSD file at every time code from its start to its end.

    Args:
        path: .usda, .usdc, .usd or .usdz.
        size: width and height of the images, pixels, which the file does not hold.
        up: the axis of the world that points up; see `write_cameras`.

    Raises:
        ImportError: usd-core is not installed.
        ValueError: the file cannot be read, or has no camera.
    """
    Tf, Usd, UsdGeom = usd_modules("Tf", "Usd", "UsdGeom")

    try:
        stage = Usd.Stage.Open(str(path))
    except Tf.ErrorException:
        raise ValueError("no OpenUSD file") from None
    prims = [UsdGeom.Camera(prim) for prim in stage.Traverse() if prim.IsA(UsdGeom.Camera)]
    if not prims:
        raise ValueError("no camera in it")
    turn, (width, height), cameras = np.eye(4), size, []
    turn[:3, :3] = rotation_between(up, "y").numpy()
    for time in range(int(stage.GetStartTimeCode()), int(stage.GetEndTimeCode()) + 1):
        read = prims[0].GetCamera(time)
        # OpenUSD multiplies rows of coordinates from the left.
        pose = np.linalg.inv(np.array(read.transform).T @ _TO_OPENGL) @ turn
        step = read.horizontalAperture / width
        focal = read.focalLength / step
        cx, cy = width / 2 - read.horizontalApertureOffset / step, height / 2 + read.verticalApertureOffset / step
        cameras.append(_camera(pose, focal, focal, cx, cy, width, height))
    return cameras


def _camera(pose: np.ndarray, fx: float, fy: float, cx: float, cy: float, width: int, height: int) -> Camera:
    intrinsics = torch.tensor([[fx, 0, cx], [0, fy, cy], [0, 0, 1]], dtype=torch.float64)
    return Camera(intrinsics, torch.from_numpy(np.ascontiguousarray(pose)), width, height)


def _lens(camera: Camera) -> dict[str, Any]:
    """Size and intrinsics by nerfstudio's names."""
    (fx, _, cx), (_, fy, cy), _ = camera.intrinsics.double().tolist()
    return {"w": camera.width, "h": camera.height, "fl_x": fx, "fl_y": fy, "cx": cx, "cy": cy}


def _usd_text(poses: Sequence[np.ndarray], lenses: Sequence[dict[str, Any]], fps: int, up: Axis | None) -> str:
    turn = np.eye(4)
    turn[:3, :3] = rotation_between(up, "y").numpy()
    matrices = []
    for number, pose in enumerate(poses):
        rows = (turn @ np.linalg.inv(pose) @ _TO_OPENGL).T.tolist()
        matrices.append(f"{number}: ({', '.join(str(tuple(row)) for row in rows)})")
    attributes: dict[str, list[float]] = {}
    for lens in lenses:
        step = _FILM / lens["w"]
        values = {
            "focalLength": lens["fl_x"] * step,
            "horizontalAperture": _FILM,
            "verticalAperture": lens["h"] * step * lens["fl_x"] / lens["fl_y"],
            "horizontalApertureOffset": (lens["w"] / 2 - lens["cx"]) * step,
            "verticalApertureOffset": (lens["cy"] - lens["h"] / 2) * step * lens["fl_x"] / lens["fl_y"],
        }
        for name, value in values.items():
            attributes.setdefault(name, []).append(value)
    samples = {name: ", ".join(f"{i}: {value!r}" for i, value in enumerate(each)) for name, each in attributes.items()}
    lines = [f"    float {name}.timeSamples = {{ {text} }}" for name, text in samples.items()]
    return _CAMERA.format(last=len(poses) - 1, fps=fps, lenses="\n".join(lines), poses=", ".join(matrices))


def _lines(path: Path) -> list[list[str]]:
    """Words of the lines of a text file that are neither empty nor comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]
