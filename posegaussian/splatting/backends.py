"""Which rasterisers there are, and which of them a call gets.

A back-end is a module with two functions. `refusal(gaussians, cameras, semantics)` says why it cannot take the
arguments, or None if it can; `render(gaussians, cameras, background, semantics)` returns a `Rendering` of the views of
one batch dimension. Both get arguments that `rasterize` has checked. It is imported when it is first used.
"""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast, runtime_checkable

from torch import Tensor

from posegaussian.errors import BackendError
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


@dataclass(frozen=True)
class _Entry:
    module: str
    package: str = "torch"
    """What has to be installed, as it is imported."""
    page: str = "https://pytorch.org/get-started/locally"
    """Where its installation is explained."""


BACKENDS = {
    "numba": _Entry("numba_backend", "numba", "https://numba.readthedocs.io/en/stable/user/installing.html"),
    "gsplat": _Entry("gsplat_backend", "gsplat", "https://docs.gsplat.studio/main/#installation"),
    "inria": _Entry(
        "inria_backend",
        "diff_gaussian_rasterization",
        "https://github.com/graphdeco-inria/diff-gaussian-rasterization",
    ),
    "torch": _Entry("torch_backend"),
    "reference": _Entry("reference"),
}
"""By name; `auto` tries them in this order, the reference excepted."""


def choose(name: str, gaussians: Gaussians, cameras: Camera, semantics: Semantics) -> Backend:
    """The back-end of a name, or for `auto` the first that is installed and takes the arguments.

    Raises:
        ValueError: no such name.
        BackendError: the back-end is not installed, or cannot take the arguments.
    """
    if name == "auto":
        candidates = (import_backend(each) for each in BACKENDS if each != "reference" and is_installed(each))
        return next(each for each in candidates if each.refusal(gaussians, cameras, semantics) is None)
    if name not in BACKENDS:
        raise ValueError(f"backend must be one of {('auto', *BACKENDS)}, not {name!r}")
    if not is_installed(name):
        entry = BACKENDS[name]
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
    return find_spec(BACKENDS[name].package) is not None


def import_backend(name: str) -> Backend:
    """Import a back-end's module."""
    return cast(Backend, import_module(f"posegaussian.splatting.{BACKENDS[name].module}"))
