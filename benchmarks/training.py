"""How long a training step takes: stage full, with rendering and losses, and with the stream that feeds it.

    python benchmarks/training.py --size 512 --target-size 1024 --batch 4

`step`: on one batch that lies ready. `step + stream`: each on a new batch, made while the step before is taken.
`stream`: making a batch and nothing else. The parts of a step follow, one after the other on the same batch.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from harness import Timing, in_turn, machine, report

from posegaussian.config import ModelSettings, as_dict, parse
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.training.batches import Batches, Steps
from posegaussian.training.clip import Clip
from posegaussian.training.launch import make_fabric
from posegaussian.training.losses import combine
from posegaussian.training.run import Run
from posegaussian.training.stopping import Clock


class Ready(Steps):
    """One batch that lies ready."""

    def __init__(self, clip: Clip):
        self.clip = clip

    def __getitem__(self, index: int) -> Clip:
        return self.clip

    def close(self) -> None:
        """Nothing to let go of."""


def main() -> None:
    """Time steps, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512, help="of the sources, pixels")
    parser.add_argument("--target-size", type=int, default=1024, help="of the novel views, pixels")
    parser.add_argument("--batch", type=int, default=4, help="pairs per step, clips of two frames")
    parser.add_argument("--samples", type=int, default=40)
    parser.add_argument("--workers", type=int, default=4, help="processes that make people")
    parser.add_argument("--pool", type=int, default=8, help="people at hand")
    parser.add_argument("--lifetime", type=int, default=512, help="steps after which each of them is replaced")
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, default=Path("results/benchmarks/training.json"))
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(args, Path(folder))
        try:
            rows = measure(run, args.samples)
        finally:
            run.batches.close()
    where = machine(("torch", "lightning", "gsplat")) | {"settings": as_dict(run.settings)}
    report("training", rows, where, args.output)


def make_run(args: argparse.Namespace, folder: Path) -> Run:
    """A run of stage full on the stream."""
    stream = {"size": [args.size] * 2, "target_size": [args.target_size] * 2, "pool": args.pool}
    stream |= {"workers": args.workers, "lifetime": args.lifetime}
    train = {"full_steps": 1_000_000, "batch_size": args.batch, "stream": 1.0, "synthetic": stream}
    settings = parse(ModelSettings, {"train": train | {"precision": args.precision}}, "settings")
    return Run("full", [], [], folder, settings, None, make_fabric(args.device, settings.train.precision), Clock(None))


def measure(run: Run, samples: int) -> list[dict[str, Any]]:
    """A row for each thing that is timed."""
    start = time.perf_counter()
    streamed, device = run.batches, run.fabric.device
    assert streamed.streamed is not None
    for step in range(3):
        clip = streamed.take(step)
    print(f"the first batches took {time.perf_counter() - start:.1f} s (people are made)", flush=True)
    ready = Batches(None, Ready(clip), 1.0, 0, device)
    run.done = 3

    def step_on(batches: Batches) -> Callable[[], Any]:
        def step() -> None:
            run.batches = batches
            run._step()
            run.done += 1

        return step

    def make() -> None:
        streamed.streamed[run.done]  # type: ignore[index]

    timings = in_turn(
        {"step": step_on(ready), "step + stream": step_on(streamed), "stream": make},
        samples,
        synchronise=(lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else lambda: None,
    )
    rows: list[dict[str, Any]] = [{"what": name, "time": timing} for name, timing in timings.items()]
    rows += [{"what": f"part: {name}", "time": timing} for name, timing in parts(run, clip, samples // 4).items()]
    run.batches = streamed
    ratio = timings["step + stream"].median / timings["step"].median
    print(f"with the stream a step takes {ratio:.2f} times as long; {clip.pair.images.shape[-1]} columns after the cut")
    if device.type == "cuda":
        print(f"peak memory {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB")
    return rows


def parts(run: Run, clip: Clip, samples: int) -> dict[str, Timing]:
    """What the parts of a step take, each added to those before it."""
    device, settings = run.fabric.device, run.settings.train

    def network(depth_only: bool = False):
        with run.fabric.autocast():
            return run.network(clip.pair, frames=clip.frames, depth_only=depth_only)

    def view(result):
        return rasterize(result.gaussians, clip.target_camera, semantics=ANTIALIASED)

    def backward() -> None:
        result = network()
        combine(result, view(result), clip, settings).total.backward()
        run.network.zero_grad(set_to_none=True)

    def losses() -> None:
        result = network()
        combine(result, view(result), clip, settings)

    named = {
        "network": network,
        "network + rendering": lambda: view(network()),
        "network + rendering + losses": losses,
        "all of these + backward": backward,
    }
    wait = (lambda: torch.cuda.synchronize(device)) if device.type == "cuda" else lambda: None
    return in_turn(named, max(samples, 3), synchronise=wait)


if __name__ == "__main__":
    main()
