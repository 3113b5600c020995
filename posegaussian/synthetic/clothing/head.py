"""A person's head as the base of hair and headgear: layers over the scalp, and tubes along paths."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.clothing.cuts import Field
from posegaussian.synthetic.clothing.drape import ClothedBody, tube
from posegaussian.synthetic.mesh.surface import Surface
from posegaussian.synthetic.mesh.textures import Colour, noise

AXIS = np.array([0.0, -0.045])
"""Where the vertical axis of the head stands on the canonical body (x, y), metres."""


class Head:
    """One person's head at rest."""

    def __init__(self, body: ClothedBody, skin: Surface, tone: Colour, seed: int, rng: np.random.Generator):
        above = skin.canonical[:, 2] > 0.74
        faces = skin.faces[above[skin.faces].all(1)]
        self.scalp = replace(skin, faces=faces).compact()
        self.skin, self.body = skin, body
        self.scale = float(np.ptp(self.scalp.rest[:, 2]) / np.ptp(self.scalp.canonical[:, 2]))
        self.tone, self.seed, self.rng = tone, seed, rng
        self.front = rng.uniform(0.962, 0.975)
        self.nape = rng.uniform(0.815, 0.84)
        self.weights = self.scalp.weights[self.scalp.canonical[:, 2].argmax()]

    def rigid(self, surface: Surface) -> Surface:
        """The surface with the skinning weights of the crown, so that it moves with the head alone."""
        return replace(surface, weights=np.tile(self.weights, (len(surface.rest), 1)))

    def shell(self, cut: Field, thick: Callable, grip: float = 0.018) -> Surface:
        """A layer over the scalp that becomes thin within `grip` metres of its border."""
        points = self.scalp.canonical
        inside = np.clip(cut(points) / grip, 0, 1)
        depth = 0.0015 + np.sqrt(inside) * thick(points)
        shape = self.scalp.inflated(self.scale * depth)
        return self.rigid(shape.cut(cut(points)))

    @property
    def offset(self) -> Float[np.ndarray, "3"]:
        """Offset from canonical points of the head to this person's, in units of the canonical head."""
        top = self.scalp.canonical[:, 2].argmax()
        return self.scalp.rest[top] / self.scale - self.scalp.canonical[top]

    def swept(self, path, radius) -> Surface:
        """A tube along a path over the canonical head."""
        angle = 2 * np.pi * np.arange(28) / 28
        axis = np.gradient(path, axis=0)
        axis /= np.linalg.norm(axis, axis=1, keepdims=True)
        across = np.tile([1.0, 0, 0], (len(path), 1))
        second = np.cross(axis, across)
        ring = np.cos(angle)[None, :, None] * across[:, None] + np.sin(angle)[None, :, None] * second[:, None]
        canonical = (path[:, None] + radius[:, None, None] * ring).reshape(-1, 3)
        locks = 0.003 * noise(canonical * [1, 1, 0.25], 0.012, self.seed)
        out = ring.reshape(-1, 3) * (locks * np.repeat(np.minimum(radius / 0.01, 1), len(angle)))[:, None]
        weights = np.tile(self.weights, (len(canonical), 1))
        faces = tube(len(path), len(angle))[:, ::-1]
        return Surface(canonical, self.scale * (canonical + out + self.offset), weights, faces)
