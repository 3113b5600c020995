"""Differentiable splatting of 3D Gaussians: one facade, several back-ends, one set of semantics."""

from posegaussian.splatting.api import rasterize
from posegaussian.splatting.semantics import ANTIALIASED, GSPLAT, INRIA, Semantics

__all__ = ["ANTIALIASED", "GSPLAT", "INRIA", "Semantics", "rasterize"]
