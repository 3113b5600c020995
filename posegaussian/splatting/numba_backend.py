"""The CPU back-end: float32 kernels compiled by Numba, run by as many threads as torch uses.

Kernels release the GIL and split their work into parts that never write to the same memory, so plain Python threads can
run them. Numba's own threading is not used: a fork or a second caller would disturb it. The result is the same down to
the last bit for any number of threads.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from posegaussian.splatting import numba_blend as blending
from posegaussian.splatting import numba_projection as projection
from posegaussian.splatting.semantics import Semantics
from posegaussian.types import Camera, Gaussians, Rendering

_PARTS_PER_THREAD = 4
"""Parts of the work per thread; chosen by hand: more parts balance the load better, fewer have less overhead."""


def refusal(gaussians: Gaussians, camera: Camera, semantics: Semantics) -> str | None:
    """The reason why this back-end cannot render the arguments; None if it can."""
    if gaussians.means.device.type != "cpu":
        return f"runs on the CPU, not on {gaussians.means.device}"
    if gaussians.means.dtype != torch.float32:
        return f"computes in torch.float32, not in {gaussians.means.dtype}"
    if torch.is_grad_enabled() and (camera.intrinsics.requires_grad or camera.world_to_camera.requires_grad):
        return "has no gradient for cameras"
    if semantics.near <= 0:
        return f"needs a near plane in front of the camera, not at {semantics.near} m"
    return None


def render(gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics) -> Rendering:
    """The rendering of each set with its camera, over its background (views, 3) or black."""
    if background is None:
        background = gaussians.means.new_zeros(len(gaussians.means), 3)
    tensors = gaussians.means, gaussians.quaternions, gaussians.scales, gaussians.opacities, gaussians.colors
    return Rendering(*_Splat.apply(*tensors, background, cameras, semantics))


@dataclass(frozen=True)
class _Lists:
    """The projected Gaussians of one view, and those of each tile t: entries[starts[t] : starts[t + 1]]."""

    used: np.ndarray  # indices of the Gaussians with sufficient opacity; the other arrays refer to positions in it
    records: np.ndarray  # see `numba_projection.RECORD`
    boxes: np.ndarray  # x0, y0, x1, y1 of the tiles that a Gaussian may touch
    starts: np.ndarray  # position of each tile's first entry
    entries: np.ndarray  # front to back within each tile


class _Splat(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, means, quaternions, scales, opacities, colors, background, cameras: Camera, semantics):
        inputs = means, quaternions, scales, opacities, colors, background
        views, size = len(means), (cameras.height, cameras.width)
        outputs = means.new_empty(views, 3, *size), means.new_empty(views, 1, *size), means.new_empty(views, 1, *size)
        lists = []
        for view in range(views):
            arrays = [_array(tensor[view]) for tensor in inputs]
            lists.append(_project(arrays, cameras[view], semantics))
            _blend(lists[-1], arrays[5], semantics, [_array(image[view]) for image in outputs])
        if any(ctx.needs_input_grad):
            ctx.save_for_backward(*inputs, *outputs)
            ctx.lists, ctx.cameras, ctx.semantics = lists, cameras, semantics
        return outputs

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients):
        inputs, outputs = ctx.saved_tensors[:6], ctx.saved_tensors[6:]
        results = [torch.from_numpy(np.zeros(tensor.shape, np.float32)) for tensor in inputs]
        for view, lists in enumerate(ctx.lists):
            arrays, images, above, found = (
                [_array(tensor[view]) for tensor in tensors] for tensors in (inputs, outputs, gradients, results)
            )
            partials, offsets = _blend_backward(lists, arrays[5], ctx.semantics, images, above, found[5])
            camera = _camera(ctx.cameras[view]), _rules(ctx.semantics)
            _in_parts(
                projection.project_backward,
                len(lists.used),
                *(lists.used, *arrays[:4], *camera[0], camera[1], partials, offsets, tuple(found[:5])),
            )
        return *results, None, None


def _project(arrays: list[np.ndarray], camera: Camera, semantics: Semantics) -> _Lists:
    used = np.flatnonzero(arrays[3] >= semantics.alpha_min).astype(np.int32)
    records = np.empty((len(used), projection.RECORD), np.float32)
    boxes = np.empty((len(used), 4), np.int32)
    _in_parts(projection.project, len(used), used, *arrays[:5], *_camera(camera), _rules(semantics), records, boxes)
    columns, rows = -(-camera.width // blending.TILE), -(-camera.height // blending.TILE)
    counts = np.empty((rows, columns), np.int64)
    _in_parts(blending.count_tiles, rows, boxes, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    entries = np.empty(starts[-1], np.int32)
    order = blending.order_by_depth(records[:, 9].copy(), boxes)
    _in_parts(blending.fill_tiles, rows, order, boxes, starts[:-1].reshape(rows, columns), entries)
    return _Lists(used, records, boxes, starts, entries)


def _blend(lists: _Lists, background: np.ndarray, semantics: Semantics, images: list[np.ndarray]) -> None:
    colors, alphas, depths = images
    columns = -(-colors.shape[2] // blending.TILE)
    _over_tiles(
        blending.blend,
        lists,
        *(columns, lists.starts, lists.entries, lists.records, background, *_limits(semantics)),
        *(colors, alphas[0], depths[0]),
    )


def _blend_backward(lists: _Lists, background, semantics: Semantics, images, above, g_background):
    colors, alphas, depths = images
    columns = -(-colors.shape[2] // blending.TILE)
    touched = np.prod(lists.boxes[:, 2:] - lists.boxes[:, :2], axis=1, dtype=np.int64)
    offsets = np.concatenate([[0], np.cumsum(touched)])
    partials = np.zeros((len(lists.entries), projection.PARTIAL), np.float32)
    by_tile = np.empty((len(lists.starts) - 1, 3), np.float32)
    _over_tiles(
        blending.blend_backward,
        lists,
        *(columns, lists.starts, lists.entries, lists.records, background, *_limits(semantics)),
        *(colors, alphas[0], depths[0], above[0], above[1][0], above[2][0]),
        *(lists.boxes, offsets, partials, by_tile),
    )
    g_background[:] = by_tile.sum(0)
    return partials, offsets


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().contiguous().numpy()


def _camera(camera: Camera) -> tuple[np.ndarray, np.ndarray, int, int]:
    matrices = (_array(camera.intrinsics).astype(np.float64), _array(camera.world_to_camera).astype(np.float64))
    return *matrices, camera.width, camera.height


def _rules(semantics: Semantics) -> projection.Rules:
    return projection.Rules(
        float(semantics.alpha_min),
        float(semantics.dilation),
        float(semantics.near),
        semantics.antialiased,
        semantics.footprint == "square",
        semantics.slope_limit == "symmetric",
    )


def _limits(semantics: Semantics) -> tuple[np.float32, np.float32, np.float32]:
    return np.float32(semantics.alpha_max), np.float32(semantics.alpha_min), np.float32(semantics.transmittance_min)


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """The thread pool of a process; keyed by process, since a fork does not inherit its parent's threads."""
    return ThreadPoolExecutor(threads, "splatting")


def _threads() -> int:
    return torch.get_num_threads()


def _run(tasks: list[Callable[[], None]]) -> None:
    threads = _threads()
    if threads == 1:
        for task in tasks:
            task()
    else:
        for future in [_pool(os.getpid(), threads).submit(task) for task in tasks]:
            future.result()


def _parts(total: int) -> int:
    threads = _threads()
    return max(1, min(total, _PARTS_PER_THREAD * threads if threads > 1 else 1))


def _in_parts(kernel: Callable, total: int, *arguments: Any) -> None:
    """Run a kernel over consecutive ranges from 0 to total."""
    bounds = np.linspace(0, total, _parts(total) + 1).astype(np.int64).tolist()
    _run([lambda b=b, e=e: kernel(b, e, *arguments) for b, e in pairwise(bounds)])


def _over_tiles(kernel: Callable, lists: _Lists, *arguments: Any) -> None:
    """Run a kernel over all tiles, dealt to the parts in turn, the fullest first: all parts take similar time."""
    tiles = np.argsort(-np.diff(lists.starts), kind="stable")
    parts = _parts(len(tiles))
    _run([lambda part=part: kernel(np.ascontiguousarray(tiles[part::parts]), *arguments) for part in range(parts)])
