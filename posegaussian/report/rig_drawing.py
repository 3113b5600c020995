"""Drawings of a rig as inline SVG: from above, and from the side."""

from collections.abc import Mapping
from html import escape

import numpy as np
from jaxtyping import Float

from posegaussian.geometry.lens import SourceCamera

_SIZE = 420
"""Width and height of a drawing, in units of its viewBox. Chosen by hand."""
_BORDER = 46
"""Free border around the cameras, for their names, in the same units. Chosen by hand."""
_FRUSTUM = 0.14
"""Depth of a camera's frustum, as a share of its distance from the person. Chosen by hand."""


def draw_rig(
    cameras: Mapping[str, SourceCamera],
    person: Float[np.ndarray, " 3"],
    pairs: list[tuple[str, str]],
    inputs: tuple[str, ...],
) -> dict[str, str]:
    """SVG by title: frusta of the cameras, the person, and a line between the cameras of each pair.

    Args:
        cameras: by name.
        person: where the person stands, metres.
        pairs: of cameras.
        inputs: source cameras; the others are drawn with dashed lines.
    """
    up = -np.mean([camera.rotation[1] for camera in cameras.values()], axis=0)
    up /= np.linalg.norm(up)
    ahead = np.mean([person - camera.centre for camera in cameras.values()], axis=0)
    ahead = ahead - (ahead @ up) * up
    if np.linalg.norm(ahead) < 1e-6:
        ahead = next(iter(cameras.values())).rotation[0]
    ahead /= np.linalg.norm(ahead)
    across = np.cross(ahead, up)
    views = {"From above": (across, ahead), "From the side of the first cameras": (across, up)}
    return {title: _drawing(cameras, person, pairs, inputs, np.stack(axes)) for title, axes in views.items()}


def _drawing(cameras, person, pairs, inputs, axes: Float[np.ndarray, "2 3"]) -> str:
    shapes = {name: _frustum(camera, person) for name, camera in cameras.items()}
    flat = {name: (points - person) @ axes.T for name, points in shapes.items()}
    reach = max(1e-9, max(abs(points).max() for points in flat.values()))
    scale = (_SIZE / 2 - _BORDER) / reach

    def place(point) -> tuple[float, float]:
        return round(_SIZE / 2 + scale * float(point[0]), 1), round(_SIZE / 2 - scale * float(point[1]), 1)

    parts = [f'<svg viewBox="0 0 {_SIZE} {_SIZE}" role="img" aria-label="The rig">']
    for first, second in pairs:
        (x1, y1), (x2, y2) = place(flat[first][0]), place(flat[second][0])
        parts.append(f'<line class="pair" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>')
    x, y = place((0, 0))
    parts.append(f'<circle class="person" cx="{x}" cy="{y}" r="7"/>')
    for name, points in flat.items():
        apex, *corners = [place(point) for point in points]
        kind = "camera" if name in inputs else "camera target"
        edges = "".join(f"M{apex[0]} {apex[1]}L{corner[0]} {corner[1]}" for corner in corners)
        rim = "M" + "L".join(f"{a} {b}" for a, b in corners) + "Z"
        parts.append(f'<path class="{kind}" d="{edges}{rim}"/>')
        dx, dy = apex[0] - _SIZE / 2, apex[1] - _SIZE / 2
        far = 16 / max(1.0, float(np.hypot(dx, dy)))
        spot = f'x="{apex[0] + far * dx:.1f}" y="{apex[1] + far * dy + 4:.1f}"'
        parts.append(f'<text {spot} text-anchor="middle">{escape(name)}</text>')
    metre = round(scale * _round_length(reach), 1)
    parts.append(f'<path class="scale" d="M16 {_SIZE - 14}h{metre}"/>')
    parts.append(f'<text class="soft" x="16" y="{_SIZE - 22}">{_round_length(reach):g} m</text></svg>')
    return "".join(parts)


def _frustum(camera: SourceCamera, person: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "5 3"]:
    """World points of a camera's frustum: its optical centre, and the corners of its image."""
    width, height = camera.width, camera.height
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], dtype=float)
    flat = (corners - camera.intrinsics[:2, 2]) / camera.intrinsics[[0, 1], [0, 1]]
    depth = _FRUSTUM * np.linalg.norm(person - camera.centre)
    rays = np.concatenate([flat, np.ones((4, 1))], axis=1) @ camera.rotation * depth
    return np.concatenate([camera.centre[None], camera.centre + rays])


def _round_length(reach: float) -> float:
    """A round length of about a third of the reach, for the scale bar."""
    power = 10.0 ** np.floor(np.log10(reach / 3))
    return float(max(step * power for step in (1, 2, 5) if step * power <= max(reach / 3, power)))
