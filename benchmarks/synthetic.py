"""Rendering speed of synthetic people: rectified pairs and novel views, with all ground truth, per second."""

import argparse
import multiprocessing
import os
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from harness import in_turn, machine, report

from posegaussian.config import PeopleSettings, RoomSettings, StreamSettings
from posegaussian.data.streamed import AHEAD
from posegaussian.synthetic.dataset.camera_sample import ClipPerson, draw_packed
from posegaussian.synthetic.dataset.clips import render_clips
from posegaussian.synthetic.dataset.sample import Sample
from posegaussian.synthetic.dataset.stereo_scene import draw_stereo_scene
from posegaussian.synthetic.dataset.stream import SyntheticStream
from posegaussian.synthetic.people.prepared_subject import PreparedSubject, prepare_subject, texel_for
from posegaussian.synthetic.people.subject import Subject
from posegaussian.synthetic.renderer.projection import project_vertices
from posegaussian.synthetic.renderer.zbuffer import rasterize_torch, rasterize_triton

CLIPS, FRAMES = 2, 2
WARM = 200
"""Steps before the timing of a stream."""
ROOMS = RoomSettings(kinds=("living", "office", "gym", "green", "black", "dome", "outdoors"))


def sample_maker(people: list[PreparedSubject], settings: StreamSettings, device: str):
    """A function that renders the batch of a step: 2 clips of 2 frames."""
    subjects = [Subject.of(person, device) for person in people]

    def make(step: int) -> Sample:
        chosen = [subjects[(step + clip) % len(subjects)] for clip in range(CLIPS)]
        return render_clips(chosen, [np.random.default_rng([step, clip]) for clip in range(CLIPS)], settings, FRAMES)

    return make


def throughput(
    people: list[PreparedSubject], size: int, target: int, device: str, samples: int, room: RoomSettings | None = None
) -> dict:
    """Samples per second of whole batches, and their memory; with rooms of all kinds or without."""
    settings = StreamSettings(size=(size, size), target_size=(target, target), room=room or RoomSettings())
    make, step = sample_maker(people, settings, device), iter(range(10_000))
    synchronise = torch.cuda.synchronize if device == "cuda" else lambda: None
    make(0)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    timing = in_turn({"batch": lambda: make(next(step))}, samples, synchronise=synchronise)["batch"]
    peak = (
        torch.cuda.max_memory_allocated()
        if device == "cuda"
        else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    )
    return {
        "pair / novel view": f"{size}^2 / {target}^2",
        "rooms": "yes" if room else "no",
        "device": device,
        "batch of 4": timing,
        "samples/s": CLIPS * FRAMES / timing.median,
        "peak memory": f"{peak / 2**30:.1f} GiB",
    }


def streamed(size: int, target: int, steps: int, room: RoomSettings | None = None) -> dict:
    """Samples per second of a warm stream on CUDA as training uses it: other processes draw the coming steps."""
    forever = 1_000_000
    settings = StreamSettings(
        size=(size, size),
        target_size=(target, target),
        room=room or RoomSettings(),
        pool=4,
        lifetime=forever,
        workers=4,
    )
    with SyntheticStream(settings, 0, "cuda") as stream:

        def make(step: int) -> Sample:
            for coming in range(step + 1, step + 1 + AHEAD):
                stream.expect(coming, CLIPS, FRAMES)
            return stream.batch(step, CLIPS, FRAMES)

        for step in range(WARM):  # people, kernels and processes are ready after that
            make(step)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for step in range(WARM, WARM + steps):
            make(step)
        torch.cuda.synchronize()
        seconds = (time.perf_counter() - start) / steps
    return {
        "pair / novel view": f"{size}^2 / {target}^2",
        "rooms": "yes" if room else "no",
        "warm stream, batch of 4": f"{1e3 * seconds:.1f} ms",
        "samples/s": CLIPS * FRAMES / seconds,
    }


