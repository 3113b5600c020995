"""Train a model of a configuration for a given time, from given weights: one link of a chain over several sessions.

    python tools/continue_training.py config/release.yaml hint --init release --full 500 -o hint.safetensors

It runs `posegaussian train` with the model's settings, phase by phase; each ends in time, with the learning rate cooled
down, and the next one starts from its weights with a new warm-up. The history in the weights has an entry for each.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from posegaussian.cli.training import PHASES
from posegaussian.config import TrainSettings, as_dict, load


def main() -> None:
    """Run the phases."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("model", help="an entry of `models`")
    parser.add_argument("--init", required=True, help="weights to start from: a file, or `release`")
    parser.add_argument("--depth", type=float, default=0, metavar="SECONDS", help="of phase depth; 0 omits it")
    parser.add_argument("--full", type=float, default=0, metavar="SECONDS", help="of phase full; 0 omits it")
    add_changes(parser)
    parser.add_argument("--processes", type=int, default=1, help="one for each GPU")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the weights")
    args = parser.parse_args()
    settings = load(args.config).models[args.model]
    settings = replace(settings, train=changed(settings.train, args))
    init = args.init
    with tempfile.TemporaryDirectory() as folder:
        for phase in PHASES:
            if seconds := getattr(args, phase):
                output = args.output if phase == PHASES[-1] or not args.full else Path(folder) / f"{phase}.safetensors"
                command = [sys.executable, *_launcher(args.processes), "-m", "posegaussian", "train", phase]
                command += ["--init", init, "--output", output]
                command += ["--state", args.output.with_suffix(".state"), "--time-budget", seconds]
                command += ["--settings", json.dumps(as_dict(settings)), "--device", args.device]
                subprocess.run([str(word) for word in command], check=True)
                init = str(output)


def add_changes(parser: argparse.ArgumentParser) -> None:
    """Options that replace settings of a model's training."""
    parser.add_argument("--seed", type=int, help="instead of that of the model; each link of a chain needs another one")
    parser.add_argument("--learning-rate", type=float, help="instead of that of the model")


def changed(settings: TrainSettings, args: argparse.Namespace) -> TrainSettings:
    """The settings with the options of `add_changes` that were given."""
    changes = {"seed": args.seed, "learning_rate": args.learning_rate}
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def _launcher(processes: int) -> list[str]:
    """The module that starts several processes, with its arguments."""
    module = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    return module if processes > 1 else []


if __name__ == "__main__":
    main()
