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

from posegaussian.atomic import whole_folder
from posegaussian.captures.synthetic.mesh import Mesh
from posegaussian.captures.synthetic.person import make_person
from posegaussian.captures.synthetic.raster import Photograph, make_light, photograph
from posegaussian.captures.synthetic.rig import Rig, View, make_rig
from posegaussian.config import BuiltinSettings
from posegaussian.errors import CaptureError
from posegaussian.progress import progress

DEPTH_UNIT = 1e-4
"""Metres per step of a depth file."""
JPEG = (cv2.IMWRITE_JPEG_QUALITY, 97, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


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
        raise CaptureError("exists and is not a built-in capture", file=output, hint="give the name of a new folder")
    with whole_folder(output) as temporary:
        _write(seed, temporary, settings)


def _replaceable(output: Path) -> bool:
    return output.is_dir() and (not any(output.iterdir()) or (output / "rig.json").exists())


def _write(seed: int, root: Path, settings: BuiltinSettings) -> None:
    person, light = make_person(seed), make_light(seed)
    meshes = [person.posed(frame / settings.fps) for frame in range(settings.frames)]
    rig = _fitting_rig(meshes, settings)
    _write_calibration(root, rig)
    for camera in rig.views:
        for kind in ("images", "masks", "depths"):
            (root / kind / camera).mkdir(parents=True)
    for frame, mesh in progress(list(enumerate(meshes)), f"person {seed}: frame"):
        for camera, view in rig.views.items():
            _write_photograph(root, f"{camera}/{frame:06d}", photograph(mesh, view, light))
    joints = {f"{frame:06d}": mesh.joints.round(6).tolist() for frame, mesh in enumerate(meshes)}
    _write_json(root / "joints.json", {"convention": "COCO-17, metres, world", "frames": joints})
    _write_json(root / "rig.json", {"sources": list(rig.sources), "targets": list(rig.targets), "pairs": rig.pairs})


def _fitting_rig(meshes: list[Mesh], settings: BuiltinSettings) -> Rig:
    extent = np.concatenate([mesh.vertices for mesh in meshes])
    middle = extent[:, 2].max() / 2
    return make_rig(settings.sources, settings.rig.baseline[0], settings.rig.radius[0], middle, settings.size, extent)


def _write_photograph(root: Path, name: str, photo: Photograph) -> None:
    depth = np.round(photo.depth / DEPTH_UNIT).astype(np.uint16)
    cv2.imwrite(str(root / f"images/{name}.jpg"), photo.image[..., ::-1], JPEG)
    cv2.imwrite(str(root / f"masks/{name}.png"), photo.mask)
    cv2.imwrite(str(root / f"depths/{name}.png"), depth)


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _write_calibration(root: Path, rig: Rig) -> None:
    """intri.yml and extri.yml as EasyMocap writes them."""
    intrinsics, extrinsics = {}, {}
    for name, view in rig.views.items():
        rotation = view.world_to_camera[:3, :3]
        intrinsics |= {f"K_{name}": integer_centres(view), f"dist_{name}": np.zeros((1, 5))}
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
