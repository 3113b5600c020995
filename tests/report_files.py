"""The files that a report is made of, small and made up, and the report of them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from posegaussian.cli import main
from posegaussian.io import store
from posegaussian.io.ply import write_ply
from posegaussian.io.video import write_video
from posegaussian.preparation.people_file import PEOPLE
from posegaussian.types import Gaussians

SUMMARY = """method,scope,metric,mean,median,std,count,note
plane_warp,full,psnr,25.111111,25,1,6,
plane_warp,bbox,psnr,18.222222,18,1,6,
mine,full,psnr,31.333333,31,1,6,
mine,bbox,psnr,24.444444,24,1,6,
mine,bbox,ssim,0.876543,0.8,0.01,6,
mine,bbox,lpips,,,,0,LPIPS weights not available: no alexnet.pth in /home/somebody/weights
mine,still,jitter,,,,0,nobody stands still
mine,disparity,epe_1024,3.456789,3,1,12,
mine,disparity,rate_1px,0.123456,0.1,0,12,
gt_depth,full,psnr,36.555555,36,1,6,
gt_depth,bbox,psnr,29.666666,29,1,6,
"""
CURVES = """step,split,loss,depth,image,pose,epe_1024,psnr_bbox,lr
5,train,2.5,2,,,9,,0.1
10,train,1.5,1,,,8,,0.1
10,val,,,,,7,,
"""
TIMES = "s\th:m:s\tmax_rss\n{}\t0:00:07\t321.5\n"
SIZE, FRAMES = 32, 4


def capture(folder, name, joints=True, depth=True, targets=1, turned=0.0, confidence=None):
    """Rectified, heatmaps and renders of one capture; a ball of a person, seen the same by all cameras.

    With `confidence`, the masks of the sources were found, from a file of people.
    """
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    mask = (((x - 16) ** 2 + (y - 16) ** 2) < 100).astype(np.uint8) * 255
    image = (rng.integers(60, 200, (SIZE, SIZE, 3)) * (mask > 0)[..., None]).astype(np.uint8)
    intrinsics = np.array([[40, 0, 16], [0, 40, 16], [0, 0, 1]])
    poses = [np.eye(4), np.eye(4), np.eye(4)]
    for pose, shift in zip(poses, (0.2, -0.2, 0.0), strict=True):
        pose[:3, 3] = shift, 0, 2
    if turned:  # the right camera, on the arc about the left one's point two metres ahead
        poses[1] = poses[0].copy()
        poses[1][:3, :3] = Rotation.from_euler("y", turned, degrees=True).as_matrix()
        poses[1][:3, 3] = (0, 0, 2) - poses[1][:3, :3] @ np.array([-0.2, 0, 0])
    common: dict[str, Any] = dict(
        stage_version=1, settings={"weights": "/home/somebody/net.safetensors"}, inputs={"thing": "abc123"}
    )
    dims = dict(pair=1, frame=FRAMES, height=SIZE, width=SIZE, coefficients=5, step=3, path_width=24, path_height=20)
    dims |= dict(target=targets, target_width=SIZE, target_height=SIZE)
    without = () if depth else ("sources/disparity", "sources/valid", "targets/depth")
    without += () if joints else ("joints",)
    without += ("targets/confidence",) if confidence else ("sources/confidence", "targets/confidence")
    paths = SimpleNamespace(
        rectified=folder / f"{name}.h5", heatmaps=folder / "maps" / f"{name}.h5", renders=folder / "mine" / f"{name}.h5"
    )
    with store.create(paths.rectified, store.RECTIFIED, dims, without=without, **common) as writer:
        writer["frames"] = range(FRAMES)
        writer["sources/pairs"] = [["00", "01"]]
        if confidence:
            writer["sources/mask_origins"] = [["found", "found"]]
            writer["sources/confidence"] = np.full((1, FRAMES, 2), confidence)
        writer["sources/images"] = np.broadcast_to(image, (1, FRAMES, 2, *image.shape))
        writer["sources/masks"] = np.broadcast_to(mask, (1, FRAMES, 2, *mask.shape))
        writer["sources/intrinsics"] = intrinsics
        writer["sources/world_to_camera"] = poses[:2]
        writer["sources/original/intrinsics"] = intrinsics
        writer["sources/original/world_to_camera"] = poses[:2]
        writer["sources/original/size"] = SIZE
        if depth:
            writer["sources/disparity"] = 8.0
            writer["sources/valid"] = np.broadcast_to(mask > 0, (1, FRAMES, 2, *mask.shape))
        if targets:
            writer["targets/cameras"] = ["t00"]
            writer["targets/images"] = np.broadcast_to(image, (1, FRAMES, *image.shape))
            writer["targets/masks"] = np.broadcast_to(mask, (1, FRAMES, *mask.shape))
            writer["targets/intrinsics"] = intrinsics
            writer["targets/world_to_camera"] = poses[2]
            if depth:
                writer["targets/depth"] = np.broadcast_to(2.0 * (mask > 0), (1, FRAMES, *mask.shape))
    if confidence:
        paths.people = folder / "people" / f"{name}.h5"
        chosen: dict[str, Any] = {"settings": {"person": 2}}
        sides = dict(frame=FRAMES, camera=2, matte_height=8, matte_width=8)
        with store.create(paths.people, PEOPLE, sides, **(common | chosen)) as writer:
            writer["frames"], writer["cameras"] = range(FRAMES), ["00", "01"]
    with store.create(paths.heatmaps, store.HEATMAPS, dims | dict(height=8, width=8), **common) as writer:
        writer["frames"] = range(FRAMES)
        writer["pairs"] = [["00", "01"]]
        writer["heatmaps"] = rng.random((1, FRAMES, 2, 17, 8, 8))
    with store.create(paths.renders, store.RENDERS, dims, **common) as writer:
        writer["frames"] = range(FRAMES)
        writer["sources/pairs"] = [["00", "01"]]
        writer["sources/disparity"] = 7.0 + rng.random((1, FRAMES, 2, SIZE, SIZE))
        if targets:
            writer["targets/cameras"] = ["t00"]
            writer["targets/images"] = np.broadcast_to(image // 2 + 40, (1, FRAMES, *image.shape))
            writer["targets/alphas"] = np.broadcast_to(mask, (1, FRAMES, *mask.shape))
        writer["path/ratios"] = [0, 0.5, 1]
        writer["path/images"] = rng.integers(0, 255, (3, 20, 24, 3))
    return paths


def write_splats(folder, count=None):
    """A disc of a person in four frames, which turns from red to green; nobody sees the other pair.

    One Gaussian per pixel of both views of `capture`, 2 m away, as `render` writes them; `count`: the first ones alone.
    """
    x, y = (torch.arange(SIZE) + 0.5).expand(SIZE, SIZE), (torch.arange(SIZE) + 0.5)[:, None].expand(SIZE, SIZE)
    points = torch.stack([(x - 16) / 20, (y - 16) / 20, torch.zeros(SIZE, SIZE)], -1).flatten(0, 1)
    views = [points - torch.tensor([shift, 0, 0]) for shift in (0.2, -0.2)]
    means = torch.cat([view[view.norm(dim=1) < 0.3] for view in views])[:count]
    for frame in range(FRAMES):
        green = torch.tensor([1 - frame / 3, frame / 3, 0.0])
        disc = Gaussians(
            means=means,
            quaternions=torch.randn(len(means), 4),
            scales=torch.full((len(means), 3), 0.03),
            opacities=torch.full((len(means),), 0.9),
            colors=green.expand(len(means), 3),
        )
        write_ply(folder / f"00-01_{frame:06d}.ply", disc)
    write_ply(folder / "01-02_000000.ply", disc)
    return folder


def report(folder, captures, *more, output="index.html", videos=True, splats=False):
    paths = {kind: [str(getattr(c, kind)) for c in captures] for kind in ("rectified", "heatmaps", "renders")}
    if videos:
        write_video(folder / "path.mp4", np.zeros((3, 20, 24, 3), np.uint8), 5)
        paths["videos"] = [str(folder / "path.mp4")] * len(captures)
    if splats:
        paths["splats"] = [str(write_splats(folder / "splats" / c.rectified.stem)) for c in captures]
    paths["summary"], paths["curves"] = [str(folder / "summary.csv")], [str(folder / "depth.csv")]
    paths["benchmarks"] = sorted(map(str, (folder / "benchmarks").rglob("*.tsv")))
    arguments = [part for kind, files in paths.items() for part in (f"--{kind}", *files)]
    main(["report", "mine", "-o", str(folder / output), *arguments, *more])
    return (folder / output).read_text(encoding="utf-8")
