"""Cameras in torch, as calibration declares them, and as they truly are."""

import numpy as np
import torch
from jaxtyping import Float

from posegaussian.config import SensorSettings
from posegaussian.synthetic.rigs.rig import RigCamera
from posegaussian.types import Camera, stack


def camera_batch(views: list[RigCamera]) -> Camera:
    """Views of one size as a batch in float32, lenses left out."""
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
    """A batch of cameras as they truly are: in each, the person's picture is a little shifted, turned and scaled.

    Args:
        rng: draws how.
        settings: `calibration` bounds by how many pixels any point of the person moves.
        declared: the cameras as calibration declares them.
        extent: points of the person, metres.
    """
    intrinsics = declared.intrinsics.clone()
    for view, (lens, pose) in enumerate(
        zip(intrinsics.double().numpy(), declared.world_to_camera.double().numpy(), strict=True)
    ):
        seen = (extent @ pose[:3, :3].T + pose[:3, 3]) @ lens.T
        points = seen[:, :2] / seen[:, 2:]
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
