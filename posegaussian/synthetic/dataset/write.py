"""A capture of a synthetic person on disk: the EasyMocap layout, and the truth beside it.

images/<camera>/<frame:06d>.jpg    RGB before a plain studio background
masks/<camera>/<frame:06d>.png     how much of each pixel the person covers, 0..255
depths/<camera>/<frame:06d>.png    16 bits, tenths of a millimetre along the optical axis, 0 = nobody there
intri.yml, extri.yml               OpenCV files; here, and only here, pixel centres are integers
joints.json                        COCO-17, metres, world
rig.json                           which cameras are inputs (sources), which never are (targets), and the pairs
"""

import json
from pathlib import Path

import cv2
import numpy as np

from posegaussian.config import BuiltinSettings
from posegaussian.errors import CaptureError
from posegaussian.io.atomic import whole_folder
from posegaussian.progress import progress
from posegaussian.synthetic.dataset.studio import Photo, Studio
from posegaussian.synthetic.people.cast import Cast
from posegaussian.synthetic.people.preparation import prepare, texel_for
from posegaussian.synthetic.people.splits import split_of
from posegaussian.synthetic.rigs.rig import Rig, View, capture_rig

DEPTH_UNIT = 1e-4
"""Metres per step of a depth file."""
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 4)
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
_RIG = 29
"""Branch of a person's random numbers for cameras and light."""


def write_capture(seed: int, output: Path, settings: BuiltinSettings) -> None:
    """Photograph a synthetic person and write the capture; it appears under its name only when it is whole.

    Args:
        seed: which person.
        output: the capture's folder; an older one of this name is replaced.
        settings: frames, size and rig.

    Raises:
        CaptureError: `output` exists and is not a built-in capture.
    """
    output = Path(output)
    if output.exists() and not _replaceable(output):
        raise CaptureError(
            "exists and is not a built-in capture",
            code="output-exists",
            file=output,
            hint="give the name of a new folder",
        )
    with whole_folder(output) as temporary:
        _write(seed, temporary, settings)


def _replaceable(output: Path) -> bool:
    return output.is_dir() and (not any(output.iterdir()) or (output / "rig.json").exists())


def _write(seed: int, root: Path, settings: BuiltinSettings) -> None:
    split_of(seed)
    frames = np.zeros(settings.frames, int) if settings.still else np.arange(settings.frames)
    cast = Cast.of(prepare(seed, settings.people, int(frames.max()) + 1, settings.fps, texel_for(max(settings.size))))
    rng = np.random.default_rng([seed, _RIG])
    extent = cast.track.extent(frames)
    studio = Studio.built(rng, settings, capture_rig(rng, settings, extent), extent)
    write_rig(root, studio.rig)
    for number, frame in progress(list(enumerate(frames)), f"person {seed}: frame"):
        for camera, photo in studio.photographs(cast.posed(np.array([frame])), number):
            write_photograph(root, f"{camera}/{number:06d}", photo, settings.images)
    joints = {
        f"{number:06d}": cast.track.joints[frame].astype(float).round(6).tolist() for number, frame in enumerate(frames)
    }
    _write_json(root / "joints.json", {"convention": "COCO-17, metres, world", "frames": joints})


def write_rig(root: Path, rig: Rig) -> None:
    """Calibration, which cameras are for what, and a place for the pictures of each."""
    _write_calibration(root, rig)
    for camera in rig.views:
        for kind in ("images", "masks", "depths"):
            (root / kind / camera).mkdir(parents=True)
    _write_json(root / "rig.json", {"sources": list(rig.sources), "targets": list(rig.targets), "pairs": rig.pairs})


def write_photograph(root: Path, name: str, photo: Photo, suffix: str) -> None:
    """One picture with its mask and depth.

    Args:
        root: of the capture.
        name: camera and frame, `00/000000`.
        photo: the picture.
        suffix: of the picture's file, jpg or png.
    """
    depth = np.round(photo.depth / DEPTH_UNIT).astype(np.uint16)
    _write_picture(root / f"images/{name}.{suffix}", photo.image[..., ::-1], JPEG if suffix == "jpg" else PNG)
    _write_picture(root / f"masks/{name}.png", photo.mask)
    _write_picture(root / f"depths/{name}.png", depth)


def _write_picture(path: Path, image: np.ndarray, parameters: tuple[int, ...] = ()) -> None:
    """As `cv2.imwrite`, which does not tell of a full disk."""
    path.write_bytes(cv2.imencode(path.suffix, image, parameters)[1].tobytes())


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_calibration(root: Path, rig: Rig) -> None:
    """intri.yml and extri.yml as EasyMocap writes them."""
    intrinsics, extrinsics = {}, {}
    for name, view in rig.views.items():
        rotation = view.world_to_camera[:3, :3]
        intrinsics |= {f"K_{name}": integer_centres(view), f"dist_{name}": view.distortion[None]}
        extrinsics |= {
            f"R_{name}": cv2.Rodrigues(rotation)[0],
            f"Rot_{name}": rotation,
            f"T_{name}": view.world_to_camera[:3, 3:],
        }
    _write_matrices(root / "intri.yml", list(rig.views), intrinsics)
    _write_matrices(root / "extri.yml", list(rig.views), extrinsics)


def integer_centres(view: View) -> np.ndarray:
    """The intrinsics for files: the first pixel's centre is at 0, not at 0.5."""
    shift = np.array([[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]])
    return view.intrinsics - shift


def _write_matrices(path: Path, names: list[str], matrices: dict[str, np.ndarray]) -> None:
    """An OpenCV file in the YAML dialect of captures in the wild."""
    lines = ["%YAML:1.0", "---", "names:", *(f'  - "{name}"' for name in names)]
    for key, matrix in matrices.items():
        data = ", ".join(repr(float(value)) for value in matrix.ravel())
        lines += [f"{key}: !!opencv-matrix", f"  rows: {matrix.shape[0]}", f"  cols: {matrix.shape[1]}"]
        lines += ["  dt: d", f"  data: [ {data} ]"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
