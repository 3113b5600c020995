"""Speed of the network: from two rectified views with heatmaps to a novel view, by parts and end to end.

On CUDA the network runs in half precision, in three modes: `eager`, as a CUDA graph (`graph`), and `compiled`. Weights
are random, since speed does not depend on them. Rectification and detection of joints are not included.
"""

import argparse
import itertools
import math
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, cast

import torch
from baseline_network import BaselineNetwork
from harness import in_turn, machine, report
from splatting import BODY
from torch import nn

from posegaussian.config import NetworkSettings
from posegaussian.cuda_graphs import captured
from posegaussian.geometry.projection import pixel_grid
from posegaussian.model.compaction import foreground_pixels, gather_pixels
from posegaussian.model.network import PoseGaussian
from posegaussian.model.streaming import Mode, StreamingPredictor
from posegaussian.rendering.reconstruct import render
from posegaussian.types import Camera, StereoPair

MODES = ("eager", "graph", "compiled")
PARTS = ("color_encoder", "pose_branch", "disparity_prior", "stereo", "head")


def rig(size: int, baseline: float, distance: float) -> Camera:
    """A rectified pair whose images are cropped to the person, so that the principal points differ."""
    focal, shift = 1.28 * size, 1.28 * size * baseline / 2 / distance
    intrinsics = torch.tensor([[focal, 0, size / 2], [0, focal, size / 2], [0, 0, 1]]).repeat(1, 2, 1, 1)
    intrinsics[0, :, 0, 2] += torch.tensor([-shift, shift])
    poses = torch.eye(4).repeat(1, 2, 1, 1)
    poses[0, :, 0, 3] = torch.tensor([baseline / 2, -baseline / 2])
    return Camera(intrinsics, poses, size, size)


