"""Ablations: variants of the method, trained for equal steps on streamed people, measured on held-out people.

    python benchmarks/ablations.py --steps 900 600 --size 256 --output results/ablations

Every variant is a process of its own; several GPUs are shared out among them. All variants use the same people, rigs
and errors of the detector in the same order. They are measured on people of the validation split (see
ablation_metrics.py). Writes results.json, tables, curves, images and the weights of every variant. No variant runs
ahead of the slowest. So with --seconds, with which everything ends in time, they still take equal steps: training cools
down early, and the results are those measured until then.

The variant `baseline` is another network, of GPS-Gaussian's class (baseline_network.py), trained by the same trainer.
"""

import argparse
import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ablation_metrics import CONDITIONS, RIGS, clips, differences, measure, table
from baseline_network import BaselineModel

from posegaussian.config import SEQUENCE_SECONDS, ModelSettings, parse
from posegaussian.data.streamed import stream_seed
from posegaussian.io.atomic import write_atomic
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_weights, read_metadata
from posegaussian.synthetic.dataset import stream as streaming
from posegaussian.synthetic.people.prepared_subject import PreparedSubject, prepare_subject, texel_for
from posegaussian.training.distributed import make_runtime
from posegaussian.training.stopping import Clock
from posegaussian.training.trainer import Trainer

VARIANTS: dict[str, dict[str, dict[str, Any]]] = {
    "everything": {},
    "pose none": {"network": {"pose": "none"}},
    "stabiliser off": {"network": {"stabilizer": False}},
    "pose loss 0": {"train": {"losses": {"pose": 0.0}}},
    "temporal loss 0": {"train": {"losses": {"temporal": 0.0}}},
    "gradient loss 0.5": {"train": {"losses": {"gradient": 0.5}}},
    "all off": {"network": {"pose": "none", "stabilizer": False}, "train": {"losses": {"pose": 0.0, "temporal": 0.0}}},
}
"""The changed settings of each."""
VARIANTS["baseline"] = VARIANTS["all off"]
NETWORKS: dict[str, Any] = {"baseline": BaselineModel}
"""The class of the network of a variant, if it is not `PoseGaussian`."""
SHARES = {"depth": 0.4, "full": 0.32}
"""Shares of a variant's time for its training phases; the rest is for start and measurement."""
AHEAD = 5
"""Steps that a variant may be ahead of the slowest. Chosen by hand."""
FIRST_PERSON = 150
"""First seed of the people of the measurement, which are of the validation split."""
SECONDS_OF_TRACK = 1
"""Length of their tracks: longer than the clips of the measurement."""


def main() -> None:
    """Train all variants, measure them, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, nargs=2, default=(900, 600), metavar=("DEPTH", "FULL"))
    parser.add_argument("--size", type=int, default=256, help="of the sources, pixels")
    parser.add_argument("--target-size", type=int, default=384, help="of the novel views, pixels")
    parser.add_argument("--batch", type=int, default=8, help="pairs per step")
    parser.add_argument("--frames", type=int, default=4, help="of a clip of training")
    parser.add_argument("--people", type=int, default=6, help="held-out people who are measured")
    parser.add_argument("--watched", type=int, default=8, help="frames of a clip that is measured")
    parser.add_argument("--rigs", nargs="+", default=list(RIGS)[:-1], choices=list(RIGS), help="of the measurement")
    parser.add_argument("--conditions", nargs="+", default=list(CONDITIONS), choices=list(CONDITIONS))
    parser.add_argument("--pool", type=int, default=24)
    parser.add_argument("--lifetime", type=int, default=48, help="steps for which a person stays in the pool")
    parser.add_argument(
        "--makers", type=int, help="processes that prepare_subject people (default: the remaining cores)"
    )
    parser.add_argument("--precision", default="bf16-mixed")
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seconds", type=float, help="for everything; phases that would take too long end cooled down")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/ablations"))
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    args.end = time.monotonic() + (args.seconds or 1e6)
    if args.only:
        one_variant(args.only, args)
        return
    prepare_held_out(args)
    with Preparing(args):
        warm_up(args)
        ended = run_all(args)
    rows = [row for name in args.variants if (row := read_result(args.output / slug(name))) is not None]
    write_atomic(args.output / "results.json", json.dumps({"rows": rows, "seconds": ended}, indent=1) + "\n")
    print(table(rows), differences(rows), sep="\n\n")
    print("steps:", {row["variant"]: row["steps"] for row in rows}, "seconds:", ended)


def settings_of(name: str, args: argparse.Namespace) -> ModelSettings:
    """The settings of a variant."""
    stream = {"size": [args.size] * 2, "target_size": [args.target_size] * 2, "still": 0.3}
    stream |= {"pool": args.pool, "lifetime": args.lifetime, "workers": 0}
    train = {
        "depth_steps": args.steps[0],
        "full_steps": args.steps[1],
        "batch_size": args.batch,
        "frames": args.frames,
        "warm_up": 50,
        "cooldown": 0.4,
        "stream": 1.0,
        "synthetic": stream,
        "precision": args.precision,
        "save_every": 100_000,
    }
    changes = VARIANTS[name]
    values = {"network": changes.get("network", {}), "train": train | changes.get("train", {})}
    return parse(ModelSettings, values, name)


def slug(name: str) -> str:
    """The name of a variant's folder."""
    return name.replace(" ", "-")


