"""The choice among the rasterisers of `registry.RASTERIZERS`.

A back-end is a module with two functions. `refusal(gaussians, cameras, semantics)` returns the reason why the back-end
cannot render the arguments, or None if it can. `render(gaussians, cameras, background, semantics)` returns a
`Rendering` with one batch dimension, the views. `rasterize` checks the arguments of both. A back-end is imported at its
first use.
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
    """The functions of a back-end's module."""

    def refusal(self, gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> str | None:
        """The reason why this back-end cannot render the arguments; None if it can."""

    def render(
        self, gaussians: Gaussians, cameras: Camera, background: Tensor | None, semantics: Semantics
    ) -> Rendering:
        """The rendering of each set (views, n, ...) with its camera, over its background (views, 3) or black."""
        ...


def choose(name: str, gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> Backend:
    """The back-end of that name; for `auto` the first that is installed and can render the arguments.

    Raises:
        ValueError: there is no back-end of that name.
        BackendError: the back-end is not installed, or cannot render the arguments.
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
            f"rasteriser {name} {reason}", code="unsuitable-backend", hint="backend auto chooses one that can"
        )
    return backend


def is_installed(name: str) -> bool:
    """Whether the package of a back-end is installed."""
    return find_spec(RASTERIZERS[name].package) is not None


def import_backend(name: str) -> Backend:
    """The module of a back-end."""
    return cast(Backend, resolve(RASTERIZERS[name].path))
