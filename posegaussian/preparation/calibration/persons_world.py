"""The world of cameras that were calibrated by a person: metres, z up, the floor at z = 0."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from posegaussian.errors import CalibrationError
from posegaussian.geometry.lens import SourceCamera
from posegaussian.pose.person import LANDMARKS

_PATH = 0.89
"""Length of the way from the ankles by knees, hips and shoulders to the eyes as a share of the body's height; unlike
the height of the eyes, it is the same of a person who bends the knees. Measured with BlazePose's landmarks on people
150 to 154 of `val`: 0.880 to 0.907. Of a body that stands upright, 0.897 (Drillis and Contini, 1966)."""
_FLOOR = 5
"""Percentile of the height of heels and toes over time that counts as the floor."""


def in_persons_world(
    cameras: Mapping[str, SourceCamera], points: Float[np.ndarray, "frames 33 3"], height: float
) -> dict[str, SourceCamera]:
    """The cameras in metres, z up, the floor at z = 0 and the person's mean place at the origin.

    Args:
        cameras: in any axes and unit.
        points: landmarks over time in these axes; NaN where they are unknown.
        height: of the person, metres.

    Raises:
        CalibrationError: the person is never seen whole.
    """
    ankles, knees, hips, shoulders, eyes = (_both(points, name) for name in ("ankle", "knee", "hip", "shoulder", "eye"))
    legs = (_length(ankles - knees) + _length(knees - hips)).mean(1)
    way = legs + _length((hips - shoulders).mean(1)) + _length((shoulders - eyes).mean(1))
    whole = np.isfinite(way)
    if not whole.any():
        what = "the person is never seen from the eyes to the ankles: neither up nor scale are known"
        raise CalibrationError(what, code="no-upright-person", hint="film them from head to foot")
    scale = height * _PATH / float(np.median(way[whole]))
    body = (eyes - ankles).mean(1)[whole]
    up = np.median(body / _length(body)[:, None], axis=0)
    up /= np.linalg.norm(up)
    ahead = next(iter(cameras.values())).rotation[2]
    ahead = ahead - up * (ahead @ up)
    ahead /= np.linalg.norm(ahead)
    turn = np.stack([np.cross(ahead, up), ahead, up])
    feet = np.concatenate([_both(points, "heel"), _both(points, "foot_index")]).reshape(-1, 3)
    feet = feet[np.isfinite(feet).all(1)] @ turn.T
    if not len(feet):  # their heels and toes are never seen by two cameras
        feet = ankles[whole].reshape(-1, 3) @ turn.T
    origin = np.array([*np.median(feet[:, :2], axis=0), np.percentile(feet[:, 2], _FLOOR)])
    found = {}
    for name, camera in cameras.items():
        pose = np.eye(4)
        pose[:3, :3] = camera.rotation @ turn.T
        pose[:3, 3] = -pose[:3, :3] @ (scale * (turn @ camera.centre - origin))
        found[name] = replace(camera, world_to_camera=pose)
    return found


def _both(points: Float[np.ndarray, "frames 33 3"], part: str) -> Float[np.ndarray, "frames 2 3"]:
    """The landmark of both sides."""
    return points[:, [LANDMARKS.index(f"{side}_{part}") for side in ("left", "right")]]


def _length(vectors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n"]:
    return np.asarray(np.linalg.norm(vectors, axis=-1))
