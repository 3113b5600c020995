"""The capsules of `DisparityPrior` for inference on CUDA: dozens of operations as one Triton kernel.

Triton compiles it at its first use.
"""

from typing import no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float
from torch import Tensor

from posegaussian.model.constants import DisparityPriorConstants

_CAPSULE_BLOCK = 64
"""Cells per program. Chosen by hand."""


def fuse_capsules(
    ends: Float[Tensor, "2 k 17"],
    sizes: Float[Tensor, "3 k"],
    keypoints: Float[Tensor, "b 2 17 2"],
    joints: tuple[Float[Tensor, "b 17"], Float[Tensor, "b 17"], Float[Tensor, "b 17"]],
    rig: tuple[Float[Tensor, "b"], Float[Tensor, "b"], Float[Tensor, "b"]],
    silhouettes: tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"]],
    step: int,
    constants: DisparityPriorConstants,
) -> tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 k hs ws"]]:
    """See `DisparityPrior._fuse_capsules`.

    Args:
        ends: weights of the joints, in any precision, as are the sizes.
        sizes: radius, inset and standard deviation, metres.
        keypoints: in pixels.
        joints: disparity, variance and weight.
        rig: disparity of infinity, baseline and scale.
        silhouettes: disparity and variance.
        step: pixels per cell.
        constants: of the disparity prior.
    """
    disparity = silhouettes[0]
    items, views, rows, columns = disparity.shape
    capsule_count, joint_count = ends.shape[1:]
    fused, fused_variance = (disparity.new_empty(disparity.shape) for _ in range(2))
    weights = disparity.new_empty(items, views, capsule_count, rows, columns)
    found = fused, fused_variance, weights
    given = (tensor.contiguous() for tensor in (ends, sizes, keypoints, *joints, *rig, *silhouettes))
    values = constants.falloff, constants.depth_order, constants.half_evidence
    values += constants.skin_floor, constants.sigma_growth, constants.sigma_reach
    counts = capsule_count, joint_count, triton.next_power_of_2(capsule_count), triton.next_power_of_2(joint_count)
    blocks = triton.cdiv(rows * columns, _CAPSULE_BLOCK), items * views
    with torch.cuda.device_of(disparity):
        _fuse_capsules[blocks](  # pyright: ignore[reportIndexIssue]
            *given, *found, columns, rows * columns, step, *values, *counts, _CAPSULE_BLOCK, num_warps=8
        )
    return found


@triton.jit
@no_type_check
def _fuse_capsules(
    ends,
    sizes,
    keypoints,
    joint_disparity,
    joint_variance,
    joint_weight,
    infinity,
    baseline,
    scale,
    silhouettes,
    silhouette_variance,
    fused,
    fused_variance,
    capsule_weights,
    columns,
    cells,
    step,
    falloff,
    depth_order,
    half_evidence,
    skin_floor,
    sigma_growth,
    sigma_reach,
    capsule_count: tl.constexpr,
    joint_count: tl.constexpr,
    capsules: tl.constexpr,
    joints: tl.constexpr,
    block: tl.constexpr,
):
    view, item = tl.program_id(1), tl.program_id(1) // 2
    capsule, joint = tl.arange(0, capsules), tl.arange(0, joints)
    real, known = capsule < capsule_count, joint < joint_count
    entry = ends + capsule[:, None] * joint_count + joint[None, :]
    start = tl.load(entry, real[:, None] & known[None, :], 0.0).to(tl.float32)
    end = tl.load(entry + capsule_count * joint_count, real[:, None] & known[None, :], 0.0).to(tl.float32)
    pixel = keypoints + (view * joint_count + joint) * 2
    start_x, axis_x = _spanned(tl.load(pixel, known, 0.0), start, end)
    start_y, axis_y = _spanned(tl.load(pixel + 1, known, 0.0), start, end)
    disparity_at, disparity_along = _spanned(
        tl.load(joint_disparity + item * joint_count + joint, known, 0.0), start, end
    )
    joint_variance = tl.load(joint_variance + item * joint_count + joint, known, 0.0)
    variance_at, variance_along = _spanned(joint_variance, start * start, end * end)
    weight = tl.load(joint_weight + item * joint_count + joint, known, 1.0)[None, :]
    weight = tl.min(tl.where((start != 0) | (end != 0), weight, 1.0), 1)[:, None]
    radius = tl.load(sizes + capsule, real, 1.0).to(tl.float32)[:, None]
    inset = tl.load(sizes + capsule_count + capsule, real, 0.0).to(tl.float32)[:, None]
    sigma = tl.load(sizes + 2 * capsule_count + capsule, real, 0.0).to(tl.float32)[:, None]
    infinity, scale = tl.load(infinity + item), tl.load(scale + item)
    radius = radius / tl.load(baseline + item)

    cell = tl.program_id(0) * block + tl.arange(0, block)
    valid = cell < cells
    offset_x = (step * (cell % columns + 0.5))[None, :] - start_x
    offset_y = (step * (cell // columns + 0.5))[None, :] - start_y
    t = (offset_x * axis_x + offset_y * axis_y) / (axis_x * axis_x + axis_y * axis_y + 1e-3)
    t = tl.minimum(tl.maximum(t, 0.0), 1.0)
    offset_x -= t * axis_x
    offset_y -= t * axis_y
    disparity = disparity_at + t * disparity_along
    beyond = tl.maximum(disparity - infinity, 1.0)
    radius_in_pixels = radius * beyond
    squares = (offset_x * offset_x + offset_y * offset_y) / (radius_in_pixels * radius_in_pixels)
    per_metre = beyond * beyond / scale
    disparity += inset * tl.sqrt(tl.maximum(1 - squares, skin_floor)) * per_metre
    sigma = sigma * per_metre
    variance = variance_at + t * variance_along + sigma * sigma * (1 + sigma_growth * tl.minimum(squares, sigma_reach))

    depth = scale / depth_order / tl.maximum(disparity - infinity, 1.0)
    log_weight = tl.log(tl.maximum(weight, 1e-9)) - depth - falloff * tl.log(1 + squares)
    log_weight = tl.where(real[:, None], log_weight, float("-inf"))
    share = tl.exp(log_weight - tl.max(log_weight, 0)[None, :])
    share = share / tl.sum(share, 0)[None, :]
    evidence = tl.sum(tl.where(real[:, None], weight / (1 + squares), 0.0), 0)
    confidence = evidence / (evidence + half_evidence)
    place = capsule_weights + (view * capsule_count + capsule)[:, None] * cells + cell[None, :]
    tl.store(place, share * confidence[None, :], real[:, None] & valid[None, :])

    mean = tl.sum(share * disparity, 0)
    offset = disparity - mean[None, :]
    variance = tl.sum(share * (offset * offset + variance), 0)
    place = view * cells + cell
    expected = tl.load(silhouettes + place, valid, 0.0)
    expected_variance = tl.load(silhouette_variance + place, valid, 1.0)
    weight = confidence * expected_variance
    weight = weight / (weight + variance)
    difference = mean - expected
    tl.store(fused + place, expected + weight * difference, valid)
    tl.store(fused_variance + place, (1 - weight) * (expected_variance + weight * difference * difference), valid)


@triton.jit
@no_type_check
def _spanned(values, start, end):
    """The interpolated joint values at the start of every capsule, and the difference to those at its end."""
    at_start = tl.sum(start * values[None, :], 1)[:, None]
    return at_start, tl.sum(end * values[None, :], 1)[:, None] - at_start
