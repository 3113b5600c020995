"""What tests expect of errors, and a small capture written to disk without the library: a ray-traced balloon person.

Everything here but `source_camera` counts pixels from the centre of the first one, as OpenCV and the files do.
"""

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from pathlib import Path

import cv2
import numpy as np
import pytest

from posegaussian.errors import CaptureWarning, UserError
from posegaussian.geometry.lens import SourceCamera

JOINTS = np.array(
    [  # COCO-17 in metres; z up, facing +x, left is +y
        (0.10, 0.00, 1.58), (0.08, 0.03, 1.62), (0.08, -0.03, 1.62), (0.00, 0.08, 1.60), (0.00, -0.08, 1.60),
        (0.00, 0.19, 1.40), (0.00, -0.19, 1.40), (0.02, 0.34, 1.18), (0.02, -0.34, 1.18), (0.14, 0.42, 1.00),
        (0.14, -0.42, 1.00), (0.00, 0.10, 0.92), (0.00, -0.10, 0.92), (0.03, 0.13, 0.50), (0.03, -0.13, 0.50),
        (0.00, 0.15, 0.09), (0.00, -0.15, 0.09),
    ]
)  # fmt: skip
_RADII = np.array([0.03, 0.03, 0.03, 0.04, 0.04, 0.1, 0.1, 0.07, 0.07, 0.06, 0.06, 0.12, 0.12, 0.09, 0.09, 0.08, 0.08])
_BODY = [((0, 0, 1.6), 0.11), ((0, 0, 1.25), 0.19), ((0, 0, 1.05), 0.17), ((0.02, 0.12, 0.7), 0.1)]
_BODY += [((0.02, -0.12, 0.7), 0.1), ((0.02, 0.14, 0.3), 0.08), ((0.02, -0.14, 0.3), 0.08)]
CENTRE = np.array([0, 0, 0.85])


