"""Which of the rasterisers of `registry.RASTERIZERS` a call gets.

A back-end is a module with two functions. `refusal(gaussians, cameras, semantics)` says why it cannot take the
arguments, or None if it can; `render(gaussians, cameras, background, semantics)` returns a `Rendering` of the views of
one batch dimension. Both get arguments that `rasterize` has checked. It is imported when it is first used.
"""

from importlib.util import find_spec
from typing import Protocol, cast, runtime_checkable

from torch import Tensor

from posegaussian.errors import BackendError
from posegaussian.registry import RASTERIZERS, resolve
from posegaussian.splatting.semantics import Semantics
from posegaussian.types import Camera, Gaussians, Rendering


@runtime_checkable
class Backend(Protocol):
    """What a back-end's module offers."""

    def refusal(self, gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> str | None:
        """Why these arguments cannot be rendered here; None if they can."""

    def render(
        self, gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics
    ) -> Rendering:
        """Render set after set (views n ...) with its camera, over its background (views 3), black if None."""
        ...


def choose(name: str, gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> Backend:
    """The back-end of a name, or for `auto` the first that is installed and takes the arguments.

    Raises:
        ValueError: no such name.
        BackendError: the back-end is not installed, or cannot take the arguments.
    """
    if name == "auto":
        candidates = (
            import_backend(each) for each, entry in RASTERIZERS.items() if entry.automatic and is_installed(each)
        )
        return next(each for each in candidates if each.refusal(gaussians, cameras, semantics) is None)
    if name not in RASTERIZERS:
        raise ValueError(f"backend must be one of {('auto', *RASTERIZERS)}, not {name!r}")
    if not is_installed(name):
        entry = RASTERIZERS[name]
        raise BackendError(
            f"rasteriser {name}: the Python package {entry.package} is not installed",
            code="missing-package",
            hint=f"see {entry.page}",
        )
    backend = import_backend(name)
    reason = backend.refusal(gaussians, cameras, semantics)
    if reason:
        raise BackendError(
            f"rasteriser {name} {reason}", code="unsuitable-backend", hint="backend auto picks one that can"
        )
    return backend


def is_installed(name: str) -> bool:
    """Whether a back-end's package can be imported."""
    return find_spec(RASTERIZERS[name].package) is not None


def import_backend(name: str) -> Backend:
    """Import a back-end's module."""
    return cast(Backend, resolve(RASTERIZERS[name].path))
