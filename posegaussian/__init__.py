"""Novel views of a person from two calibrated cameras: stereo, pose and 3D Gaussians in one forward pass.

The names below are imported when they are first used: `import posegaussian` alone loads nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posegaussian.captures.reading import read_capture
    from posegaussian.data.rectify import Rectifier, rectify
    from posegaussian.geometry.lens import SourceCamera
    from posegaussian.io.images import write_image
    from posegaussian.io.ply import read_ply, write_ply
    from posegaussian.live.session import LiveSession
    from posegaussian.model.streaming import StreamingPredictor
    from posegaussian.model.weights import load_model
    from posegaussian.rendering.camera_path import camera_between
    from posegaussian.rendering.levels import to_bytes
    from posegaussian.rendering.reconstruct import reconstruct, render
    from posegaussian.splatting.api import rasterize
    from posegaussian.types import Camera, Gaussians, Rendering, StereoPair

__version__ = "0.1.0"

__all__ = [
    "Camera",
    "Gaussians",
    "LiveSession",
    "Rectifier",
    "Rendering",
    "SourceCamera",
    "StereoPair",
    "StreamingPredictor",
    "camera_between",
    "load_model",
    "rasterize",
    "read_capture",
    "read_ply",
    "reconstruct",
    "rectify",
    "render",
    "to_bytes",
    "write_image",
    "write_ply",
]

_MODULES = {
    "Camera": "types",
    "Gaussians": "types",
    "LiveSession": "live.session",
    "Rectifier": "data.rectify",
    "Rendering": "types",
    "SourceCamera": "geometry.lens",
    "StereoPair": "types",
    "StreamingPredictor": "model.streaming",
    "camera_between": "rendering.camera_path",
    "load_model": "model.weights",
    "rasterize": "splatting.api",
    "read_capture": "captures.reading",
    "read_ply": "io.ply",
    "reconstruct": "rendering.reconstruct",
    "rectify": "data.rectify",
    "render": "rendering.reconstruct",
    "to_bytes": "rendering.levels",
    "write_image": "io.images",
    "write_ply": "io.ply",
}
"""Where each name of `__all__` is defined."""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
