"""The network and the rasteriser together: the Gaussians of one pair, or of pairs frame by frame, and renders."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.geometry.unmixing import person_on_black
from posegaussian.locks import DEVICE
from posegaussian.model.network import PoseGaussian
from posegaussian.model.streaming import StreamingPredictor
from posegaussian.model.weights import load_model
from posegaussian.pose.encode import gaussian_maps
from posegaussian.rendering.camera_path import check_camera
from posegaussian.rendering.window import person_window
from posegaussian.splatting import rasterize
from posegaussian.types import Camera, Gaussians, Rendering, StereoPair


@dataclass(frozen=True)
class FrameReconstruction:
    """The network's output for one pair at one frame.

    Args:
        pair: index of the pair in the capture, from 0.
        frame: index of the frame, from 0.
        gaussians: the visible ones.
        disparity: of both views, pixels, on the network's device.
        masks: coverage of the person in both views.
        cameras: rectified, left and right.
    """

    pair: int
    frame: int
    gaussians: Gaussians
    disparity: Float[Tensor, "2 h w"]
    masks: Float[Tensor, "2 1 h w"]
    cameras: Camera


def reconstruct_frames(
    network: PoseGaussian, frames: Iterable[Iterable[StereoPair]], device: torch.device
) -> Iterator[list[FrameReconstruction]]:
    """The reconstructions of all pairs, one list per frame.

    Args:
        network: on `device`, ready for inference.
        frames: in temporal order; each yields its pairs, batches of one, always in the same order.
        device: of the network.
    """
    reconstructor = FrameReconstructor(network, device)
    for pairs in frames:
        yield reconstructor(pairs)


class FrameReconstructor:
    """Reconstructs one frame after the other; each pair continues from its state at the frame before.

    Args:
        network: on `device`, ready for inference.
        device: of the network.
        stabilizer: whether the state is kept; else every frame starts anew.
    """

    def __init__(self, network: PoseGaussian, device: torch.device, stabilizer: bool = True):
        self._network, self._streams = network, dict[tuple[int, ...], StreamingPredictor]()
        self._device, self._stabilizer = device, stabilizer
        self.restart()

    def restart(self) -> None:
        """Forget all frames: the next one is the first of a sequence."""
        self._states: dict[int, Tensor | None] = {}
        self._frames = 0

    def _stream(self, pair: StereoPair) -> StreamingPredictor:
        """The predictor for pairs of this size."""
        size = tuple(pair.images.shape)
        if size not in self._streams:
            mode = "graph" if self._device.type == "cuda" else "eager"
            self._streams[size] = StreamingPredictor(self._network, mode)
        return self._streams[size]

    def __call__(self, pairs: Iterable[StereoPair]) -> list[FrameReconstruction]:
        """The reconstructions of the next frame.

        Args:
            pairs: batches of one, always in the same order and of one size.
        """
        reconstructions = []
        for pair, stereo in enumerate(pairs):
            inputs = stereo.to(self._device)
            window, before = person_window(inputs), self._states.get(pair)
            seen = inputs if window is None else window.crop(inputs)
            stream = self._stream(seen)
            stream.resume(before if window is None else window.state_before(before))
            found = stream(seen)
            state = stream.state() if self._stabilizer else None
            self._states[pair] = state if window is None else window.state_after(state, inputs)
            gaussians = found.gaussians.compact()
            disparity = found.disparity.to(torch.float32, copy=True)  # the next frame overwrites it
            if window is not None:
                disparity = window.disparity(disparity, inputs)
            reconstructions.append(
                FrameReconstruction(pair, self._frames, gaussians, disparity, inputs.masks[0], inputs.cameras[0])
            )
        self._frames += 1
        return reconstructions


def reconstruct(
    pair: StereoPair,
    *,
    joints: Float[Tensor, "2 17 3"] | Float[np.ndarray, "2 17 3"] | None = None,
    masks: Float[Tensor, "2 h w"] | Float[np.ndarray, "2 h w"] | None = None,
    model: PoseGaussian | None = None,
) -> Gaussians:
    """The visible Gaussians of one rectified pair, one unbatched set on the model's device.

    Args:
        pair: a batch of one, as `rectify` returns it.
        joints: COCO-17 key points in both images, (x, y, score): rectified pixels, centres at +0.5, and a confidence in
            [0, 1] (0: not found); None: the heatmaps of the pair; without those, reconstruction without pose.
        masks: coverage of the person in [0, 1], in place of the pair's; the images become black where
            the pair's cover more.
        model: as `load_model` returns it; None loads the weights that ship, once.

    Raises:
        ValueError: the pair is no batch of one, the masks differ from it in size, or the joints are not finite.

    Examples:
        >>> import posegaussian as pg
        >>> capture = pg.read_capture("capture")
        >>> images, masks, cameras = capture.views(capture.sources[:2], capture.frames[0])
        >>> pair = pg.rectify(images, masks, cameras, size=(64, 64))
        >>> gaussians = pg.reconstruct(pair)
        >>> gaussians.means.shape == (len(gaussians.opacities), 3)
        True
    """
    if len(pair.images) != 1:
        raise ValueError(f"pair must be a batch of one, got {len(pair.images)}")
    model = _release() if model is None else model
    if masks is not None:
        pair = _masked(pair, torch.as_tensor(masks).to(pair.masks)[None, :, None])
    if not model.settings.filmed:
        pair = replace(pair, images=person_on_black(pair.images, pair.masks))
    if joints is not None:
        pair = _posed(pair, torch.as_tensor(joints).to(pair.images)[None])
    ((reconstruction,),) = reconstruct_frames(model, [[pair]], next(model.parameters()).device)
    return reconstruction.gaussians


_release = cache(load_model)


def _masked(pair: StereoPair, masks: Float[Tensor, "1 2 1 h w"]) -> StereoPair:
    """The pair with other masks; its images, premultiplied by the coverage, lose what the new masks leave out."""
    if masks.shape != pair.masks.shape:
        raise ValueError(f"masks must have shape {tuple(pair.masks[0, :, 0].shape)}, got {tuple(masks[0, :, 0].shape)}")
    kept = torch.where(pair.masks > masks, masks / pair.masks, 1.0)
    return replace(pair, images=pair.images * kept, masks=masks)


def _posed(pair: StereoPair, joints: Float[Tensor, "1 2 17 3"]) -> StereoPair:
    """The pair with one heatmap per joint."""
    if joints.shape != (1, 2, 17, 3) or not joints.isfinite().all():
        got = tuple(joints.shape[1:]) if joints.shape != (1, 2, 17, 3) else "values that are not finite"
        raise ValueError(f"joints must be finite, of shape (2, 17, 3), got {got}")
    keypoints, scores = joints[..., :2], joints[..., 2]
    heatmaps = gaussian_maps(keypoints, scores, *pair.images.shape[-2:])
    return replace(pair, heatmaps=heatmaps, keypoints=keypoints, scores=scores)


def render(
    gaussians: Gaussians, camera: Camera, background: Float[Tensor, "3"] | None = None, *, backend: str = "auto"
) -> Rendering:
    """The rendering of one set of Gaussians, antialiased and without gradients; `rasterize` has gradients.

    Args:
        gaussians: one set; the rendering is on their device.
        camera: of any dtype and device; of a batch, the renderings are one as well.
        background: RGB in [0, 1]; black if None.
        backend: the rasteriser, see `rasterize`.

    Raises:
        ValueError: an argument has a wrong shape, or a value that is not finite.
        TypeError: the camera is no `Camera`.
        BackendError: the back-end is not installed, or cannot render the arguments.

    Examples:
        >>> import torch, posegaussian as pg
        >>> gaussians = pg.Gaussians(
        ...     means=torch.tensor([[0.0, 0, 2]]),
        ...     quaternions=torch.tensor([[1.0, 0, 0, 0]]),
        ...     scales=torch.full((1, 3), 0.1),
        ...     opacities=torch.tensor([0.9]),
        ...     colors=torch.tensor([[1.0, 0.5, 0]]),
        ... )
        >>> camera = pg.Camera(torch.tensor([[80.0, 0, 32], [0, 80, 24], [0, 0, 1]]), torch.eye(4), 64, 48)
        >>> view = pg.render(gaussians, camera, background=torch.ones(3))
        >>> tuple(view.colors.shape), round(float(view.alphas.max()), 2)
        ((3, 48, 64), 0.87)
    """
    check_camera(camera)
    background = None if background is None else background.to(gaussians.means)
    batch = camera.intrinsics.shape[:-2]
    gaussians = gaussians.map(lambda values: values.expand(*batch, *values.shape))
    with torch.inference_mode(), DEVICE.shared():
        return rasterize(gaussians, camera.to(gaussians.means), background, backend=backend)
