"""Rectified captures and their heatmaps as tensors: one stereo pair, or one held-out view, at a time."""

from collections.abc import Iterator, Mapping

import h5py
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from posegaussian.errors import StoreError
from posegaussian.geometry.compositing import person_on_black
from posegaussian.io import store
from posegaussian.parallel import in_order, thread_count
from posegaussian.streams import own_stream, to_device
from posegaussian.types import Camera, StereoPair

_READERS = 4
"""Threads that read frames ahead, at most; each holds two. A pair of 1024 x 1024 with heatmaps takes 42 MB."""


def stereo_pair(
    images: UInt8[np.ndarray, "2 h w 3"],
    masks: UInt8[np.ndarray, "2 h w"],
    cameras: Camera,
    pose: Mapping[str, np.ndarray] | None = None,
    filmed: bool = False,
    device: torch.device | str = "cpu",
) -> StereoPair:
    """One rectified pair at one frame, as a batch of one.

    Args:
        images: RGB as filmed around the person, left and right.
        masks: coverage of the person, 0..255.
        cameras: the rectified cameras, a batch of 2.
        pose: heatmaps (2 17 h/4 w/4), keypoints (2 17 2) and scores (2 17) by these names; None: no pose.
        filmed: whether the pair keeps these images, as networks want them to which masks are a hint; else it has the
            person on black.
        device: of the pair; arrays become floats there, so that a quarter of the bytes is copied.
    """
    images = images if filmed else person_on_black(images, masks)
    return StereoPair(
        images=_unit(images, device).permute(0, 3, 1, 2)[None].contiguous(),
        masks=_unit(masks, device)[None, :, None],
        cameras=cameras.to(torch.float32)[None].to(device),
        **{name: _floats(values, device)[None] for name, values in (pose or {}).items()},
    )


def read_frames(
    rectified: store.Reader,
    heatmaps: store.Reader | None,
    filmed: bool = False,
    device: torch.device | str = "cpu",
) -> Iterator[list[StereoPair]]:
    """Every frame of a rectified file, read ahead: its pairs in the order of the file; see `read_pair`."""
    pairs, frames = rectified["sources/images"].shape[:2]

    def read(frame: int) -> list[StereoPair]:
        with own_stream(torch.device(device)):
            return [read_pair(rectified, heatmaps, pair, frame, filmed, device) for pair in range(pairs)]

    yield from in_order(read, range(frames), threads=min(thread_count(), _READERS))


def read_pair(
    rectified: store.Reader,
    heatmaps: store.Reader | None,
    pair: int,
    frame: int,
    filmed: bool = False,
    device: torch.device | str = "cpu",
) -> StereoPair:
    """One rectified pair at one frame, as a batch of one.

    Args:
        rectified: an open rectified file.
        heatmaps: the open heatmaps of the same capture; None: no pose.
        pair: index of the pair in the file.
        frame: index of the frame in the file (not its number).
        filmed: see `stereo_pair`.
        device: of the pair.

    Raises:
        StoreError: the heatmaps belong to other pairs, frames or sizes.
    """
    sources = rectified["sources"]
    pose = None
    if heatmaps is not None:
        _check_match(rectified, heatmaps)
        pose = {name: heatmaps[name][pair, frame] for name in ("heatmaps", "keypoints", "scores")}
    images, masks = sources["images"][pair, frame], sources["masks"][pair, frame]
    return stereo_pair(images, masks, read_cameras(rectified, pair)[0], pose, filmed, device)


def read_cameras(rectified: store.Reader, pair: int) -> Camera:
    """The two rectified cameras of a pair, as a batch of one."""
    sources = rectified["sources"]
    height, width = sources["images"].shape[3:5]
    return _camera(sources, pair, width, height)


def read_target(
    rectified: store.Reader, target: int, frame: int
) -> tuple[Float[Tensor, "1 3 h w"], Float[Tensor, "1 1 h w"], Camera]:
    """A target view, which is never an input: the person on black, the mask and the camera, as batches of one.

    Args:
        rectified: an open rectified file.
        target: index of the target camera in the file.
        frame: index of the frame in the file (not its number).
    """
    image = _unit(read_person(rectified, "targets", target, frame)).permute(2, 0, 1)[None].contiguous()
    mask = _unit(rectified["targets/masks"][target, frame])[None, None]
    return image, mask, target_camera(rectified, target)


def target_camera(rectified: store.Reader, target: int) -> Camera:
    """The camera of a target view, a batch of one."""
    targets = rectified["targets"]
    height, width = targets["images"].shape[2:4]
    return _camera(targets, target, width, height)


def read_person(rectified: store.Reader, group: str, *index: int) -> UInt8[np.ndarray, "*b h w 3"]:
    """The person on black in images of a rectified file.

    Args:
        rectified: an open rectified file.
        group: `sources` or `targets`.
        index: pair and frame, or pair, frame and view; target and frame.
    """
    return person_on_black(rectified[group]["images"][index], rectified[group]["masks"][index])


def _check_match(rectified: store.Reader, heatmaps: store.Reader) -> None:
    pairs, frames, _, _, height, width = heatmaps["heatmaps"].shape[:6]
    expected = rectified["sources/images"].shape
    if (pairs, frames, 4 * height, 4 * width) != (expected[0], expected[1], *expected[3:5]):
        raise StoreError(
            f"heatmaps of {pairs} pairs x {frames} frames at {width}x{height} do not belong to {rectified.filename}",
            code="mismatched-stores",
            file=heatmaps.filename,
            hint="rerun the heatmaps stage",
        )


def _camera(group: Mapping[str, h5py.Dataset], index: int, width: int, height: int) -> Camera:
    return Camera(
        intrinsics=_floats(group["intrinsics"][index])[None],
        world_to_camera=_floats(group["world_to_camera"][index])[None],
        width=width,
        height=height,
    )


def _floats(values: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    where = torch.device(device)
    if where.type == "cpu":
        return torch.from_numpy(np.asarray(values, dtype=np.float32))
    return to_device(np.require(values, requirements="W"), where).float()


def _unit(values: np.ndarray, device: torch.device | str = "cpu") -> Tensor:
    return _floats(values, device) / 255
