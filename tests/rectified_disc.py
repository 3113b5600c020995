"""Rectified captures of a textured disc with their heatmaps, every pixel known in closed form."""

import numpy as np

from posegaussian.io import store

SIZE, FOCAL, BASELINE, DISPARITY, OFFSET = 64, 90.0, 0.5, 14.0, -6.0
"""A textured disc parallel to the images; cx_left - cx_right is OFFSET, so its depth is f B / (DISPARITY - OFFSET)."""


def write_captures(folder, *, truth=True, frames=3, seed=0, targets=1):
    """One rectified capture with heatmaps whose every pixel is known in closed form; returns both paths."""
    random = np.random.default_rng(seed)
    waves = random.uniform(-0.5, 0.5, (6, 2)), random.uniform(0, 6, (6, 3))
    dims = dict(
        pair=1,
        frame=frames,
        height=SIZE,
        width=SIZE,
        coefficients=5,
        target=targets,
        target_height=SIZE,
        target_width=SIZE,
    )
    without = ("joints",) if truth else ("joints", "sources/disparity", "sources/valid")
    rectified, heatmaps = folder / f"r{seed}.h5", folder / f"h{seed}.h5"
    with store.create(
        rectified, store.RECTIFIED, dims, stage_version=1, settings={}, inputs={"seed": str(seed)}, without=without
    ) as writer:
        writer["frames"] = np.arange(frames)
        writer["sources/pairs", 0] = ["00", "01"]
        for view, shift in enumerate((0.0, 1.0)):
            writer["sources/intrinsics", 0, view] = intrinsics(shift)
            writer["sources/world_to_camera", 0, view] = pose(shift)
        for target in range(targets):
            writer["targets/cameras", target] = f"t{target:02d}"
            writer["targets/intrinsics", target] = intrinsics(0.5)
            writer["targets/world_to_camera", target] = pose(0.5)
        for frame in range(frames):
            for view, shift in enumerate((0.0, 1.0)):
                image, mask = disc_image(waves, frame, shift)
                writer["sources/images", 0, frame, view] = image
                writer["sources/masks", 0, frame, view] = mask
                if truth:
                    writer["sources/disparity", 0, frame, view] = DISPARITY
                    writer["sources/valid", 0, frame, view] = mask > 127
            for target in range(targets):
                image, mask = disc_image(waves, frame, 0.5)
                writer["targets/images", target, frame] = image
                writer["targets/masks", target, frame] = mask
    joints = random.uniform(-7, 7, (17, 2)) + SIZE / 2
    y, x = np.mgrid[: SIZE // 4, : SIZE // 4] * 4 + 2.0
    with store.create(
        heatmaps,
        store.HEATMAPS,
        dict(pair=1, frame=frames, height=SIZE // 4, width=SIZE // 4),
        stage_version=1,
        settings={},
        inputs={},
    ) as writer:
        writer["frames"] = np.arange(frames)
        writer["pairs", 0] = ["00", "01"]
        for frame in range(frames):
            for view, shift in enumerate((0.0, 1.0)):
                points = joints + np.array([DISPARITY * (0.5 - shift) + frame, 0.0])
                writer["keypoints", 0, frame, view] = points
                writer["scores", 0, frame, view] = 0.9
                far = (x - points[:, 0, None, None]) ** 2 + (y - points[:, 1, None, None]) ** 2
                writer["heatmaps", 0, frame, view] = np.exp(-far / 128)
    return rectified, heatmaps


def disc_image(waves, frame, shift):
    """The disc seen from a share `shift` of the way from the left camera to the right; it moves a pixel a frame."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    x = x - SIZE / 2 + DISPARITY * (shift - 0.5) - frame
    y = y - SIZE / 2
    ripples = [np.sin(k[0] * x + k[1] * y)[..., None] * np.cos(p) for k, p in zip(*waves, strict=True)]
    image = 0.5 + 0.15 * sum(ripples)
    mask = np.clip(20.5 - np.hypot(x, y), 0, 1)
    return (255 * np.clip(image, 0, 1) * mask[..., None]).round().astype(np.uint8), (255 * mask).round().astype(
        np.uint8
    )


def intrinsics(shift):
    return np.array([[FOCAL, 0, SIZE / 2 + OFFSET * (0.5 - shift)], [0, FOCAL, SIZE / 2], [0, 0, 1]])


def pose(shift):
    world_to_camera = np.eye(4)
    world_to_camera[0, 3] = BASELINE * (0.5 - shift)
    return world_to_camera
