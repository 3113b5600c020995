"""Speed and memory of the rasterisers on scenes like those of the pipeline: a small Gaussian per pixel of a person."""

import argparse
import ctypes
import gc
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from harness import in_turn, machine, report

from posegaussian.splatting import GSPLAT, rasterize
from posegaussian.splatting.backends import is_installed
from posegaussian.types import Camera, Gaussians

SEMANTICS = replace(GSPLAT, antialiased=True)
FIELDS = ("means", "quaternions", "scales", "opacities", "colors")
BODY = (  # ellipsoids: centre and half axes, metres; z up, facing +x; shaped by hand
    ((0, 0, 1.62), (0.10, 0.085, 0.13)),
    ((0, 0, 1.2), (0.15, 0.2, 0.3)),
    ((0, 0, 0.95), (0.14, 0.19, 0.15)),
    *(((x, side * y, z), axes) for side in (-1, 1) for x, y, z, axes in (
        (0.02, 0.11, 0.68, (0.1, 0.09, 0.25)),
        (0.02, 0.13, 0.28, (0.075, 0.07, 0.28)),
        (0.02, 0.27, 1.25, (0.065, 0.07, 0.2)),
        (0.08, 0.32, 0.95, (0.05, 0.05, 0.18)),
        (0.08, 0.14, 0.04, (0.13, 0.05, 0.05)),
    )),
)  # fmt: skip


def camera_at(azimuth: float, size: int) -> Camera:
    """A camera 2.5 m from the person that sees all of it; the azimuth is in radians."""
    backward = np.array([math.cos(azimuth), math.sin(azimuth), 0])
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, [0, 0, -1], -backward])
    pose[:3, 3] = -pose[:3, :3] @ (np.array([0, 0, 0.9]) + 2.5 * backward)
    focal = 1.28 * size
    intrinsics = np.array([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]])
    return Camera(torch.tensor(intrinsics).float(), torch.tensor(pose).float(), size, size)


def body(count: int) -> Gaussians:
    """Gaussians at the pixels of two source cameras at -0.2 and 0.2 radians that see a person made of ellipsoids."""
    rng = np.random.default_rng(0)
    points, footprints = [], []
    size = math.ceil(1024 * math.sqrt(max(count, 1000) / 300_000))
    for azimuth in (-0.2, 0.2):
        camera = camera_at(azimuth, size)
        rotation = camera.world_to_camera[:3, :3].double().numpy()
        centre = camera.centre.double().numpy()
        focal = float(camera.intrinsics[0, 0])
        y, x = np.mgrid[:size, :size] + 0.5
        rays = np.stack([(x - size / 2) / focal, (y - size / 2) / focal, np.ones_like(x)], -1) @ rotation
        nearest = np.full((size, size), np.inf)
        for middle, axes in BODY:
            d, o = rays / np.array(axes), (centre - middle) / np.array(axes)
            a, b, c = (d * d).sum(-1), d @ o, o @ o - 1
            root = b * b - a * c
            nearest = np.minimum(nearest, np.where(root > 0, (-b - np.sqrt(np.maximum(root, 0))) / a, np.inf))
        seen = np.isfinite(nearest)
        points.append(centre + rays[seen] * nearest[seen][:, None])
        footprints.append(nearest[seen] / focal)
    means, footprint = np.concatenate(points), np.concatenate(footprints)
    kept = np.sort(rng.permutation(len(means))[:count])
    means, footprint = means[kept], footprint[kept]
    scales = footprint[:, None] * 0.75 * np.exp(0.3 * rng.normal(size=means.shape))
    colors = 0.5 + 0.35 * np.sin(means @ np.array([[31.0, 17, 5], [7, 29, -23], [19, -11, 37]]))
    arrays = means, rng.normal(size=(len(means), 4)), scales, rng.uniform(0.6, 1, len(means)), colors
    return Gaussians(*(torch.tensor(array).float() for array in arrays))


