"""Time of a training step with rendering and losses, alone and with the stream that makes its batches.

    python benchmarks/training.py --size 512 --target-size 1024 --batch 4

`step`: on one batch that is made before. `step + stream`: every step on a new batch, made during the step before.
`stream`: making a batch alone. The parts of a step follow, measured on the same batch. People are prepared before the
measurement: in a long run that is the work of other cores.
"""

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from harness import Timing, in_turn, machine, report

from posegaussian.config import SEQUENCE_SECONDS, ModelSettings, PeopleSettings, as_dict, parse
from posegaussian.data.batch import Batch
from posegaussian.data.prefetching import BatchSource, Prefetcher
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.synthetic.dataset import stream as streaming
from posegaussian.synthetic.people.prepared_subject import prepare_subject, texel_for
from posegaussian.training.distributed import make_runtime
from posegaussian.training.losses.combine import combine
from posegaussian.training.stopping import Clock
from posegaussian.training.trainer import Trainer

FPS = 30


class SingleBatch(BatchSource):
    """The same batch for every step."""

    def __init__(self, batch: Batch):
        self.batch = batch

    def __getitem__(self, index: int) -> Batch:
        return self.batch

    def close(self) -> None:
        """Nothing to close."""


def main() -> None:
    """Time steps, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--phase", nargs="+", default=["full"], choices=("depth", "full"))
    parser.add_argument("--size", type=int, nargs="+", default=[512], help="of the sources, pixels")
    parser.add_argument("--target-size", type=int, default=1024, help="of the novel views, pixels")
    parser.add_argument("--batch", type=int, nargs="+", default=[4], help="pairs per step, clips of two frames")
    parser.add_argument("--samples", type=int, default=8, help="of each time")
    parser.add_argument("--calls", type=int, default=5, help="steps of a sample")
    parser.add_argument("--people", type=int, default=8, help="number of people")
    parser.add_argument("--seconds", type=float, default=1e6, help="after which no further measurement begins")
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/training.json"))
    args = parser.parse_args()
    end = time.monotonic() + args.seconds
    people = make_people(args.people, args.target_size)
    streaming.prepare_subject = lambda seed, *_: people[seed % len(people)]
    rows, settings = [], {}
    for phase, size, batch in (
        (phase, size, batch) for phase in args.phase for size in args.size for batch in args.batch
    ):
        if time.monotonic() > end:
            break
        with tempfile.TemporaryDirectory() as folder:
            trainer = make_run(phase, size, batch, args, Path(folder))
            try:
                rows += measure(trainer, args.samples, args.calls)
            finally:
                trainer.batches.close()
            settings[f"{phase} {size} {batch}"] = as_dict(trainer.settings)
    report("training", rows, machine(("torch", "gsplat")) | {"settings": settings}, args.output)


def make_people(count: int, target_size: int) -> list:
    """Prepared people, as the stream uses them."""
    start, options = time.monotonic(), (PeopleSettings(), SEQUENCE_SECONDS * FPS, FPS, texel_for(target_size))
    with ProcessPoolExecutor(min(count, os.cpu_count() or 1), multiprocessing.get_context("spawn")) as pool:
        people = list(pool.map(prepare_subject, range(1000, 1000 + count), *([value] * count for value in options)))
    print(f"{count} people were prepared in {time.monotonic() - start:.1f} s", flush=True)
    return people


def make_run(phase: str, size: int, batch: int, args: argparse.Namespace, folder: Path) -> Trainer:
    """A trainer on streamed people alone."""
    stream = {"size": [size] * 2, "target_size": [args.target_size] * 2, "workers": 0, "pool": args.people}
    train = {"full_steps": 1_000_000, "depth_steps": 1_000_000, "batch_size": batch, "stream": 1.0}
    train |= {"synthetic": stream | {"lifetime": 1_000_000}, "precision": args.precision}
    settings = parse(ModelSettings, {"train": train}, "settings")
    return Trainer(
        phase, [], [], folder, settings, None, make_runtime(args.device, settings.train.precision), Clock(None)
    )


def measure(trainer: Trainer, samples: int, calls: int) -> list[dict[str, Any]]:
    """A row for every time; the step alone comes first, since the prefetcher would disturb it."""
    streamed, device = trainer.batches, trainer.runtime.device
    assert streamed.streamed is not None
    synchronise = (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else lambda: None
    batch = streamed.make(0)[0]
    ready = Prefetcher(None, SingleBatch(batch), 1.0, 0, device)

    def step_on(batches: Prefetcher) -> Callable[[], Any]:
        def step() -> None:
            trainer.batches = batches
            trainer.step()

        return step

    start = time.perf_counter()
    for batches, steps in (
        (ready, 4),
        (streamed, 24),
    ):  # Warm-up: kernels are chosen, memory is allocated, the pool is full.
        for _ in range(steps):
            step_on(batches)()
    synchronise()
    begun = time.perf_counter() - start
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    timings: dict[str, Timing] = {}
    for name, function in {"step": step_on(ready), "step + stream": step_on(streamed)}.items():
        timings |= in_turn({name: function}, samples, calls, synchronise)
    trainer.batches = streamed
    timings |= in_turn({"stream": lambda: streamed.make(trainer.done)}, samples, calls, synchronise)
    peak = torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None
    what = {
        "phase": trainer.phase,
        "size": batch.width,
        "columns": batch.pair.images.shape[-1],
        "pairs": len(batch.target),
    }
    rows: list[dict[str, Any]] = [{**what, "what": name, "time": timing} for name, timing in timings.items()]
    rows += [{**what, "what": f"part: {n}", "time": t} for n, t in parts(trainer, batch, samples, synchronise).items()]
    ratio = timings["step + stream"].median / timings["step"].median
    print(
        f"{what}: with the stream a step takes {ratio:.2f} times as long; first steps {begun:.1f} s; {peak} GiB",
        flush=True,
    )
    for row in rows:
        print("   ", row["what"], row["time"], flush=True)
    return rows


def parts(trainer: Trainer, batch: Batch, samples: int, synchronise: Callable[[], None]) -> dict[str, Timing]:
    """Cumulative times of the parts of a step: each includes those before it."""
    settings, depth_only = trainer.settings.train, trainer.phase == "depth"

    def network():
        with trainer.runtime.autocast():
            return trainer.wrapped(batch.pair, frames=batch.frames, depth_only=depth_only)

    def losses():
        result = network()
        view = None if depth_only else rasterize(result.gaussians, batch.target_camera, semantics=ANTIALIASED)
        return combine(result, view, batch, settings).total

    def backward() -> None:
        losses().backward()
        trainer.network.zero_grad(set_to_none=True)

    named: dict[str, Callable[[], Any]] = {"network": network}
    if not depth_only:
        named["network + rendering"] = lambda: rasterize(
            network().gaussians, batch.target_camera, semantics=ANTIALIASED
        )
    named |= {"network + rendering + losses": losses, "all of these + backward": backward}
    return in_turn(named, max(samples // 2, 2), 3, synchronise)


if __name__ == "__main__":
    main()
