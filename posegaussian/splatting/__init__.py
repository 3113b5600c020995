"""Differentiable rasterisation of 3D Gaussians: one public function, several back-ends, the same semantics in all."""

from posegaussian.splatting.api import NotFiniteError, rasterize
from posegaussian.splatting.semantics import ANTIALIASED, GSPLAT, INRIA, Semantics

__all__ = ["ANTIALIASED", "GSPLAT", "INRIA", "NotFiniteError", "Semantics", "rasterize"]
