"""The person at rest who wears or holds things: what there is so far, and where things may be attached."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.body.body import BodyModel
from posegaussian.synthetic.clothing.drape import ClothedBody
from posegaussian.synthetic.clothing.garments import Submesh
from posegaussian.synthetic.clothing.head import Head
from posegaussian.synthetic.mesh.surface import Surface


@dataclass(frozen=True)
class Wearer:
    """A dressed person at rest."""

    body: BodyModel  # the body model
    heads: Float[np.ndarray, "b 3"]  # where each bone starts on this person, metres
    clothed: ClothedBody  # the dressed body; things that hang beside the legs are recorded there
    skin: Surface  # the bare skin
    submeshes: list[Submesh]  # skin, hair and clothes
    rng: np.random.Generator  # draws all choices about things

    @property
    def scale(self) -> float:
        """Size relative to the mean body."""
        return self.clothed.scale

    @property
    def outside(self) -> Float[np.ndarray, "n 3"]:
        """All vertices at rest, metres."""
        return np.concatenate([submesh.surface.rest for submesh in self.submeshes])

    def seed(self) -> int:
        """A random seed of a texture."""
        return int(self.rng.integers(1 << 30))

    def bone(self, name: str) -> Float[np.ndarray, "b"]:
        """Skinning weights of what moves with one bone."""
        return (np.array(self.body.bones) == name).astype(float)

    def place(self, name: str) -> Float[np.ndarray, "3"]:
        """Where a bone starts, metres."""
        return self.heads[self.body.bones.index(name)]

    def on_body(self, point: np.ndarray | list) -> Float[np.ndarray, "3"]:
        """Place at rest of a canonical place beside the trunk, metres."""
        suit = self.clothed.suit
        near = self.clothed.trunk_and_legs & (abs(suit.canonical[:, 2] - point[2]) < 0.015)
        shift = suit.rest[near].mean(0) - self.scale * suit.canonical[near].mean(0)
        return self.scale * np.asarray(point) + shift * [0, 1, 1]

    def head(self) -> Head:
        """The head, as hair and headgear use it."""
        return Head(self.clothed, self.skin, np.zeros(3), self.seed(), self.rng)

    def furthest(self, direction: list, box: list) -> float:
        """How far the person reaches in a direction within a box of rest coordinates, metres."""
        points = self.outside
        low, high = np.array(box).T
        inside = ((points >= low) & (points <= high)).all(1)
        return float((points[inside] @ np.asarray(direction)).max())
