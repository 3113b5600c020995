"""A Capture from images with a pose each: grouped by camera, with what does not fit reported."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from posegaussian.captures.arrangement import PosedImage
from posegaussian.captures.assemble import assemble
from posegaussian.captures.calibration import Calibration
from posegaussian.captures.capture import Capture
from posegaussian.captures.grouping import group_by_camera
from posegaussian.captures.poses import Poses, Spread, check_lens, mean_pose
from posegaussian.captures.sequences import FrameRange
from posegaussian.captures.unlisted import report_unlisted
from posegaussian.errors import CalibrationError, CaptureError, warn
from posegaussian.io.images import LazyImage


def assemble_posed(
    root: Path,
    images: Sequence[PosedImage],
    *,
    format: str,
    calibration_files: Sequence[Path],
    listed_in: str,
    searched: Path | None = None,
    held_out: Collection[str] = (),
    asked: Sequence[str] = (),
    frames: FrameRange | None = None,
) -> Capture:
    """A Capture from images with a pose each.

    Args:
        root: the capture's folder.
        images: whatever is listed, also where there is no such file.
        format: name of the layout.
        calibration_files: files of the poses.
        listed_in: what lists the images, for messages.
        searched: the folder in which every image should be listed; default: the folders of listed images.
        held_out: names of images whose cameras are held out.
        asked: the only cameras that the user wants; empty: all.
        frames: which frames to read; default: all.

    Raises:
        CaptureError: a camera or frame is missing, or cameras cannot be distinguished.
        CalibrationError: a camera moves, or its lens changes.
    """
    if not images:
        raise CaptureError("it lists no images", code="no-images", file=calibration_files[0])
    grouped = group_by_camera(images)
    if not asked:
        paths = [each.path for posed in images for each in (posed.image, posed.mask, posed.depth) if each]
        report_unlisted(root, [posed.image.path.parent for posed in images], paths, listed_in, searched)
    wanted = {camera: by_frame for camera, by_frame in grouped.items() if not asked or camera in asked}
    chosen = set((frames or FrameRange()).choose(set().union(*wanted.values())))
    found = {camera: by_frame for camera, by_frame in wanted.items() if any(map(_exists, by_frame.values()))}
    if wanted and not found:
        what = "none of the listed images exists"
        raise CaptureError(what, code="missing-image", file=min(posed.image.path for posed in images))
    for camera, by_frame in found.items():
        for frame in sorted(chosen & by_frame.keys()):
            if not _exists(by_frame[frame]):
                file = by_frame[frame].image.path
                hint = "leave the frame out with --frames (`render`: --frame), or the camera with --cameras"
                what = "no such image"
                raise CaptureError(what, code="missing-image", file=file, camera=camera, frame=frame, hint=hint)
    found = {
        camera: {f: posed for f, posed in by_frame.items() if _exists(posed)} for camera, by_frame in found.items()
    }
    still = _still(
        {
            camera: {frame: posed.calibration for frame, posed in by_frame.items() if frame in chosen}
            for camera, by_frame in found.items()
        }
    )
    files = {kind: _files(found, kind) for kind in ("image", "mask", "depth")}
    first = {camera: next(iter(by_frame.values())).calibration for camera, by_frame in grouped.items()}
    return assemble(
        root,
        format=format,
        calibrations=first | still,
        images=files["image"],
        masks=files["mask"],
        depths=files["depth"],
        calibration_files=calibration_files,
        held_out=[c for c, by_frame in found.items() if all(posed.name in held_out for posed in by_frame.values())],
        asked=asked,
        frames=frames,
    )


def _files(cameras: Mapping[str, Mapping[int, PosedImage]], kind: str) -> dict[str, dict[int, LazyImage]]:
    """Images, masks or depths by camera and frame, of the cameras that have them in any frame."""
    found = {
        camera: {frame: getattr(posed, kind) for frame, posed in by_frame.items() if getattr(posed, kind)}
        for camera, by_frame in cameras.items()
    }
    return {camera: by_frame for camera, by_frame in found.items() if by_frame}


def _exists(posed: PosedImage) -> bool:
    return posed.image.path.is_file()


def _still(cameras: Mapping[str, Mapping[int, Calibration]]) -> dict[str, Calibration]:
    """One calibration for each camera, with the mean of its poses.

    Raises:
        CalibrationError: the pose or the lens of a camera changes by more than noise.
    """
    cameras = {camera: dict(sorted(by_frame.items())) for camera, by_frame in cameras.items() if by_frame}
    listed = [each for by_frame in cameras.values() for each in by_frame.values()]
    if not listed:
        return {}
    still = Poses(listed).are_still(np.repeat(range(len(cameras)), [len(by_frame) for by_frame in cameras.values()]))
    calibrations: dict[str, Calibration] = {}
    spreads = []
    for (camera, by_frame), at_rest in zip(cameras.items(), still, strict=True):
        calibrations[camera], spread = mean_pose(list(by_frame.values()))
        if not at_rest:
            what = f"moves ({spread} from its mean pose): moving cameras are not supported"
            hint = "choose frames in which it stands still, or leave it out with --cameras"
            file = calibrations[camera].file
            raise CalibrationError(what, code="moving-camera", file=file, camera=camera, hint=hint)
        check_lens(by_frame, camera)
        spreads += [spread] if spread.distance or spread.angle else []
    if spreads:
        largest = Spread(max(each.distance for each in spreads), max(each.angle for each in spreads))
        what = f"the poses of {len(spreads)} cameras differ from frame to frame by noise (up to {largest}): averaged"
        warn(what, code="averaged-poses", file=listed[0].file)
    return calibrations