def prepare_held_out(args: argparse.Namespace) -> None:
    """Prepare the people of the measurement in a file, which every process reads."""
    arguments = preparation_arguments(args, SECONDS_OF_TRACK)
    start = time.monotonic()
    prepare_subject(FIRST_PERSON, *arguments)  # Compiles the kernels once.
    compiled = time.monotonic()
    with ProcessPoolExecutor(args.makers or os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        seeds = range(FIRST_PERSON, FIRST_PERSON + args.people)
        people = [pool.submit(prepare_subject, seed, *arguments) for seed in seeds]
        write_atomic(args.output / "people.pickle", pickle.dumps([person.result() for person in people]))
    print(f"held-out people: {compiled - start:.0f} + {time.monotonic() - compiled:.0f} s", flush=True)


def warm_up(args: argparse.Namespace) -> None:
    """Compile the kernels of the renderer once for all processes, which share the cache on disk."""
    start, settings = time.monotonic(), settings_of("everything", args)
    _, _, _, batch = next(clips(settings, args))
    with torch.no_grad():
        PoseGaussian(settings.network).to(args.device)(batch.pair, frames=batch.frames)
    print(f"warm-up: {time.monotonic() - start:.0f} s", flush=True)


def preparation_arguments(args: argparse.Namespace, seconds: int) -> tuple[Any, ...]:
    """The arguments of `prepare_subject` beside the seed, for tracks of some seconds."""
    chosen = settings_of("everything", args).train.synthetic
    return chosen.people, seconds * chosen.fps, chosen.fps, texel_for(max(chosen.target_size))


class Preparing:
    """Prepares the people of the stream as files, which all variants use in the same order."""

    def __init__(self, args: argparse.Namespace):
        self.folder, self.arguments = args.output / "people", preparation_arguments(args, SEQUENCE_SECONDS)
        self.folder.mkdir(exist_ok=True)
        train, self.seeds = settings_of("everything", args).train, {}
        for phase, steps in zip(("depth", "full"), args.steps, strict=True):
            stream = streaming.SyntheticStream(train.synthetic, stream_seed(phase, train.seed))
            places = range(train.synthetic.pool)
            self.seeds |= {stream.person(place, step): None for step in range(steps) for place in places}
        count = args.makers or max((os.cpu_count() or 1) - len(args.variants), 1)
        self.pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))

    def __enter__(self) -> None:
        print(f"the variants will use {len(self.seeds)} people", flush=True)
        for seed in self.seeds:
            self.pool.submit(make_file, self.folder, seed, *self.arguments)

    def __exit__(self, *_) -> None:
        print(f"{len(list(self.folder.glob('*.pickle')))} of them were made", flush=True)
        self.pool.shutdown(cancel_futures=True)
        shutil.rmtree(self.folder)


def make_file(folder: Path, seed: int, *arguments: Any) -> None:
    """Write a person to a file."""
    write_atomic(folder / f"{seed}.pickle", pickle.dumps(prepare_subject(seed, *arguments)))


