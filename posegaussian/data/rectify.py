"""Rectified stereo pairs as tensors, from images in memory."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import UInt8

from posegaussian.captures.calibration import check_numbers
from posegaussian.captures.pairing import Names
from posegaussian.config import RectifySettings
from posegaussian.data.device_pose import device_pose
from posegaussian.data.rectified import stereo_pair
from posegaussian.errors import CaptureError
from posegaussian.geometry.compositing import person_on_black
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.pose.detectors.base import Detector, detect_person
from posegaussian.pose.detectors.blazepose.joints import KnownJoints
from posegaussian.preparation.device_rectification import DeviceRectifier
from posegaussian.preparation.footage import FrameInMemory
from posegaussian.preparation.mattes.matte import DeviceView
from posegaussian.preparation.rectification import CameraFrame, rectify_pair, rectify_person
from posegaussian.preparation.rectification_plan import PairPlan, RectificationPlan, plan_pair, with_matched_colors
from posegaussian.streams import to_device
from posegaussian.types import StereoPair

_NAMES: Names = ("first", "second")
"""What errors call the two cameras."""
MARGIN = RectifySettings().margin
"""Default margin: that of the setting `rectify.margin`."""


def rectify(
    images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
    masks: Sequence[UInt8[np.ndarray, "_ _"]],
    cameras: Sequence[SourceCamera],
    size: tuple[int, int] = (1024, 1024),
    margin: float = MARGIN,
    match_colors: bool = False,
    filmed: bool = True,
) -> StereoPair:
    """The rectified pair of two images: rows match, lenses are undone, the person fills the images.

    View 0 is the left one, whichever of the two was given first. For a capture folder see `read_capture` and
    `Capture.views`; for a stream of frames `Rectifier`.

    Args:
        images: two, RGB, 0..255.
        masks: coverage of the person in each, 0..255; the included weights correct errors of a few pixels.
        cameras: as calibrated, of the size of the images.
        size: width and height of the rectified images, pixels; multiples of 16.
        margin: free border around the person, as a share of the image.
        match_colors: whether to make the cameras' colours alike, as the pipeline does by default for real cameras.
        filmed: whether images stay as filmed in a band around the masks, of which the included weights correct the
            masks; else the person stands on black.

    Returns:
        a batch of one, without pose.

    Raises:
        ValueError: not two of each, arrays of another size than their cameras, or a size that is no multiple of 16.
        TypeError: images or masks are not uint8, or cameras no `SourceCamera`.
        CaptureError: a mask is empty.
        CalibrationError: a camera's numbers are impossible, or the pair cannot be rectified.

    Examples:
        >>> import numpy as np, posegaussian as pg
        >>> intrinsics, left, right = np.array([[80.0, 0, 32], [0, 80, 32], [0, 0, 1]]), np.eye(4), np.eye(4)
        >>> right[0, 3] = -0.2  # 0.2 m to the right of the left one
        >>> cameras = [pg.SourceCamera(intrinsics, np.zeros(5), pose, 64, 64) for pose in (left, right)]
        >>> image, mask = np.full((64, 64, 3), 128, np.uint8), np.zeros((64, 64), np.uint8)
        >>> mask[16:48, 24:40] = 255
        >>> pair = pg.rectify([image, image], [mask, mask], cameras, size=(96, 96))
        >>> tuple(pair.images.shape)
        (1, 2, 3, 96, 96)
    """
    return Rectifier(images, masks, cameras, size, margin, match_colors, filmed)(images, masks)


class Rectifier:
    """What rectifies frame after frame of two cameras onto the same pair of cameras, as a stream of frames needs it.

    Args:
        images: of one frame, see `rectify`.
        masks: where the person is in that frame; or wherever the person will be, the largest coverage of all frames.
        cameras: see `rectify`; they stand still.
        size: see `rectify`.
        margin: see `rectify`.
        match_colors: see `rectify`.
        filmed: see `rectify`.

    Raises:
        ValueError, TypeError, CaptureError, CalibrationError: see `rectify`.

    Examples:
        >>> import posegaussian as pg
        >>> capture = pg.read_capture("capture")
        >>> first, second = (capture.views(capture.sources[:2], number) for number in capture.frames[:2])
        >>> rectifier = pg.Rectifier(*first, size=(64, 64))
        >>> pairs = [rectifier(images, masks) for images, masks, _ in (first, second)]
        >>> bool((pairs[0].cameras.intrinsics == pairs[1].cameras.intrinsics).all())
        True
    """

    def __init__(
        self,
        images: Sequence[UInt8[np.ndarray, "_ _ 3"]],
        masks: Sequence[UInt8[np.ndarray, "_ _"]],
        cameras: Sequence[SourceCamera],
        size: tuple[int, int] = (1024, 1024),
        margin: float = MARGIN,
        match_colors: bool = False,
        filmed: bool = True,
    ):
        _check(images, masks, cameras)
        for name, mask, camera in zip(_NAMES, masks, cameras, strict=True):
            translation = camera.world_to_camera[:3, 3]
            check_numbers(camera.intrinsics, camera.distortion, camera.rotation, translation, camera=name)
            if not is_person(mask).any():
                hint = "coverage is counted from 0 to 255"
                raise CaptureError("the mask is empty", code="empty-mask", camera=name, hint=hint)
        self.cameras, self.filmed = tuple(cameras), filmed
        settings = RectifySettings(size=size, margin=margin)
        footage = FrameInMemory(
            dict(zip(_NAMES, cameras, strict=True)),
            dict(zip(_NAMES, images, strict=True)),
            dict(zip(_NAMES, masks, strict=True)),
        )
        plan = RectificationPlan((plan_pair(footage, _NAMES, [0], settings),))
        if match_colors:
            plan = with_matched_colors(plan, footage, [0])
        (self.plan,) = plan.pairs

    def __call__(
        self, images: Sequence[UInt8[np.ndarray, "_ _ 3"]], masks: Sequence[UInt8[np.ndarray, "_ _"]]
    ) -> StereoPair:
        """The rectified pair of a frame, a batch of one, without pose."""
        _check(images, masks, self.cameras)
        frames = dict(zip(_NAMES, map(CameraFrame, images, masks), strict=True))
        return network_input(self.plan, frames, filmed=self.filmed)


def network_input(
    plan: PairPlan,
    frames: Mapping[str, CameraFrame],
    detectors: Sequence[Detector] = (),
    filmed: bool = False,
    device: torch.device | str = "cpu",
) -> StereoPair:
    """One raw frame of two cameras as the network reads it: rectified, with the joints that detectors find.

    It depends on nothing but its arguments, so threads may prepare several frames at once.

    Args:
        plan: of the rectification.
        frames: of both cameras, by name.
        detectors: of the left and of the right view, in the plan's order; none: no pose.
        filmed: see `rectify`.
        device: of the pair.
    """
    if filmed:
        rectified = rectify_pair(plan, *(frames[name] for name in plan.names))
        images, masks = rectified.images, rectified.masks
        alone = person_on_black(images, masks) if detectors else images
    else:  # no surroundings are needed
        people = [rectify_person(view, frames[view.name]) for view in plan.views]
        images, masks = (np.stack(each) for each in zip(*people, strict=True))
        alone = images
    pose = detect_person(alone, masks, detectors) if detectors else {}
    pose.pop("boxes", None)  # not read by the network
    return stereo_pair(images, masks, plan.cameras, pose, filmed=True, device=device)


def device_input(
    rectifier: DeviceRectifier, frames: Mapping[str, CameraFrame | DeviceView], joints: Sequence[KnownJoints] = ()
) -> StereoPair:
    """What `network_input` returns, computed on a device and left there: a few pixels differ by a level of 8 bits.

    Args:
        rectifier: on the device.
        frames: of both cameras, by name; in memory, or on the device.
        joints: of the left and of the right view; none: no pose.
    """
    plan, device = rectifier.plan, rectifier.device
    views = [_there(frames[name], device) for name in plan.names]
    rectified, coverage = rectifier([view.image for view in views], [view.coverage for view in views])
    return StereoPair(
        images=(rectified / 255)[None],
        masks=(coverage / 255)[None, :, None],
        cameras=plan.cameras.to(torch.float32)[None].to(device),
        **(device_pose(coverage, joints) if joints else {}),
    )


def _there(frame: CameraFrame | DeviceView, device: torch.device) -> DeviceView:
    """A frame on a device."""
    if isinstance(frame, DeviceView):
        return frame
    return DeviceView(to_device(frame.image, device), to_device(frame.mask, device))


def _check(images: Sequence[np.ndarray], masks: Sequence[np.ndarray], cameras: Sequence[object]) -> None:
    """Raise ValueError or TypeError for the first argument that does not fit."""
    counts = len(images), len(masks), len(cameras)
    if counts != (2, 2, 2):
        raise ValueError(f"images, masks and cameras must be two each, got {', '.join(map(str, counts))}")
    for name, image, mask, camera in zip(_NAMES, images, masks, cameras, strict=True):
        if not isinstance(camera, SourceCamera):
            raise TypeError(f"the {name} camera must be a SourceCamera, got {type(camera).__name__}")
        expected = camera.height, camera.width
        if image.shape != (*expected, 3) or mask.shape != expected:
            what = f"got {image.shape} and {mask.shape}"
            raise ValueError(f"the {name} image and mask must have shapes {(*expected, 3)} and {expected}, {what}")
        if image.dtype != np.uint8 or mask.dtype != np.uint8:
            what = f"got {image.dtype} and {mask.dtype}"
            raise TypeError(f"the {name} image and mask must be uint8 arrays, with values from 0 to 255, {what}")
