"""Gaussians as binary glTF (.glb) with the Khronos extension KHR_gaussian_splatting.

One primitive of points with float32 attributes: position, rotation (xyzw), linear scale (metres), opacity, and the
constant spherical harmonic; COLOR_0 repeats colour and opacity for programs that show points only. glTF's y axis points
up: see `export.axes`.
"""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch

from posegaussian.io.atomic import write_atomic
from posegaussian.io.limits import check_count
from posegaussian.io.ply import SH_CONSTANT
from posegaussian.types import Gaussians

_PREFIX = "KHR_gaussian_splatting"
_FLOAT, _BYTE, _ARRAY_BUFFER, _POINTS = 5126, 5121, 34962, 0
"""Constants of glTF 2.0."""
_BYTES = 4 * (3 + 4 + 3 + 1 + 3) + 4
"""Bytes of one Gaussian."""
_MOST = ((1 << 32) - (1 << 16)) // _BYTES
"""Most Gaussians: a .glb holds its length in 32 bits; 64 KiB are left for the header."""


def write_glb(path: Path, gaussians: Gaussians) -> None:
    """Write one set of Gaussians atomically; entries with an opacity below 1/255 are left out.

    Raises:
        UserError: there are more Gaussians than a .glb can hold.
    """
    visible = gaussians.compact().to("cpu", torch.float32)
    check_count(len(visible.means), _MOST, ".glb", path)
    colors, opacities = visible.colors.numpy(), visible.opacities.numpy()[:, None]
    quaternions = torch.nn.functional.normalize(visible.quaternions, dim=-1).numpy()
    arrays = {
        "POSITION": visible.means.numpy(),
        "COLOR_0": np.rint(np.concatenate([colors, opacities], axis=1).clip(0, 1) * 255).astype(np.uint8),
        f"{_PREFIX}:ROTATION": np.roll(quaternions, -1, axis=1),
        f"{_PREFIX}:SCALE": visible.scales.numpy(),
        f"{_PREFIX}:OPACITY": opacities,
        f"{_PREFIX}:SH_DEGREE_0_COEF_0": (colors - 0.5) / SH_CONSTANT,
    }
    document: dict[str, Any] = {
        "asset": {"version": "2.0", "generator": "PoseGaussian"},
        "extensionsUsed": [_PREFIX],
        "scene": 0,
        "scenes": [{}],
    }
    body = b""
    if len(colors):  # an accessor has at least one entry
        body = b"".join(array.tobytes() for array in arrays.values())
        document |= _scene(arrays, len(body))
    text = json.dumps(document, separators=(",", ":")).encode()
    chunks = _chunk(b"JSON", text.ljust(-(-len(text) // 4) * 4)) + (_chunk(b"BIN\0", body) if body else b"")
    write_atomic(path, struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack("<I4s", len(data), kind) + data


def _scene(arrays: dict[str, np.ndarray], size: int) -> dict[str, Any]:
    """The parts of the document that describe the arrays, which lie one after the other in the buffer."""
    views, accessors, start = [], [], 0
    for name, array in arrays.items():
        views.append({"buffer": 0, "byteOffset": start, "byteLength": array.nbytes, "target": _ARRAY_BUFFER})
        start += array.nbytes
        kind = "SCALAR" if array.shape[1] == 1 else f"VEC{array.shape[1]}"
        accessor = {"bufferView": len(accessors), "count": len(array), "type": kind, "componentType": _FLOAT}
        if array.dtype == np.uint8:
            accessor |= {"componentType": _BYTE, "normalized": True}
        if name == "POSITION":
            accessor |= {"min": array.min(0).tolist(), "max": array.max(0).tolist()}
        accessors.append(accessor)
    primitive = {
        "attributes": {name: index for index, name in enumerate(arrays)},
        "mode": _POINTS,
        "extensions": {_PREFIX: {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}},
    }
    return {
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "buffers": [{"byteLength": size}],
        "bufferViews": views,
        "accessors": accessors,
    }
