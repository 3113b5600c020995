"""Differentiable splatting of 3D Gaussians: one facade, several back-ends, one set of semantics."""

from posegaussian.splatting.api import rasterize
from posegaussian.splatting.semantics import GSPLAT, INRIA, Semantics

__all__ = ["GSPLAT", "INRIA", "Semantics", "rasterize"]
