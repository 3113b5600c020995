"""Captures of textured scan meshes (such as THuman2.0's), rendered as the built-in people are.

The scan's y axis points up. The scan is placed in the middle of the floor and scaled to 1.8 m, since the units of
scans differ. A scan has no joints; its images, masks and depths are exact.
"""

from dataclasses import replace

import numpy as np
import torch

from posegaussian.config import BuiltinSettings
from posegaussian.io.obj import TexturedMesh
from posegaussian.synthetic.dataset.capture_scene import CaptureScene
from posegaussian.synthetic.dataset.synthetic_capture import SyntheticCapture
from posegaussian.synthetic.mesh.mesh_colours import from_texture
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.people.bake import BakedMesh
from posegaussian.synthetic.people.subject_mesh import SubjectMesh
from posegaussian.synthetic.rigs.rig import capture_rig

_HEIGHT = 1.8
"""Height of every scan, metres; the height of a man, since the files do not give their unit."""
_TEXEL = 0.002
"""Distance between samples of colour, metres: what `texel_for` gives for images of 500 pixels."""
_RIG_STREAM = 29
"""First part of the random seed of cameras and light."""


def upright(mesh: TexturedMesh) -> TexturedMesh:
    """The scan with z up, in the middle of the floor, 1.8 m tall."""
    vertices = mesh.vertices @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    low, high = vertices.min(0), vertices.max(0)
    middle = np.array([*(low + high)[:2] / 2, low[2]])
    return replace(mesh, vertices=(vertices - middle) * (_HEIGHT / (high[2] - low[2])))


def scan_capture(scan: TexturedMesh, name: str, settings: BuiltinSettings) -> SyntheticCapture:
    """The capture of a scan that stands still.

    Args:
        scan: metres, z up, on the floor.
        name: seeds the random numbers.
        settings: rig, light and sensor.
    """
    rng = np.random.default_rng([_RIG_STREAM, *name.encode()])
    scene = CaptureScene.draw(rng, settings, capture_rig(rng, settings, scan.vertices), scan.vertices)
    colours = from_texture(scan.vertices, scan.faces, scan.uv, scan.texture, _TEXEL)
    normals = vertex_normals(scan.vertices, scan.faces)
    mesh = SubjectMesh.of(BakedMesh.rigid(scan.vertices, normals, scan.faces, colours))
    posed = mesh.posed(torch.eye(3, 4)[None, None])
    return SyntheticCapture(scene, lambda _: posed)