def devices_agree(people: list[PreparedSubject], size: int, target: int) -> list[dict]:
    """Differences between samples of the CPU and of CUDA, and whether CUDA gives the same bytes twice."""
    settings = StreamSettings(size=(size, size), target_size=(target, target))
    on_cpu, on_cuda = (sample_maker(people, settings, device) for device in ("cpu", "cuda"))
    first, second = on_cuda(3), on_cuda(3)
    other, first_cpu = on_cpu(3), first.to("cpu")
    rows = []
    for name, one, again, cpu in (
        ("depth", first.depth, second.depth, (first_cpu.depth, other.depth)),
        ("target depth", first.target_depth, second.target_depth, (first_cpu.target_depth, other.target_depth)),
        ("parts", first.parts, second.parts, (first_cpu.parts, other.parts)),
        ("disparity", first.disparity, second.disparity, (first_cpu.disparity, other.disparity)),
        ("visible", first.visible, second.visible, (first_cpu.visible, other.visible)),
        ("images", first.pair.images, second.pair.images, (first_cpu.pair.images, other.pair.images)),
        ("masks", first.pair.masks, second.pair.masks, (first_cpu.pair.masks, other.pair.masks)),
        ("target", first.target, second.target, (first_cpu.target, other.target)),
    ):
        gap = abs(cpu[0].double() - cpu[1].double())
        rows.append(
            {
                "CPU against CUDA": name,
                "CUDA twice: same bytes": bool(torch.equal(one, again)),
                "values that differ": f"{(gap > 0).double().mean():.1e}",
                "by more than 1/255": f"{(gap > 1.01 / 255).double().mean():.1e}",
                "largest": float(gap.max()),
            }
        )
    return rows


def pieces(people: list[PreparedSubject], size: int, samples: int) -> list[dict]:
    """Parts on CUDA: random parameters of a clip, posing, and six images at twice the size, as for colours."""
    settings, subject = StreamSettings(size=(size, size)), Subject.of(people[0], "cuda")
    scene = draw_stereo_scene(np.random.default_rng(0), settings, subject.poses.extent(np.array([0])))
    posed = subject.posed(np.zeros(6, int))
    camera = scene.declared[[0, 1, 0, 1, 0, 1]].to("cuda").resized(2 * size, 2 * size)
    points = project_vertices(posed.vertices, camera)
    arguments = points, subject.mesh.faces, 2 * size, 2 * size
    around, seeds = replace(settings, room=ROOMS), iter(range(10_000))

    def draw(settings: StreamSettings):
        rng = np.random.default_rng(next(seeds))
        return draw_packed([ClipPerson.draw(0, subject.poses, rng, settings, FRAMES)], [rng], settings)

    functions = {
        "draw a clip (host)": lambda: draw(settings),
        "draw a clip with a room (host)": lambda: draw(around),
        "pose": lambda: subject.posed(np.zeros(6, int)),
        "project": lambda: project_vertices(posed.vertices, camera),
        "z-buffer, Triton": lambda: rasterize_triton(*arguments),
        "z-buffer, plain torch": lambda: rasterize_torch(*arguments),
    }
    times = in_turn(functions, samples, synchronise=torch.cuda.synchronize)
    return [{f"six images of {2 * size}^2 on CUDA": name, "time": time} for name, time in times.items()]


def main() -> None:
    """Run all parts that this machine supports."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("results/benchmarks/synthetic.json"))
    parser.add_argument("--people", type=int, default=3, help="number of people that take turns")
    parser.add_argument("--samples", type=int, default=7, help="of each timing")
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1), help="on the CPU")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cuda = torch.cuda.is_available()
    target = 1024 if cuda else 512
    arguments = PeopleSettings(), 30, 30, texel_for(target)
    seeds = range(1000, 1000 + args.people)
    with ProcessPoolExecutor(min(args.people, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        people = list(pool.map(prepare_subject, seeds, *zip(*[arguments] * args.people, strict=True)))
    start = time.process_time()
    prepare_subject(1000, *arguments)
    preparing = time.process_time() - start
    rows: list[dict] = [
        {
            "preparing a person": f"texels of {1e3 * arguments[3]:.1f} mm",
            "seconds of one core": preparing,
            "triangles": len(people[0].baked.faces),
            "on the device": f"{sum(x.nbytes for x in vars(people[0].baked).values()) / 2**20:.0f} MiB",
        },
        throughput(people, 256, 512, "cpu", args.samples),
        throughput(people, 256, 512, "cpu", args.samples, ROOMS),
    ]
    if cuda:
        rows += [
            throughput(people, *sizes, "cuda", 5 * args.samples) for sizes in ((256, 512), (512, 512), (512, 1024))
        ]
        rows += [throughput(people, 512, 1024, "cuda", 5 * args.samples, ROOMS)]
        rows += [streamed(512, 1024, 40 * args.samples, room) for room in (None, ROOMS)]
        rows += pieces(people, 512, args.samples)
        rows += devices_agree(people, 256, 512)
    report("synthetic people", rows, machine(("torch", "numba", "numpy")), args.output)


if __name__ == "__main__":
    main()
