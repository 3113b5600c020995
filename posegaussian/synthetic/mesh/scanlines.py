"""The z-buffer on the CPU in Numba: triangle by triangle, row by row."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import no_type_check

import numpy as np
from jaxtyping import Float32, Int32, Int64
from numba import njit


def rasterize_scanlines(
    points: Float32[np.ndarray, "n v 3"], faces: Int64[np.ndarray, "f 3"], width: int, height: int, threads: int = 1
) -> tuple[Int32[np.ndarray, "n h w"], Float32[np.ndarray, "n h w"]]:
    """The nearest triangle (-1: none) and its depth (0: none) at every pixel's centre; see `zbuffer.rasterize`."""
    face = np.full((len(points), height, width), -1, np.int32)
    depth = np.zeros((len(points), height, width), np.float32)
    bands = -(-threads // max(len(points), 1))
    edges = np.linspace(0, height, bands + 1).astype(int)
    work = [
        partial(_draw, points[i], faces, face[i], depth[i], top, bottom)
        for i in range(len(points))
        for top, bottom in pairwise(edges.tolist())
    ]
    if threads == 1:
        for call in work:
            call()
    else:
        with ThreadPoolExecutor(threads) as pool:  # the kernel releases the GIL
            list(pool.map(lambda call: call(), work))
    return face, depth


@njit(cache=True, nogil=True)
@no_type_check
def _draw(points, faces, face, depth, top, bottom):
    """Draw all triangles into rows `top` to `bottom` of one image."""
    half, width = np.float32(0.5), face.shape[1]
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        ax, ay, aq = points[a, 0], points[a, 1], points[a, 2]
        bx, by, bq = points[b, 0], points[b, 1], points[b, 2]
        cx, cy, cq = points[c, 0], points[c, 1], points[c, 2]
        if not (aq > 0 and bq > 0 and cq > 0):
            continue
        first = max(int(np.ceil(min(ay, by, cy) - half)), top)
        last = min(int(np.floor(max(ay, by, cy) - half)), bottom - 1)
        left = max(int(np.ceil(min(ax, bx, cx) - half)), 0)
        right = min(int(np.floor(max(ax, bx, cx) - half)), width - 1)
        for row in range(first, last + 1):
            y = np.float32(row) + half
            ya, yb, yc = ay - y, by - y, cy - y
            for column in range(left, right + 1):
                x = np.float32(column) + half
                xa, xb, xc = ax - x, bx - x, cx - x
                u = xb * yc - xc * yb
                v = xc * ya - xa * yc
                w = xa * yb - xb * ya
                area = u + v + w
                if (u >= 0 and v >= 0 and w >= 0 and area > 0) or (u <= 0 and v <= 0 and w <= 0 and area < 0):
                    z = area / (u * aq + v * bq + w * cq)
                    if face[row, column] < 0 or z < depth[row, column]:
                        depth[row, column] = z
                        face[row, column] = f