def pair(size: int, angle: float = 0.0, device: str = "cpu") -> StereoPair:
    """A pair with joints of a textured person made of ellipsoids, which is turned by `angle` (radians)."""
    distance = 2.5
    cameras = rig(size, 2 * distance * math.tan(math.radians(11.25)), distance).to(device)
    c, s = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]], device=device)
    to_scene = turn @ torch.tensor([[0.0, 0, -1], [1, 0, 0], [0, -1, 0]], device=device)  # z of the person points up
    middle = turn @ torch.tensor([distance, 0, 0], device=device) + torch.tensor([0, 0, 0.9], device=device)
    waves = torch.tensor([[31.0, 17, 5], [7, 29, -23], [19, -11, 37]], device=device)
    joints = torch.tensor([centre for centre, _ in BODY for _ in range(2)][:17], device=device)
    joints[::2, 2] += 0.1
    images, masks, keypoints = [], [], []
    for view in range(2):
        k = cameras.intrinsics[0, view]
        centre = middle + to_scene @ cameras.centre[0, view]
        ahead = torch.cat([(pixel_grid(size, size, like=k) - k[:2, 2]) / k[0, 0], k.new_ones(size, size, 1)], dim=-1)
        rays = ahead @ to_scene.T
        nearest = torch.full((size, size), math.inf, device=device)
        for place, axes in BODY:
            shape = torch.tensor(axes, device=device)
            d, o = rays / shape, (centre - torch.tensor(place, device=device)) / shape
            a, b, c = (d * d).sum(-1), d @ o, o @ o - 1
            root = b * b - a * c
            nearest = torch.where(root > 0, nearest.minimum((-b - root.clamp_min(0).sqrt()) / a), nearest)
        seen = nearest.isfinite()
        points = centre + rays * nearest.where(seen, torch.zeros_like(nearest))[..., None]
        images.append((0.5 + 0.35 * torch.sin(points @ waves)) * seen[..., None])
        masks.append(seen.float())
        local = (joints - centre) @ to_scene
        keypoints.append(local[:, :2] / local[:, 2:] * k[0, 0] + k[:2, 2])
    spots = torch.stack(keypoints)
    cells = 4 * pixel_grid(size // 4, size // 4, like=spots)
    heatmaps = torch.exp(-0.5 * (cells - spots[:, :, None, None]).square().sum(-1) / (size / 85) ** 2)
    return StereoPair(
        images=torch.stack(images).permute(0, 3, 1, 2)[None].contiguous(),
        masks=torch.stack(masks)[None, :, None],
        cameras=cameras,
        heatmaps=heatmaps[None],
        keypoints=spots[None],
        scores=torch.full((1, 2, 17), 0.9, device=device),
    )


def between(source: StereoPair, size: int) -> Camera:
    """The camera half-way between both cameras of a pair."""
    left = Camera(source.cameras.intrinsics[0, 0], source.cameras.world_to_camera[0, 0], *source.images.shape[:2:-1])
    middle = left.resized(size, size)
    middle.intrinsics[0, 2] = size / 2
    middle.world_to_camera[0, 3] = 0
    return middle


def new_network(device: str, matte: Literal["exact", "hint"] = "exact") -> PoseGaussian:
    """A network with random weights, the same at every call."""
    torch.manual_seed(0)
    return PoseGaussian(NetworkSettings(matte=matte)).eval().to(device)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """PSNR of two images in [0, 1], dB."""
    return float(-10 * (a - b).square().mean().clamp_min(1e-12).log10())


def recorded(network: nn.Module, call: Callable[[], Any]) -> dict[str, tuple[tuple, dict]]:
    """The arguments with which each part is called."""
    found: dict[str, tuple[tuple, dict]] = {}
    hooks = [
        network.get_submodule(name).register_forward_pre_hook(
            lambda _, args, kwargs, name=name: found.__setitem__(name, (args, kwargs)), with_kwargs=True
        )
        for name in PARTS
    ]
    call()
    for hook in hooks:
        hook.remove()
    return found


@torch.inference_mode()
def parts_on_cuda(size: int, samples: int, chosen: tuple[str, ...], matte: Literal["exact", "hint"]) -> list[dict]:
    """Times of the parts, each with its inputs in the whole network; CUDA graphs exclude the time of the host."""
    source = pair(size, device="cuda")
    stream = StreamingPredictor(new_network("cuda", matte))
    frame = stream(source)
    network, capacity = stream.network, cast(int, stream.capacity)
    inputs = recorded(network, lambda: network(source, network.initial_state(source), capacity=capacity))
    functions = {name: _bound(network.get_submodule(name), *inputs[name]) for name in PARTS}
    flags, values = source.masks[:, :, 0] > 0, source.images.movedim(2, -1).flatten(2, 3)
    functions["compaction (within head)"] = lambda: gather_pixels(values, foreground_pixels(flags, capacity)[0])
    functions["network"] = lambda: network(source, network.initial_state(source), capacity=capacity)
    camera = between(source, 2 * size)
    rows = []
    for name, function in functions.items():
        modes = {"eager": function, "graph": captured(function, source.images.device)}
        if "compiled" in chosen and name != "network":  # The whole network is measured end to end.
            modes["compiled"] = captured(torch.compile(function, dynamic=False), source.images.device)
        times = in_turn(modes, samples, 20, torch.cuda.synchronize)
        rows.append({"part": name, **{mode: times.get(mode, "") for mode in MODES}})
    splat = in_turn({"eager": lambda: render(frame.gaussians, camera)}, samples, 20, torch.cuda.synchronize)
    return [*rows, {"part": f"splatting at {2 * size}^2", "eager": splat["eager"], "graph": "", "compiled": ""}]


def _bound(function: Callable, args: tuple, kwargs: dict) -> Callable[[], Any]:
    return lambda: function(*args, **kwargs)


@torch.inference_mode()
def streaming_on_cuda(size: int, samples: int, modes: tuple[str, ...], matte: Literal["exact", "hint"]) -> list[dict]:
    """Times per frame with the temporal state and inputs on the device: Gaussians, and one view of twice the size."""
    frames = [pair(size, angle, "cuda") for angle in (0.0, 0.05, 0.1, 0.15)]
    camera, network = between(frames[0], 2 * size), new_network("cuda", matte)
    exact = [(disparity.cpu(), image.cpu()) for disparity, image in in_single_precision(network, frames, camera)]
    rows = []
    for mode in modes:
        stream = StreamingPredictor(network, cast(Mode, mode), patient=False)
        torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        found = stream(frames[0])
        torch.cuda.synchronize()
        warm_up = time.perf_counter() - start
        stream.resume(None)
        errors, likeness = [], []
        for one, (disparity, image) in zip(frames, exact, strict=True):
            found = stream(one)
            person = one.masks[0, :, 0].cpu() > 0
            errors.append((found.disparity.cpu() - disparity)[person].abs().mean())
            likeness.append(psnr(render(found.gaussians, camera).colors.cpu(), image))
        times = in_turn(_live(stream, frames, camera), samples, 20, torch.cuda.synchronize)
        rows.append(
            {
                "mode": mode,
                "end to end": times["end to end"],
                "frames/s": 1 / times["end to end"].median,
                "network": times["network"],
                "warm-up, s": warm_up,
                "peak memory, GiB": torch.cuda.max_memory_allocated() / 2**30,
                "Gaussians": int((found.gaussians.opacities > 0).sum()),
                "disparity against float32, px": float(torch.stack(errors).mean()),
                "image against float32, dB": sum(likeness) / len(likeness),
            }
        )
    return rows


def in_single_precision(network: PoseGaussian, frames: list[StereoPair], camera: Camera) -> Iterator[tuple]:
    """Disparity and novel view of every frame, in float32."""
    state = None
    for frame in frames:
        result = network(frame, state)
        state = result.state
        yield result.disparity[0], render(result.gaussians[0].compact(), camera).colors


def _live(stream: StreamingPredictor, frames: list[StereoPair], camera: Camera) -> dict[str, Callable[[], Any]]:
    """Functions that process the next frame of an endless sequence."""
    endless = itertools.cycle(frames)
    return {
        "end to end": lambda: render(stream(next(endless)).gaussians, camera),
        "network": lambda: stream(next(endless)),
    }


@torch.inference_mode()
def baseline_on_cuda(size: int, samples: int) -> list[dict]:
    """Times of the baseline network of GPS-Gaussian's class, without splatting."""
    images = pair(size, device="cuda").images[0]
    start = images.new_zeros(2, 1, 1, 1)
    network = BaselineNetwork().eval().cuda()
    times = in_turn({"eager float32": lambda: network(images, start)}, samples, 5, torch.cuda.synchronize)
    return [{"GPS-Gaussian's class, network alone": name, "time": timing} for name, timing in times.items()]


@torch.inference_mode()
def compare_on_cpu(size: int, samples: int) -> list[dict]:
    """Times from a pair to one novel view of twice the size, both networks in turn."""
    source = pair(size)
    camera, stream, baseline = (
        between(source, 2 * size),
        StreamingPredictor(new_network("cpu"), patient=False),
        BaselineNetwork().eval(),
    )
    gaussians = stream(source).gaussians
    functions = {
        "end to end": lambda: render(stream(source).gaussians, camera),
        "network": lambda: stream(source),
        "splatting": lambda: render(gaussians, camera),
        "baseline": lambda: baseline(source.images[0], torch.zeros(2, 1, 1, 1)),
    }
    times = in_turn(functions, samples)
    ratio = (times["baseline"].median + times["splatting"].median) / times["end to end"].median
    names = {"baseline": "GPS-Gaussian's class, network alone"}
    row = {f"CPU, {size}^2 to {2 * size}^2": f"{torch.get_num_threads()} threads"}
    row |= {names.get(name, name): timing for name, timing in times.items()}
    return [{**row, "end to end with that network / ours": ratio}]


def main() -> None:
    """Run the benchmarks that this machine supports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=Path("results/benchmarks/network.json"))
    parser.add_argument("--size", type=int, help="of the sources (default: 1024 on CUDA, 512 on the CPU)")
    parser.add_argument("--samples", type=int, default=5, help="of each time (default: 5)")
    parser.add_argument("--only", choices=("cpu", "parts", "streaming", "baseline"), nargs="+")
    parser.add_argument("--modes", choices=MODES, nargs="+", default=MODES)
    parser.add_argument("--matte", choices=("exact", "hint"), default="exact", help="as in the network's settings")
    options = parser.parse_args()
    cuda = torch.cuda.is_available()
    size = options.size or (1024 if cuda else 512)
    jobs = {
        "cpu": lambda: compare_on_cpu(size, options.samples),
        "streaming": lambda: streaming_on_cuda(size, options.samples, options.modes, options.matte),
        "parts": lambda: parts_on_cuda(size, options.samples, options.modes, options.matte),
        "baseline": lambda: baseline_on_cuda(size, options.samples),
    }
    chosen = options.only or (("streaming", "parts", "baseline") if cuda else ("cpu",))
    parameters = {name: sum(p.numel() for p in net.parameters()) for name, net in _networks().items()}
    rows = [{"parameters": name, "number": number} for name, number in parameters.items()]
    rows += [row for job in chosen for row in jobs[job]()]
    report("network", rows, machine(("posegaussian", "torch", "numba", "numpy", "gsplat")), options.json)


def _networks() -> dict[str, nn.Module]:
    return {"PoseGaussian": new_network("cpu"), "GPS-Gaussian's class": BaselineNetwork()}


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.exit(main())