def calls(scene: Gaussians, render: Callable) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Two calls of a renderer of Gaussians: forward alone, and forward with the gradients of all parameters."""
    leaves = Gaussians(*(getattr(scene, name).clone().requires_grad_() for name in FIELDS))
    values = [getattr(leaves, name) for name in FIELDS]

    def forward():
        with torch.no_grad():
            return render(leaves)

    def both():
        return torch.autograd.grad(torch.stack([image.sum() for image in render(leaves)]).sum(), values)

    return forward, both


def ours(camera: Camera, backend: str):
    """`rasterize` with a camera and a back-end, as a function of the Gaussians."""

    def render(gaussians):
        rendering = rasterize(gaussians, camera, backend=backend, semantics=SEMANTICS)
        return rendering.colors, rendering.alphas, rendering.depths

    return render


def compare_on_cpu(samples: int) -> list[dict]:
    """Times of the Numba and the pure-torch back-end."""
    rows = []
    for size, count in ((256, 20_000), (512, 80_000), (1024, 300_000)):
        scene = body(count)
        functions = {}
        for backend in ("numba", "torch"):
            kinds = zip(("forward", "forward+backward"), calls(scene, ours(camera_at(0.0, size), backend)), strict=True)
            functions |= {(kind, backend): function for kind, function in kinds}
        times = in_turn(functions, samples)
        for kind in ("forward", "forward+backward"):
            numba, torch_ = times[kind, "numba"], times[kind, "torch"]
            row = {"scene": f"{size}^2, {count // 1000}k", "what": kind, "numba": numba, "torch": torch_}
            rows.append({**row, "torch / numba": torch_.median / numba.median})
    return rows


def compare_sizes(samples: int) -> list[dict]:
    """Times of the Numba back-end for one scene at 1024^2 and 2048^2 pixels."""
    scene = body(300_000)
    functions = {size: calls(scene, ours(camera_at(0.0, size), "numba")) for size in (1024, 2048)}
    rows = []
    for index, kind in enumerate(("forward", "forward+backward")):
        times = in_turn({str(size): functions[size][index] for size in functions}, samples)
        ratio = times["2048"].median / times["1024"].median
        rows.append({"300k": kind, "1024^2": times["1024"], "2048^2": times["2048"], "2048^2 / 1024^2": ratio})
    return rows


def _memory(size: int) -> float:
    """Peak memory of forward and backward minus the resident memory before, MB; needs a new process and Linux."""
    _, warm = calls(body(1000), ours(camera_at(0.0, 64), "numba"))
    warm()
    _, both = calls(body(300_000), ours(camera_at(0.0, size), "numba"))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # else rendering reuses memory that was freed after making the scene
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak, VmHWM

    def status(key):
        return next(int(li.split()[1]) for li in Path("/proc/self/status").read_text().splitlines() if key in li)

    before = status("VmRSS")
    both()
    return (status("VmHWM") - before) * 1024 / 1e6


def measure_processes() -> list[dict]:
    """Time of the first call without and with Numba's cache, and peak memory, each in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}

        def child(job: str) -> float:
            command = [sys.executable, __file__, "--job", job]
            return float(subprocess.check_output(command, env=environment, text=True).split()[-1])

        rows = [{"fresh process": "first forward+backward, nothing compiled, s", "numba": child("first")}]
        rows.append({"fresh process": "first forward+backward, compiled before, s", "numba": child("first")})
        rows.append({"fresh process": "of that: import of the back-end after torch, s", "numba": child("import")})
        for size in (1024, 2048):
            name = f"peak extra memory of forward+backward, {size}^2, 300k, MB"
            rows.append({"fresh process": name, "numba": child(f"memory{size}")})
    return rows


def _first() -> float:
    _, both = calls(body(1000), ours(camera_at(0.0, 64), "numba"))
    start = time.perf_counter()
    both()
    return time.perf_counter() - start


def _import() -> float:
    from posegaussian.splatting.backends import import_backend

    start = time.perf_counter()
    import_backend("numba")
    return time.perf_counter() - start


def compare_on_cuda(samples: int) -> list[dict]:
    """Times of our wrapper and of gsplat itself with the same options; pure torch for comparison."""
    import gsplat  # pyright: ignore[reportMissingImports]

    rows = []
    for size, count in ((1024, 300_000), (2048, 250_000)):
        scene = Gaussians(*(getattr(body(count), name).cuda() for name in FIELDS))
        camera = camera_at(0.0, size).to("cuda")
        view, intrinsics = camera.world_to_camera[None], camera.intrinsics[None]

        def direct(g, view=view, intrinsics=intrinsics, size=size):
            images, alphas, _ = gsplat.rasterization(
                *(g.means, g.quaternions, g.scales, g.opacities, g.colors, view, intrinsics, size, size),
                packed=False,
                render_mode="RGB+ED",
                rasterize_mode="antialiased",
            )
            return images[..., :3], alphas, images[..., 3:]

        renders = {"gsplat": direct, "ours": ours(camera, "gsplat"), "torch": ours(camera, "torch")}
        functions = {name: calls(scene, render) for name, render in renders.items()}
        for index, kind in enumerate(("forward", "forward+backward")):
            fast = {name: functions[name][index] for name in ("gsplat", "ours")}
            times = in_turn(fast, 5 * samples, 20, torch.cuda.synchronize)
            times |= in_turn({"torch": functions["torch"][index]}, 2, 1, torch.cuda.synchronize)
            row = {"scene": f"{size}^2, {count // 1000}k", "what": kind, **times}
            rows.append({**row, "ours / gsplat": times["ours"].median / times["gsplat"].median})
    return rows


def main() -> None:
    """Run all parts that this machine can run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/splatting.json"))
    parser.add_argument("--samples", type=int, default=5, help="of each number (default: 5)")
    parser.add_argument("--only", choices=("cpu", "sizes", "processes", "cuda"), nargs="+")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    options = parser.parse_args()
    jobs = {
        "first": _first,
        "import": _import,
        "memory1024": lambda: _memory(1024),
        "memory2048": lambda: _memory(2048),
    }
    if options.job:
        print(jobs[options.job]())
        return
    parts = {
        "cpu": lambda: compare_on_cpu(options.samples),
        "sizes": lambda: compare_sizes(options.samples),
        "processes": measure_processes,
    }
    if torch.cuda.is_available() and is_installed("gsplat"):
        parts["cuda"] = lambda: compare_on_cuda(options.samples)
    rows = [row for name in options.only or parts for row in parts[name]()]
    report("splatting", rows, machine(("posegaussian", "torch", "numba", "numpy", "gsplat")), options.json)


if __name__ == "__main__":
    main()