@dataclass(frozen=True, eq=False)
class Lens:
    """A camera as calibration files hold it: integer pixel centres."""

    matrix: np.ndarray
    rotation: np.ndarray
    translation: np.ndarray
    size: tuple[int, int]
    distortion: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (integer centres) of world points, with plain OpenCV."""
        rotation = cv2.Rodrigues(self.rotation)[0]
        return cv2.projectPoints(points, rotation, self.translation, self.matrix, self.distortion)[0][:, 0]

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """World directions of pixels (integer centres), of unit depth."""
        goal = (pixels - self.matrix[:2, 2]) / self.matrix[[0, 1], [0, 1]]
        flat, still = goal, np.zeros(3)
        for _ in range(12 if self.distortion.any() else 0):
            bent = cv2.projectPoints(
                np.column_stack([flat, np.ones(len(flat))]), still, still, np.eye(3), self.distortion
            )
            flat = flat + goal - bent[0][:, 0]
        return np.column_stack([flat, np.ones(len(flat))]) @ self.rotation

    @property
    def centre(self) -> np.ndarray:
        """In the world."""
        return -self.rotation.T @ self.translation


def lens(
    azimuth: float,
    *,
    elevation: float = 0.0,
    radius: float = 2.2,
    roll: float = 0.0,
    size: tuple[int, int] = (160, 128),
    zoom: float = 1.0,
    offset: tuple[float, float] = (0.0, 0.0),
    distortion: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0),
) -> Lens:
    """A camera that looks at the balloon person; angles in degrees, `offset` moves the principal point."""
    a, e, r = np.radians([azimuth, elevation, roll])
    backward = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.array([-np.sin(a), np.cos(a), 0.0])
    level = np.stack([right, np.cross(-backward, right), -backward])
    turn = np.array([[np.cos(r), np.sin(r), 0], [-np.sin(r), np.cos(r), 0], [0, 0, 1]])
    rotation = turn @ level
    focal = zoom * 1.08 * min(size) if abs(np.sin(r)) < 0.5 else zoom * 1.08 * size[0]
    matrix = np.array(
        [[focal, 0, (size[0] - 1) / 2 + offset[0]], [0, 1.02 * focal, (size[1] - 1) / 2 + offset[1]], [0, 0, 1]]
    )
    centre = CENTRE + radius * backward
    return Lens(matrix, rotation, -rotation @ centre, size, np.array(distortion))


def source_camera(lens: Lens) -> SourceCamera:
    """The camera as the library holds it: pixel centres at +0.5."""
    intrinsics = lens.matrix + np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = lens.rotation, lens.translation
    return SourceCamera(intrinsics, lens.distortion, pose, *lens.size)


def default_rig(size: tuple[int, int] = (160, 128)) -> dict[str, Lens]:
    """Two sources 22.5 degrees apart and the target between them."""
    return {"00": lens(-11.25, size=size), "01": lens(11.25, size=size), "t00": lens(0, size=size)}


def joints(frame: int) -> np.ndarray:
    """True joints of a frame: the person sways."""
    return JOINTS + _sway(frame)


def write_sphere_capture(
    root: Path,
    frames: int = 2,
    size: tuple[int, int] = (160, 128),
    cameras: dict[str, Lens] | None = None,
    *,
    suffix: str = ".png",
    depths: bool = True,
    header: str = "%YAML:1.0",
    samples: int = 3,
    background: int = 110,
) -> dict[str, Lens]:
    """Write a whole capture: pictures, masks, calibration, and the truth.

    Args:
        root: the folder.
        frames: how many.
        size: of the default rig's pictures, (width, height).
        cameras: by name; those that start with "t" are targets; default: `default_rig`.
        suffix: of the pictures, .png or .jpg.
        depths: whether to write depths/ and joints.json.
        header: first line of the calibration files.
        samples: colour samples per pixel and axis.
        background: grey level around the person.
    """
    cameras = cameras or default_rig(size)
    for name, camera in cameras.items():
        for kind in ("images", "masks", *(["depths"] if depths else [])):
            (root / kind / name).mkdir(parents=True, exist_ok=True)
        for frame in range(frames):
            image, mask, depth = render(camera, frame, samples, background)
            quality = [cv2.IMWRITE_JPEG_QUALITY, 98] if suffix == ".jpg" else []
            cv2.imwrite(str(root / f"images/{name}/{frame:06d}{suffix}"), image[..., ::-1], quality)
            cv2.imwrite(str(root / f"masks/{name}/{frame:06d}.png"), mask)
            if depths:
                cv2.imwrite(str(root / f"depths/{name}/{frame:06d}.png"), depth)
    write_calibration(root, cameras, header)
    sources = [name for name in cameras if not name.startswith("t")]
    rig = {"sources": sources, "targets": [name for name in cameras if name.startswith("t")]}
    rig["pairs"] = [list(pair) for pair in pairwise(sources)]
    (root / "rig.json").write_text(json.dumps(rig))
    if depths:
        by_frame = {f"{frame:06d}": joints(frame).tolist() for frame in range(frames)}
        (root / "joints.json").write_text(json.dumps({"convention": "COCO-17, metres, world", "frames": by_frame}))
    return cameras


def write_calibration(root: Path, cameras: dict[str, Lens], header: str = "%YAML:1.0") -> None:
    """intri.yml and extri.yml, spelled out by hand."""
    names = "names:\n" + "".join(f'  - "{name}"\n' for name in cameras)
    intri = extri = f"{header}\n---\n{names}"
    for name, camera in cameras.items():
        intri += matrix_text(f"K_{name}", camera.matrix) + matrix_text(f"dist_{name}", camera.distortion[None])
        extri += matrix_text(f"R_{name}", cv2.Rodrigues(camera.rotation)[0]) + matrix_text(
            f"Rot_{name}", camera.rotation
        )
        extri += matrix_text(f"T_{name}", camera.translation[:, None])
    root.mkdir(parents=True, exist_ok=True)
    (root / "intri.yml").write_text(intri)
    (root / "extri.yml").write_text(extri)


def render(camera: Lens, frame: int, samples: int = 3, background: int = 110) -> tuple[np.ndarray, ...]:
    """Picture (RGB), mask (coverage), depth (16 bit, tenths of a millimetre, sampled at pixel centres)."""
    width, height = camera.size
    colour, cover = np.zeros((height, width, 3)), np.zeros((height, width))
    steps = [(i + 0.5) / samples - 0.5 for i in range(samples)]
    for step in product(steps, steps):
        shade, depth = trace(camera, frame, step)
        colour += np.where(depth[..., None] > 0, shade, background / 255)
        cover += depth > 0
    image, mask = (np.rint(255 * picture / samples**2).astype(np.uint8) for picture in (colour, cover))
    return image, mask, np.rint(trace(camera, frame)[1] * 1e4).astype(np.uint16)


def trace(camera: Lens, frame: int, shift: tuple[float, float] = (0.0, 0.0)) -> tuple[np.ndarray, np.ndarray]:
    """Colour, and depth along the optical axis (0 for nothing), at the shifted centres of all pixels."""
    rays, origin = _rays(camera, shift), camera.centre
    depth = np.full(len(rays), np.inf)
    aa = (rays**2).sum(1)
    for centre, radius in [*zip(JOINTS, _RADII, strict=True), *_BODY]:
        offset = origin - (np.asarray(centre) + _sway(frame))
        b, c = rays @ offset, offset @ offset - radius**2
        root = b * b - aa * c
        distance = np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / aa, np.inf)
        depth = np.minimum(depth, distance)
    depth = np.where(np.isfinite(depth), depth, 0)
    skin = origin + rays * depth[:, None] - _sway(frame)
    waves = np.sin(skin @ np.array([[31.0, 17, 5], [7, 29, -23], [19, -11, 37]]) + np.array([0, 1, 2]))
    shape = camera.size[1], camera.size[0]
    return (0.5 + 0.35 * waves).reshape(*shape, 3), depth.reshape(shape)


@lru_cache(maxsize=40)
def _rays(camera: Lens, shift: tuple[float, float]) -> np.ndarray:
    columns, rows = np.meshgrid(np.arange(camera.size[0]) + shift[0], np.arange(camera.size[1]) + shift[1])
    return camera.rays(np.column_stack([columns.ravel(), rows.ravel()]))


def _sway(frame: int) -> np.ndarray:
    return np.array([0.02, 0.03, 0.0]) * frame


def matrix_text(key: str, values: np.ndarray) -> str:
    """One matrix as FileStorage writes it."""
    names = {np.inf: ".Inf", -np.inf: "-.Inf"}
    data = ", ".join(names.get(value, ".Nan" if np.isnan(value) else repr(float(value))) for value in values.ravel())
    rows, columns = values.shape
    return f"{key}: !!opencv-matrix\n  rows: {rows}\n  cols: {columns}\n  dt: d\n  data: [{data}]\n"


@contextmanager
def refuses(kind: type[UserError], code: str, **place) -> Iterator[pytest.ExceptionInfo[UserError]]:
    """Expect an error of this kind and code in one line.

    Args:
        kind: of the error.
        code: its code.
        place: `file` (or the last parts of its path), `camera`, `frame`: what is given must be the error's.
    """
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert (type(error), error.code) == (kind, code)
    assert _place(error, place) == place
    assert len(str(error).splitlines()) == 1


@contextmanager
def warns(code: str, **place) -> Iterator[None]:
    """Expect a CaptureWarning of this code in one line; the rest is as with `refuses`. Others are passed on."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    found = [each.message for each in caught if isinstance(each.message, CaptureWarning) and each.message.code == code]
    assert place in [_place(each, place) for each in found], [str(each.message) for each in caught]
    assert all(len(str(each).splitlines()) == 1 for each in found)
    for each in caught:
        if each.message not in found:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


