"""The matting network on windows: log-odds that a pixel shows the person, from one image alone."""

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, UInt8
from torch import Tensor

from posegaussian.cuda_graphs import GraphPerShape
from posegaussian.geometry.masks import is_person
from posegaussian.locks import DEVICE
from posegaussian.model.unet import STRIDE
from posegaussian.pose.brightness import brightened
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.network import MattingNetwork, network_input
from posegaussian.preparation.mattes.window import PADDING, SIZE, Window

_LEAN = 0.3
"""People who lean by more than this angle, radians, are turned upright for the network, which has seen few of them.
Chosen by hand."""
_NOBODY = -8.0
"""Log-odds beyond what the network sees of a person who leans."""
_CUDA_GRAIN = 128
"""On CUDA, width and height of the input are multiples of this, so that windows of all people have seven shapes in
all: each needs a graph of its own. Chosen by hand."""


class NetworkMatting:
    """Predicts with the network; threads may call it side by side."""

    def __init__(self, network: MattingNetwork):
        self._network, self._device = network, next(network.parameters()).device
        self.grain = _CUDA_GRAIN if self._device.type == "cuda" else STRIDE
        self._run = GraphPerShape(self.logits)

    def __call__(self, window: Window) -> Float32[np.ndarray, "h w"]:
        """Log-odds of the person's coverage in the window's pixels."""
        turn = _turn(window.person)
        size, frame = (window.width, window.height), np.eye(2, 3)
        if leans(window.person):
            frame, size = _upright(window, turn)
        pixels, coarse, inside = (
            cv2.warpAffine(values, frame, size) if leans(window.person) else values
            for values in (window.pixels, window.coarse, np.full((window.height, window.width), 255, np.uint8))
        )
        points = window.points() @ frame[:, :2].T + frame[:, 2]
        logits = self._predicted(pixels, coarse, inside, points, window.person.visibility)
        if not leans(window.person):
            return logits
        back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(logits, frame, (window.width, window.height), flags=back, borderValue=_NOBODY)

    def _predicted(
        self,
        pixels: UInt8[np.ndarray, "h w 3"],
        coarse: UInt8[np.ndarray, "h w"],
        inside: UInt8[np.ndarray, "h w"],
        points: Float[np.ndarray, "33 2"],
        visibility: Float32[np.ndarray, "33"],
    ) -> Float32[np.ndarray, "h w"]:
        """The network's output; where `inside` is 0, there is no image."""
        height, width = coarse.shape
        room = ((0, -height % self.grain), (0, -width % self.grain), (0, 0))
        planes = np.pad(np.dstack([pixels, coarse, inside]), room).transpose(2, 0, 1)[None]
        numbers = window_numbers(points, visibility, height, width)
        (logits,) = self._run(self._device, torch.from_numpy(planes), torch.from_numpy(numbers))
        return logits[0, 0, :height, :width].float().cpu().numpy()

    def logits(self, planes: UInt8[Tensor, "1 5 h w"], numbers: Float64[Tensor, "102"]) -> tuple[Tensor]:
        """The network's output: log-odds (1, 1, h, w).

        Args:
            planes: image, coarse matte and where they are, levels of 8 bits.
            numbers: positions of the landmarks, their visibility, the longer side, and rows and columns of what counts.
                Together they are copied to the device at once.
        """
        points, visibility, extent, area = numbers.split([66, 33, 1, 2])
        image, coarse = brightened(planes[:, :3].float() / 255), planes[:, 3:4].float() / 255
        seen = network_input(image, coarse, points.float().reshape(1, 33, 2), visibility.float()[None], extent)
        seen *= planes[:, 4:] > 0
        whole = self.grain == STRIDE
        with DEVICE.shared():
            return (self._network(seen.contiguous(memory_format=torch.channels_last), None if whole else area.long()),)


def leans(person: Person) -> bool:
    """Whether a person is turned upright for the network."""
    return abs(_turn(person)) > _LEAN


def _turn(person: Person) -> float:
    """Angle by which a person leans clockwise, radians."""
    return (float(person.crop[3]) + np.pi) % (2 * np.pi) - np.pi


def window_numbers(
    points: Float[np.ndarray, "33 2"], visibility: Float32[np.ndarray, "33"], height: int, width: int
) -> Float64[np.ndarray, "102"]:
    """Landmarks, their visibility, the longer side, rows and columns of what counts; see `NetworkMatting.logits`."""
    area = height + -height % STRIDE, width + -width % STRIDE
    return np.concatenate([points.ravel(), visibility, [max(width, height)], area]).astype(np.float64)


def _upright(window: Window, turn: float) -> tuple[Float[np.ndarray, "2 3"], tuple[int, int]]:
    """The map from the window's pixels to those of a box in which the person stands upright, and its size."""
    rows, columns = np.nonzero(is_person(window.coarse))
    places = np.concatenate([np.stack([columns, rows], axis=1) + 0.5, window.points()])
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    low, high = (places @ axes.T).min(0), (places @ axes.T).max(0)
    room = PADDING * (high - low).max()
    low, high = low - room, high + room
    scale = SIZE / (high - low).max()
    width, height = (max(1, round(scale * side)) for side in high - low)
    frame = np.column_stack([scale * axes, -scale * low])
    frame[:, 2] += 0.5 * frame[:, :2].sum(1) - 0.5  # OpenCV counts from the centre of the first pixel
    return frame, (int(width), int(height))