def read_file(folder: Path, seed: int) -> PreparedSubject:
    """A person, as soon as the file exists."""
    path = folder / f"{seed}.pickle"
    while not path.exists():
        time.sleep(0.02)
    return pickle.loads(path.read_bytes())


def run_all(args: argparse.Namespace) -> dict[str, float]:
    """The seconds that each variant took, after running all of them."""
    start, running, ended = time.monotonic(), {}, {}
    done = np.memmap(args.output / "steps", np.int64, "w+", shape=len(args.variants))
    gpus = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(torch.cuda.device_count())))).split(",")
    for index, name in enumerate(args.variants):
        folder = args.output / slug(name)
        folder.mkdir(exist_ok=True)
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)], "OMP_NUM_THREADS": "1"}
        command = [sys.executable, __file__, *sys.argv[1:], "--only", name]
        if args.seconds:
            command += ["--seconds", str(args.end - time.monotonic())]
        with (folder / "log.txt").open("w") as log:
            running[name] = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    while running:
        for name, process in list(running.items()):
            if process.poll() is not None or time.monotonic() > args.end:
                if process.poll() is None:
                    process.kill()
                ended[name] = round(time.monotonic() - start, 1)
                print(f"{name}: ended after {ended[name]} s with {process.wait()}", flush=True)
                done[args.variants.index(name)] = sum(args.steps)  # Nobody waits for it.
                del running[name]
        time.sleep(0.5)
    return ended


def one_variant(name: str, args: argparse.Namespace) -> None:
    """Train one variant in both stages and measure it."""
    torch.set_num_threads(1)
    settings, folder = settings_of(name, args), args.output / slug(name)
    streaming.prepare_subject = lambda seed, *_: read_file(args.output / "people", seed)
    steps: dict[str, int] = {}
    for phase, share in SHARES.items():
        output = folder / f"{phase}.safetensors"
        start = time.monotonic()
        init = folder / "depth.safetensors" if phase == "full" else None
        clock = Clock(share * args.seconds if args.seconds else None)
        runtime = make_runtime(args.device, settings.train.precision)
        trainer = trainer_of(name)(phase, [], [], folder / "state", settings, init, runtime, clock)
        trainer.join(args, name)
        try:
            trainer.fit(output)
        finally:
            trainer.batches.close()
        steps[phase] = int(read_metadata(output)["steps"])
        print(f"{name}: phase {phase} took {time.monotonic() - start:.1f} s", flush=True)
    network = trainer_of(name).network_class(settings.network)
    load_weights(network, folder / "full.safetensors")
    for measured in measure(network.to(args.device).eval(), settings, args, folder):
        write_atomic(folder / "result.json", json.dumps({"variant": name, "steps": steps, **measured}, indent=1) + "\n")
    print(f"{name}: measured", flush=True)
    shutil.rmtree(folder / "state", ignore_errors=True)


class PacedTrainer(Trainer):
    """A trainer that waits for those of the other variants."""

    def join(self, args: argparse.Namespace, name: str) -> None:
        """Count the steps of all phases together in the file that all variants share."""
        self.counts = np.memmap(args.output / "steps", np.int64, "r+", shape=len(args.variants))
        self.own, self.before = args.variants.index(name), args.steps[0] if self.phase == "full" else 0

    def step(self, stop: bool = False) -> None:
        """Take a step as soon as the slowest variant is near, or when the time is used up."""
        self.counts[self.own] = self.before + self.done
        while self.counts[self.own] > self.counts.min() + AHEAD and self.clock.used < 1:
            time.sleep(0.002)
        super().step(stop)


def trainer_of(name: str) -> type[PacedTrainer]:
    """The trainer of a variant's network."""
    return type("VariantTrainer", (PacedTrainer,), {"network_class": NETWORKS.get(name, PoseGaussian)})


def read_result(folder: Path) -> dict[str, Any] | None:
    """The result of a variant, or None if it has not been measured."""
    path = folder / "result.json"
    return json.loads(path.read_text()) if path.exists() else None


if __name__ == "__main__":
    main()
