"""Cloth on a person at rest: shells that follow the body, and skirts that hang from it.

People are dressed from the skin outwards. The body records how far the outermost layer stands off the skin, and each
new layer stays outside it, so that layers do not cut through each other at rest. Lengths without a source here are
chosen by eye on contact sheets.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import scipy
from jaxtyping import Bool, Float

from posegaussian.synthetic.body.body import neighbour_average
from posegaussian.synthetic.mesh.normals import vertex_normals
from posegaussian.synthetic.mesh.surface import Surface
from posegaussian.synthetic.mesh.textures import ARMHOLE, on_arm, smoothstep

GAP = 0.003
"""Least distance between two layers of cloth, metres."""
HEM = 0.003
"""Thickness of a hem, metres."""
SMOOTHING = 12
"""How far normals are averaged, so that cloth spans clefts: rounds of averaging over the neighbours."""
COLUMNS = 144
"""Vertices around a hanging cloth."""
ROW = 0.014
"""Distance of the rows of a hanging cloth, metres."""


@dataclass
class ClothedBody:
    """A body at rest with the layers put on so far."""

    suit: Surface  # the smooth body that clothes are made over
    normals: Float[np.ndarray, "v 3"]  # unit normals of the suit, averaged over a few centimetres
    standoff: Float[np.ndarray, "v"]  # distance of the outermost layer from the suit at each vertex, metres
    scale: float  # size relative to the mean body
    # points of hanging cloth on this person (metres), and their canonical heights
    hanging: list[tuple[Float[np.ndarray, "_ 3"], Float[np.ndarray, "_"]]] = field(default_factory=list)

    @classmethod
    def unclothed(cls, suit: Surface, scale: float) -> "ClothedBody":
        """A body without clothes."""
        normals = vertex_normals(suit.rest, suit.faces)
        for _ in range(SMOOTHING):
            normals = 0.3 * normals + 0.7 * (neighbour_average("suit") @ normals)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return cls(suit, normals, np.zeros(len(suit.rest)), scale)

    @property
    def canonical(self) -> Float[np.ndarray, "v 3"]:
        """Canonical points of the suit's vertices."""
        return self.suit.canonical

    @property
    def trunk_and_legs(self) -> Bool[np.ndarray, "v"]:
        """Whether vertices belong to trunk or legs."""
        x, _, z = self.canonical.T
        return ~on_arm(self.canonical) & ((abs(x) < ARMHOLE - 0.01) | (z < 0.5))

    def add_shell(
        self, inside: Float[np.ndarray, "v"], ease: Float[np.ndarray, "v"], taut: int, folds: Float[np.ndarray, "v"]
    ) -> Surface:
        """A new layer of cloth that follows the body.

        Args:
            inside: at the suit's vertices: positive where the cloth is, 0 at its hem.
            ease: wanted distance from the body, metres.
            taut: rounds of smoothing; more rounds span wider hollows.
            folds: height of the folds, metres.
        """
        least = np.where(self.standoff > 0, self.standoff + GAP, 0.003)
        rest = self.suit.rest + np.maximum(ease, least)[:, None] * self.normals
        average = neighbour_average("suit")
        for _ in range(taut):
            rest = 0.4 * rest + 0.6 * (average @ rest)
        height = ((rest - self.suit.rest) * self.normals).sum(1)
        height = np.maximum(height + folds, least)
        rest = self._keep_legs_apart(self.suit.rest + height[:, None] * self.normals)
        self.standoff = np.where(inside > -0.01, np.maximum(self.standoff, height), self.standoff)
        return replace(self.suit, rest=rest).cut(inside).with_rim(HEM)

    def _keep_legs_apart(self, rest: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
        """The cloth with each leg kept on its side of the body."""
        x, _, z = self.canonical.T
        legs = z < 0.07
        rest[:, 0] = np.where(legs, np.sign(x) * np.maximum(np.sign(x) * rest[:, 0], 0.0015), rest[:, 0])
        return rest

    def add_hanging(self, top: float, hem: float, ease: float, flare: float, flutes: float, seed: int) -> Surface:
        """A new layer of cloth that hangs around trunk and legs, from one canonical height to another.

        Its outline is the convex hull of what it covers, and it narrows downwards no faster than `flare`.

        Args:
            top: upper edge, metres.
            hem: lower edge, metres.
            ease: distance from what is below it, metres.
            flare: widening per metre down; negative for a narrow skirt.
            flutes: depth of the folds at the hem, metres.
            seed: of the folds.
        """
        rng = np.random.default_rng([seed, 3])
        heights = np.linspace(top, hem, round((top - hem) / ROW) + 1)
        angle = 2 * np.pi * np.arange(COLUMNS) / COLUMNS
        chosen = self.trunk_and_legs
        body = (self.suit.rest + self.standoff[:, None] * self.normals)[chosen]
        below = np.concatenate([body, *(points for points, _ in self.hanging)])
        z = np.concatenate([self.canonical[chosen, 2], *(heights for _, heights in self.hanging)])
        axis = np.array([0.0, below[(z > 0.05) & (z < 0.25), 1].mean()])
        reach = self._support(below[:, :2] - axis, z, heights, angle) + ease
        rows = self._heights_on_body(z, below[:, 2], heights)
        for i in range(1, len(rows)):
            reach[i] = np.maximum(reach[i], reach[i - 1] + flare * (rows[i - 1] - rows[i]))
        apart = np.cos(angle[:, None] - angle[None])
        radius = np.where(apart > 0.4, reach[:, None, :] / np.maximum(apart, 0.4), np.inf).min(2)
        radius = np.maximum(scipy.ndimage.gaussian_filter(radius, (1.5, 1.5), mode=("nearest", "wrap")), radius)  # type: ignore[arg-type]
        warped = angle + 0.25 * np.sin(angle + rng.uniform(0, 6.3)) + 0.12 * np.sin(3 * angle + rng.uniform(0, 6.3))
        depth = flutes * np.clip((0.16 - heights) / 0.45, 0, 1)
        radius = radius + depth[:, None] * (1 + np.cos(int(rng.integers(7, 13)) * warped + rng.uniform(0, 6.3)))
        points = np.stack(
            [radius * np.sin(angle), axis[1] - radius * np.cos(angle), np.broadcast_to(rows[:, None], radius.shape)],
            axis=2,
        )
        canonical = points / self.scale
        canonical[..., 2] = heights[:, None]
        weights = self._hanging_weights(points, canonical)
        self._raise_standoff(points, canonical)
        self.hanging.append((points.reshape(-1, 3), canonical[..., 2].ravel()))
        return Surface(canonical.reshape(-1, 3), points.reshape(-1, 3), weights, tube(len(rows), COLUMNS)).with_rim(HEM)

    def _support(self, below, z, heights, angle) -> Float[np.ndarray, "rows columns"]:
        """How far the covered points reach in each direction (support function), around each height."""
        directions = np.stack([np.sin(angle), -np.cos(angle)])
        return np.array([(below[abs(z - height) < 0.016] @ directions).max(0) for height in heights])

    def _heights_on_body(self, z, rest, heights) -> Float[np.ndarray, "rows"]:
        """Heights on this person that belong to canonical heights, metres."""
        edges = np.arange(z.min(), z.max(), 0.02)
        which = np.digitize(z, edges) - 1
        count = np.bincount(which, minlength=len(edges))
        kept = count > 0
        canonical, own = (np.bincount(which, values, len(edges))[kept] / count[kept] for values in (z, rest))
        return np.interp(heights, canonical, own)

    def _hanging_weights(self, points, canonical) -> Float[np.ndarray, "n b"]:
        """Skinning weights: the body's above the hips, a smooth blend of both legs' below."""
        shape = points.shape[:2]
        chosen = self.trunk_and_legs
        _, nearest = scipy.spatial.KDTree(self.suit.rest[chosen]).query(points.reshape(-1, 3))
        near = self.suit.weights[chosen][nearest].reshape(*shape, -1)
        x, _, z = self.canonical.T
        legs = []
        for side in (1, -1):
            leg = (side * x > 0) & chosen
            legs.append(np.array([self.suit.weights[leg & (abs(z - h) < 0.02)].mean(0) for h in canonical[:, 0, 2]]))
        share = smoothstep(0.5 + canonical[..., :1] / 0.18)
        apart = share * legs[0][:, None] + (1 - share) * legs[1][:, None]
        low = smoothstep((0.14 - canonical[..., 2:]) / 0.16)
        weights = (1 - low) * near + low * apart
        weights = scipy.ndimage.gaussian_filter(weights, (2.0, 3.0, 0.0), mode=("nearest", "wrap", "nearest"))  # type: ignore[arg-type]
        weights /= weights.sum(2, keepdims=True)
        return weights.reshape(-1, weights.shape[2]).astype(np.float32)

    def _raise_standoff(self, points, canonical) -> None:
        """Record where the hanging cloth is, so that the next layer stays outside it."""
        z = self.canonical[:, 2]
        chosen = np.flatnonzero(
            self.trunk_and_legs & (z < canonical[0, 0, 2] + 0.01) & (z > canonical[-1, 0, 2] - 0.01)
        )
        flat = points.reshape(-1, 3)
        _, nearest = scipy.spatial.KDTree(flat).query(self.suit.rest[chosen] + 0.01 * self.normals[chosen])
        height = ((flat[nearest] - self.suit.rest[chosen]) * self.normals[chosen]).sum(1)
        self.standoff[chosen] = np.maximum(self.standoff[chosen], np.clip(height, 0, 0.12))


def tube(rows: int, columns: int) -> np.ndarray:
    """Faces of a grid whose last column joins the first; seen from outside, columns go to the right and rows down."""
    row, column = np.meshgrid(np.arange(rows - 1), np.arange(columns), indexing="ij")
    a, b = row * columns + column, row * columns + (column + 1) % columns
    c, d = a + columns, b + columns
    return np.concatenate([np.stack(x, axis=2).reshape(-1, 3) for x in ((a, c, b), (b, c, d))])
