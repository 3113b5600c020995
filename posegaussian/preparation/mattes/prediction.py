"""The matting network on windows: log-odds that a pixel shows the person, from one image alone."""

import cv2
import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch.nn import functional

from posegaussian.geometry.masks import is_person
from posegaussian.locks import DEVICE
from posegaussian.preparation.mattes.network import STRIDE, MattingNetwork, network_input
from posegaussian.preparation.mattes.window import PADDING, SIZE, Window

_LEAN = 0.3
"""People who lean by more than this angle, radians, are turned upright for the network, which has seen few of them.
Chosen by hand."""
_NOBODY = -8.0
"""Log-odds beyond what the network sees of a person who leans."""


def predict_logits(network: MattingNetwork, window: Window) -> Float32[np.ndarray, "h w"]:
    """Log-odds of the person's coverage in the window's pixels."""
    turn = (float(window.person.crop[3]) + np.pi) % (2 * np.pi) - np.pi
    size, frame = (window.width, window.height), np.eye(2, 3)
    if abs(turn) > _LEAN:
        frame, size = _upright(window, turn)
    pixels, coarse, inside = (
        cv2.warpAffine(values, frame, size) if abs(turn) > _LEAN else values
        for values in (window.pixels, window.coarse, np.full((window.height, window.width), 255, np.uint8))
    )
    logits = _run(network, pixels, coarse, inside, window.points() @ frame[:, :2].T + frame[:, 2], window)
    if abs(turn) <= _LEAN:
        return logits
    back = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(logits, frame, (window.width, window.height), flags=back, borderValue=_NOBODY)


def _run(
    network: MattingNetwork,
    pixels: UInt8[np.ndarray, "h w 3"],
    coarse: UInt8[np.ndarray, "h w"],
    inside: UInt8[np.ndarray, "h w"],
    points: Float[np.ndarray, "33 2"],
    window: Window,
) -> Float32[np.ndarray, "h w"]:
    """The network's output; where `inside` is 0, there is no image."""
    device, (height, width) = next(network.parameters()).device, coarse.shape
    image, matte = (torch.from_numpy(values).to(device).float() / 255 for values in (pixels, coarse))
    joints = torch.from_numpy(points).float().to(device)[None]
    visibility = torch.from_numpy(window.person.visibility).float().to(device)[None]
    room = 0, -width % STRIDE, 0, -height % STRIDE
    with torch.inference_mode():
        image, matte = functional.pad(image.movedim(-1, 0), room)[None], functional.pad(matte, room)[None, None]
        seen = network_input(image, matte, joints, visibility, float(max(width, height)))
        seen *= functional.pad(torch.from_numpy(inside > 0).to(device), room)
        with DEVICE.shared():
            logits = network(seen.contiguous(memory_format=torch.channels_last))[0, 0, :height, :width]
    return logits.float().cpu().numpy()


def _upright(window: Window, turn: float) -> tuple[Float[np.ndarray, "2 3"], tuple[int, int]]:
    """The map from the window's pixels to those of a box in which the person stands upright, and its size.

    Args:
        window: the person leans in it.
        turn: angle by which they lean clockwise, radians.
    """
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
