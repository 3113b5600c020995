"""Inference frame by frame in constant memory: half precision, lists of fixed length, and on CUDA a captured graph."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.cuda_graphs import captured
from posegaussian.locks import DEVICE
from posegaussian.model.blocks import Convolution, Residual
from posegaussian.model.network import PoseGaussian, Reconstruction
from posegaussian.model.stabilizer import TemporalPoseStabilizer
from posegaussian.types import Gaussians, StereoPair

Mode = Literal["eager", "graph", "compiled"]
"""How the network runs: eagerly, as one CUDA graph, or compiled by TorchInductor and captured as one CUDA graph."""

_SPARE = 1.5
"""Length of the lists relative to the number of foreground pixels in the first frame. Chosen by hand."""
_GRAIN = 4096
"""Lengths of lists are multiples of this. Chosen by hand."""


@dataclass(frozen=True)
class Frame:
    """The result of one call, which the next call overwrites.

    Args:
        gaussians: one unbatched set, of fixed length; an opacity of 0 marks an unused entry.
        disparity: x_left - x_right in pixels, in both views.
        overflow: above 0 if the lists were too short for the person, by this many pixels.
    """

    gaussians: Gaussians
    disparity: Float[Tensor, "2 h w"]
    overflow: Float[Tensor, ""]


class StreamingPredictor:
    """Inference on the frames of one pair, in order; the temporal state is kept between the calls.

    All frames have the same size. As a graph, a call allocates nothing after the first frame. The host waits for each
    frame, and one that overflows its lists is computed again with longer lists; not so with `patient=False`.

    Predictors of several threads, and other networks of the project, may run side by side: while a graph is captured,
    they wait; see `locks.DEVICE`. Networks of your own in other threads must not run during a predictor's first frame.

    Args:
        network: the trained network; it is copied and not changed. One with `matte: exact` takes pairs with the person
            on black (`Rectifier(..., filmed=False)`).
        mode: how the network runs; on the CPU only `eager`.
        capacity: Gaussians per view; None: chosen from the first frame (the host waits for it).
        patient: whether to check every frame for overflow; where not, Gaussians beyond the lists are lost, and
            `Frame.overflow` counts them.

    Raises:
        ValueError: the mode needs CUDA, and the network is on another device.

    Examples:
        >>> import posegaussian as pg
        >>> capture = pg.read_capture("capture")
        >>> predictor = pg.StreamingPredictor(pg.load_model(device="cpu"))
        >>> views = [capture.views(capture.sources[:2], number) for number in capture.frames[:2]]
        >>> rectifier = pg.Rectifier(*views[0], size=(64, 64))
        >>> for images, masks, _ in views:
        ...     frame = predictor(rectifier(images, masks))
        >>> bool((frame.gaussians.opacities > 0).any())
        True
    """

    def __init__(self, network: PoseGaussian, mode: Mode = "eager", capacity: int | None = None, patient: bool = True):
        device = next(network.parameters()).device
        if mode != "eager" and device.type != "cuda":
            raise ValueError(f"mode {mode!r} needs CUDA, the network is on {device}")
        dtype = torch.float16 if device.type == "cuda" else torch.float32
        network = copy.deepcopy(network).eval().requires_grad_(False)
        for module in network.modules():
            if isinstance(module, Residual | TemporalPoseStabilizer):
                module.fold()
            if isinstance(module, Convolution) and device.type == "cuda":
                module.align()
        self.network = network.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mode, self.capacity, self.patient = mode, capacity, patient
        self._inputs: StereoPair | None = None
        self._state: Tensor | None = None
        self._past: Tensor | None = None
        self._replay: Callable[[], Reconstruction] | None = None

    def resume(self, state: Float[Tensor, "1 2 d hs ws"] | None) -> None:
        """Continue after the frame to which this state belongs; None starts a sequence."""
        self._past = state

    @torch.inference_mode()
    def state(self) -> Float[Tensor, "1 2 d hs ws"] | None:
        """The state after the last frame, for `resume`; None without a stabiliser."""
        return None if self._past is None else self._past.clone()

    @torch.inference_mode()
    def __call__(self, pair: StereoPair) -> Frame:
        """The Gaussians of the next frame, from a batch of one pair."""
        if self.capacity is None:
            self.capacity = _length(int((pair.masks > 0).sum((-3, -2, -1)).max()))
        self._copy_inputs(pair)
        frame = self._frame()
        while self.patient and frame.overflow > 0:
            self.capacity = _length(self.capacity + int(frame.overflow))
            self._replay = None
            frame = self._frame()
        return frame

    def _copy_inputs(self, pair: StereoPair) -> None:
        """Copy the inputs and the state into the tensors that the graph was captured with."""
        if self._inputs is None:
            self._inputs = copy.deepcopy(pair)
            self._state = self.network.initial_state(pair)
        else:
            self._inputs.map(lambda old, new: old.copy_(new, non_blocking=True), pair)
        if self._state is not None:
            self._state.zero_() if self._past is None else self._state.copy_(self._past)

    def _frame(self) -> Frame:
        if self._replay is None:
            self._replay = self._make_replay()
        result = self._replay()
        self._past = result.state
        assert result.gaussians is not None and result.count is not None and self.capacity is not None
        overflow = (result.count.amax() - self.capacity).float()
        return Frame(result.gaussians[0], result.disparity[0], overflow)

    def _make_replay(self) -> Callable[[], Reconstruction]:
        """A function that runs the network on the copied inputs; as a graph unless the mode is eager."""
        inputs, capacity = self._inputs, self.capacity
        assert inputs is not None
        run = self.network if self.mode != "compiled" else torch.compile(self.network, dynamic=False)

        def step() -> Reconstruction:
            with DEVICE.shared():
                return run(inputs, self._state, capacity=capacity)

        return step if self.mode == "eager" else captured(step, inputs.images.device)


def _length(pixels: int) -> int:
    return -(-int(_SPARE * pixels) // _GRAIN) * _GRAIN + _GRAIN
