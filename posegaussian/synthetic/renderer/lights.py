"""Lights: distant lamps, ambient light, and the shadow map of the first lamp."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor

from posegaussian.config import LightSettings
from posegaussian.synthetic.people.subject_mesh import PosedMesh
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import rasterize
from posegaussian.synthetic.rigs.rig import look_at
from posegaussian.types import Camera, Tensors

_LAMP_DISTANCE = 40.0
"""Distance of a lamp's camera from the person, metres: rays to the borders of the shadow map differ by 2 degrees."""
SHADOW_EXTENT = 1.4
"""A shadow map covers this many metres around its middle: all of a tall person; chosen by hand."""
_SHADOW_SIZE = 512
"""Width and height of the shadow map, pixels. Chosen by hand."""
SHADOW_BIAS = 0.008
"""Points are lifted off the surface by this before the shadow test, metres, so that no triangle shadows itself; about
1.5 texels of the shadow map."""
SHADOW_TAPS = 3
"""Samples of the shadow map per axis for percentage-closer filtering; chosen by hand: 9 samples a point."""
AS_ENCODED = (1.0, 0.0, 0.0)
"""Coefficients of a, a^2 and a^3 with which colours are lit as they are."""
DECODED = (0.012522878, 0.682171111, 0.305306011)
"""Coefficients that decode sRGB to linear light: a cubic fit of IEC 61966-2-1 through 0 and 1, off by up to 0.0017."""


@dataclass(frozen=True)
class Lights(Tensors):
    """Distant lamps, the first of which casts shadows, and ambient light."""

    directions: Float32[Tensor, "lamps 3"]  # from the person to each lamp, unit length
    strengths: Float32[Tensor, "lamps 3"]  # RGB of each lamp
    ambient: Float32[Tensor, 3]  # RGB of the ambient light
    background: Float32[Tensor, 3]  # RGB of the wall behind the person
    softness: Float32[Tensor, ""]  # width of a shadow's edge, metres
    # coefficients of a, a^2 and a^3 that turn a colour into an albedo
    decoding: Float32[Tensor, 3] = field(default_factory=lambda: torch.tensor(AS_ENCODED))

    def albedo(self, colours: Float32[Tensor, "*n 3"]) -> Float32[Tensor, "*n 3"]:
        """Albedo of surfaces of these colours."""
        return decoded(colours, self.decoding)


def decoded(colours: Float32[Tensor, "*n 3"], coefficients: Float32[Tensor, 3]) -> Float32[Tensor, "*n 3"]:
    """The polynomial of coefficients of a, a^2 and a^3; with `AS_ENCODED` the same bits."""
    first, second, third = coefficients
    return colours * (first + colours * (second + colours * third))


@dataclass(frozen=True)
class ShadowMap(Tensors):
    """Depth maps from the first lamp, one for each frame."""

    depth: Float32[Tensor, "t s s"]  # from the lamp's camera, metres; 0 where the map is empty
    camera: Camera  # one for each frame

    def visibility(
        self,
        points: Float32[Tensor, "n 3"],
        normals: Float32[Tensor, "n 3"],
        frame: Int64[Tensor, n],
        softness: Float32[Tensor, ""],
    ) -> Float32[Tensor, n]:
        """Visible share of the lamp at each point, 0..1: percentage-closer filtering (Reeves et al., 1987).

        Args:
            points: on the surface, metres.
            normals: towards the lamp's side of the surface.
            frame: number of the map of each point.
            softness: width of a shadow's edge, metres.
        """
        size = self.depth.shape[-1]
        lifted = (points + SHADOW_BIAS * normals)[:, None]
        x, y, inverse = project_vertices(lifted, self.camera[frame])[:, 0].unbind(-1)
        limit = 1 / inverse - 0.5 * SHADOW_BIAS
        spread = softness * size / (SHADOW_TAPS * 2 * SHADOW_EXTENT)  # of the taps, in texels
        taps = spread * torch.arange(-(SHADOW_TAPS // 2), SHADOW_TAPS // 2 + 1, device=x.device)
        column = (x[:, None] + taps).long().clamp(0, size - 1)
        row = (frame * size)[:, None] + (y[:, None] + taps).long().clamp(0, size - 1)
        found = self.depth.flatten()[row[:, :, None] * size + column[:, None]]
        seen = (found == 0) | (found >= limit[:, None, None])
        return seen.sum((1, 2)) / SHADOW_TAPS**2


def lamp_camera(lights: Lights, centre: Float[np.ndarray, 3]) -> Camera:
    """The camera of the first lamp's shadow map, on the CPU."""
    direction = lights.directions[0].double().numpy()
    size = _SHADOW_SIZE
    focal = 0.5 * size * _LAMP_DISTANCE / SHADOW_EXTENT
    intrinsics = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]], dtype=torch.float32)
    pose = torch.from_numpy(look_at(centre + _LAMP_DISTANCE * direction, centre).astype(np.float32))
    return Camera(intrinsics, pose, size, size)


def shadow_map(posed: PosedMesh, camera: Camera) -> ShadowMap:
    """The shadow map of a posed mesh."""
    _, depth = rasterize(project_vertices(posed.vertices, camera), posed.mesh.faces, camera.width, camera.height)
    return ShadowMap(depth, camera)


def draw_lights(rng: np.random.Generator, settings: LightSettings) -> Lights:
    """Random lamps all around the person and above, on the CPU."""
    count = int(rng.integers(round(settings.lamps[0]), round(settings.lamps[1]) + 1))
    azimuth, height = rng.uniform(0, 2 * np.pi, count), rng.uniform(0.05, 0.8, count)
    level = np.sqrt(1 - height**2)
    power = np.array([rng.uniform(*(settings.key if lamp == 0 else settings.fill)) for lamp in range(count)])
    warmth = np.array([_tinted(rng.uniform(*settings.warmth)) for _ in range(count + 1)])
    values = {
        "directions": np.stack([level * np.cos(azimuth), level * np.sin(azimuth), height], axis=1),
        "strengths": power[:, None] * warmth[:count],
        "ambient": rng.uniform(*settings.ambient) * warmth[count],
        "background": np.full(3, rng.uniform(*settings.background)),
        "softness": np.array(rng.uniform(*settings.softness)),
        "decoding": np.array(DECODED if settings.linear else AS_ENCODED),
    }
    lights = Lights(**{name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()})
    return replace(lights, background=lights.albedo(lights.background))


def _tinted(warmth: float) -> Float[np.ndarray, 3]:
    return np.array([1 + warmth, 1.0, 1 - warmth])
