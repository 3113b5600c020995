"""Rig cameras in torch, and the same cameras with errors of calibration."""

import numpy as np
import torch
from jaxtyping import Float

from posegaussian.config import SensorSettings
from posegaussian.synthetic.rigs.rig import RigCamera
from posegaussian.types import Camera, stack


def camera_batch(views: list[RigCamera]) -> Camera:
    """Cameras of one size as a batch in float32, without lens distortion."""
    return stack(
        [
            Camera(
                torch.from_numpy(view.intrinsics).float(),
                torch.from_numpy(view.world_to_camera).float(),
                view.width,
                view.height,
            )
            for view in views
        ]
    )


def perturb_calibration(
    rng: np.random.Generator, settings: SensorSettings, declared: Camera, extent: Float[np.ndarray, "p 3"]
) -> Camera:
    """Cameras with errors of calibration: in each, the image of the person is shifted, turned and scaled a little.

    Args:
        rng: random generator.
        settings: `calibration` bounds how far any point of the person moves, pixels.
        declared: the cameras according to their calibration.
        extent: points of the person, metres.
    """
    intrinsics = declared.intrinsics.clone()
    for view, (lens, pose) in enumerate(
        zip(intrinsics.double().numpy(), declared.world_to_camera.double().numpy(), strict=True)
    ):
        projected = (extent @ pose[:3, :3].T + pose[:3, 3]) @ lens.T
        points = projected[:, :2] / projected[:, 2:]
        error, share = rng.uniform(*settings.calibration), rng.uniform()
        about = points.mean(0)
        reach = np.linalg.norm(points - about, axis=1).max()
        towards, mix = rng.uniform(0, 2 * np.pi, 2)
        shift = share * error * np.array([np.cos(towards), np.sin(towards)])
        turn, grow = (1 - share) * error / reach * np.array([np.sin(mix), np.cos(mix)])
        change = np.eye(3)
        change[:2, :2] += [[grow, -turn], [turn, grow]]
        change[:2, 2] = about - change[:2, :2] @ about + shift
        intrinsics[view] = torch.from_numpy(change).to(intrinsics) @ intrinsics[view]
    return Camera(intrinsics, declared.world_to_camera, declared.width, declared.height)
