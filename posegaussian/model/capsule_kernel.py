"""What `InitialDisparity` makes of its capsules, for inference on CUDA: its dozens of operations as one Triton kernel.

Triton compiles it at its first use.
"""

from typing import no_type_check

import torch
import triton  # pyright: ignore[reportMissingImports]
import triton.language as tl  # pyright: ignore[reportMissingImports]
from jaxtyping import Float
from torch import Tensor

from posegaussian.model.constants import DisparityPriorConstants

_BLOCK = 64


def with_capsules(
    ends: Float[Tensor, "2 k 17"],
    sizes: Float[Tensor, "3 k"],
    keypoints: Float[Tensor, "b 2 17 2"],
    joints: tuple[Float[Tensor, "b 17"], Float[Tensor, "b 17"], Float[Tensor, "b 17"]],
    rig: tuple[Float[Tensor, "b"], Float[Tensor, "b"], Float[Tensor, "b"]],
    silhouettes: tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"]],
    step: int,
    constants: DisparityPriorConstants,
) -> tuple[Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 hs ws"], Float[Tensor, "b 2 k hs ws"]]:
    """See `InitialDisparity._with_limbs`.

    Args:
        ends: weights of the joints, in any precision, as are the sizes.
        sizes: radius, inset and spread.
        keypoints: in pixels.
        joints: disparity, variance and trust.
        rig: disparity of infinity, baseline and scale.
        silhouettes: disparity and variance.
        step: pixels per cell.
        constants: of the disparity prior.
    """
    disparity = silhouettes[0]
    items, views, rows, columns = disparity.shape
    kinds, several = ends.shape[1:]
    fused, fused_variance = (disparity.new_empty(disparity.shape) for _ in range(2))
    limbs = disparity.new_empty(items, views, kinds, rows, columns)
    found = fused, fused_variance, limbs
    given = (values.contiguous() for values in (ends, sizes, keypoints, *joints, *rig, *silhouettes))
    numbers = constants.falloff, constants.depth_order, constants.half_evidence
    numbers += constants.skin_floor, constants.sigma_growth, constants.sigma_reach
    counts = kinds, several, triton.next_power_of_2(kinds), triton.next_power_of_2(several)
    blocks = triton.cdiv(rows * columns, _BLOCK), items * views
    with torch.cuda.device_of(disparity):
        _with_capsules[blocks](  # pyright: ignore[reportIndexIssue]
            *given, *found, columns, rows * columns, step, *numbers, *counts, _BLOCK, num_warps=8
        )
    return found


@triton.jit
@no_type_check
def _with_capsules(
    ends,
    sizes,
    keypoints,
    measured,
    uncertain,
    trusted,
    infinity,
    baseline,
    scale,
    silhouettes,
    doubt,
    fused,
    fused_variance,
    limbs,
    columns,
    cells,
    step,
    falloff,
    depth_order,
    half_evidence,
    skin_floor,
    sigma_growth,
    sigma_reach,
    kinds: tl.constexpr,
    several: tl.constexpr,
    capsules: tl.constexpr,
    joints: tl.constexpr,
    block: tl.constexpr,
):
    view, item = tl.program_id(1), tl.program_id(1) // 2
    capsule, joint = tl.arange(0, capsules), tl.arange(0, joints)
    real, known = capsule < kinds, joint < several
    weight = ends + capsule[:, None] * several + joint[None, :]
    start = tl.load(weight, real[:, None] & known[None, :], 0.0).to(tl.float32)
    end = tl.load(weight + kinds * several, real[:, None] & known[None, :], 0.0).to(tl.float32)
    pixel = keypoints + (view * several + joint) * 2
    start_x, axis_x = _spanned(tl.load(pixel, known, 0.0), start, end)
    start_y, axis_y = _spanned(tl.load(pixel + 1, known, 0.0), start, end)
    measured_at, measured_along = _spanned(tl.load(measured + item * several + joint, known, 0.0), start, end)
    uncertain = tl.load(uncertain + item * several + joint, known, 0.0)
    uncertain_at, uncertain_along = _spanned(uncertain, start * start, end * end)
    trust = tl.load(trusted + item * several + joint, known, 1.0)[None, :]
    trust = tl.min(tl.where((start != 0) | (end != 0), trust, 1.0), 1)[:, None]
    radius = tl.load(sizes + capsule, real, 1.0).to(tl.float32)[:, None]
    inset = tl.load(sizes + kinds + capsule, real, 0.0).to(tl.float32)[:, None]
    off = tl.load(sizes + 2 * kinds + capsule, real, 0.0).to(tl.float32)[:, None]
    infinity, scale = tl.load(infinity + item), tl.load(scale + item)
    radius = radius / tl.load(baseline + item)

    cell = tl.program_id(0) * block + tl.arange(0, block)
    valid = cell < cells
    away_x = (step * (cell % columns + 0.5))[None, :] - start_x
    away_y = (step * (cell // columns + 0.5))[None, :] - start_y
    t = (away_x * axis_x + away_y * axis_y) / (axis_x * axis_x + axis_y * axis_y + 1e-3)
    t = tl.minimum(tl.maximum(t, 0.0), 1.0)
    away_x -= t * axis_x
    away_y -= t * axis_y
    disparity = measured_at + t * measured_along
    beyond = tl.maximum(disparity - infinity, 1.0)
    thick = radius * beyond
    squares = (away_x * away_x + away_y * away_y) / (thick * thick)
    per_metre = beyond * beyond / scale
    disparity += inset * tl.sqrt(tl.maximum(1 - squares, skin_floor)) * per_metre
    off = off * per_metre
    variance = uncertain_at + t * uncertain_along + off * off * (1 + sigma_growth * tl.minimum(squares, sigma_reach))

    depth = scale / depth_order / tl.maximum(disparity - infinity, 1.0)
    say = tl.log(tl.maximum(trust, 1e-9)) - depth - falloff * tl.log(1 + squares)
    say = tl.where(real[:, None], say, float("-inf"))
    share = tl.exp(say - tl.max(say, 0)[None, :])
    share = share / tl.sum(share, 0)[None, :]
    total = tl.sum(tl.where(real[:, None], trust / (1 + squares), 0.0), 0)
    believed = total / (total + half_evidence)
    place = limbs + (view * kinds + capsule)[:, None] * cells + cell[None, :]
    tl.store(place, share * believed[None, :], real[:, None] & valid[None, :])

    mean = tl.sum(share * disparity, 0)
    away = disparity - mean[None, :]
    variance = tl.sum(share * (away * away + variance), 0)
    place = view * cells + cell
    expected, unsure = tl.load(silhouettes + place, valid, 0.0), tl.load(doubt + place, valid, 1.0)
    weight = believed * unsure
    weight = weight / (weight + variance)
    apart = mean - expected
    tl.store(fused + place, expected + weight * apart, valid)
    tl.store(fused_variance + place, (1 - weight) * (unsure + weight * apart * apart), valid)


@triton.jit
@no_type_check
def _spanned(values, start, end):
    """What the joints' values are at the start of every capsule, and by how much more at its end."""
    at_start = tl.sum(start * values[None, :], 1)[:, None]
    return at_start, tl.sum(end * values[None, :], 1)[:, None] - at_start