@contextmanager
def exits(
    output: pytest.CaptureFixture[str],
    *,
    names: Sequence[str] = (),
    file: str | Path = "",
    camera: str | None = None,
    frame: int | None = None,
) -> Iterator[None]:
    """Expect exit status 2 and one line of error on stderr, the last one after warnings and progress.

    Args:
        output: capsys or capfd.
        names: what the line names besides `file`, `camera` and `frame`, such as an option.
    """
    output.readouterr()
    with pytest.raises(SystemExit) as stop:
        yield
    assert stop.value.code == 2
    lines = output.readouterr().err.splitlines()
    (line,) = [line for line in lines if line.startswith("posegaussian: error: ")]
    assert line == lines[-1] and "Traceback (most recent call last):" not in lines
    wanted = [
        *names,
        str(file or ""),
        f"camera {camera}" if camera else "",
        "" if frame is None else f"frame {frame:06d}",
    ]
    assert [name for name in wanted if name not in line] == []


def _place(message, wanted: dict) -> dict:
    """The parts of an error or warning that are wanted; of its file as much of the end as is wanted."""
    found = {name: getattr(message, name) for name in wanted}
    if wanted.get("file") is not None and found["file"] is not None:
        parts = Path(wanted["file"]).parts
        found["file"] = wanted["file"] if message.file.parts[-len(parts) :] == parts else message.file
    return found
