"""Train the part of the network that corrects mattes (`model/matte_correction.py`), and nothing else of it.

    python tools/train_matte_correction.py config/release.yaml matte --init release --seconds 400 -o matte.safetensors

Its U-Net starts as that of the matting network, which has learned what people look like, and its evidence at 0. It
learns from the stream of the model's settings, where each sample is used with several errors of its mattes. The rest
of the network does not run, so that a step takes a small part of the time of one of `posegaussian train`. The weights
are written every minute, with an entry in their history.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from continue_training import add_changes, changed
from torch import Tensor, nn

from posegaussian.config import ModelSettings, load
from posegaussian.data.batch import Batch
from posegaussian.data.prefetching import Prefetcher
from posegaussian.data.streamed import StreamedBatches
from posegaussian.locks import DEVICE
from posegaussian.model.device import pick_device
from posegaussian.model.matte_correction import MatteCorrection, weighted_heatmaps
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_weights, read_metadata, save_weights, weights_path
from posegaussian.preparation.mattes.network_weights import load_matting_network
from posegaussian.synthetic.dataset.sample import Sample
from posegaussian.training.ema import EMA
from posegaussian.training.losses.coverage import coverage_loss
from posegaussian.training.provenance import history_entry
from posegaussian.training.schedule import learning_rate

DRAWS = 3
"""Errors that each sample is used with. Chosen by hand: a step takes about a third of the time of a sample."""
MAX_NORM = 1.0
"""Largest norm of the gradient, as in `posegaussian train`."""
SHOWN_EVERY = 200
"""Steps between two lines of the log, which are means over so many."""
SAVED_EVERY = 60
"""Seconds between two files of weights."""
MULTIPLE, CELL = 32, 4
"""Heights and widths are multiples of the first, as in the network; pixels of a cell of the heatmaps."""


class Repeated(StreamedBatches):
    """Batches of which `DRAWS` in a row show the same people and rooms."""

    held: tuple[int, Sample] | None = None

    def __getitem__(self, index: int) -> Batch:
        number = index // DRAWS
        if self.held is None or self.held[0] != number:
            self.held = number, self.sample(number)
        return self.with_errors(self.held[1], number, np.random.default_rng((self.seed, 5, index)))


def main() -> None:
    """Train for the given time, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("model", help="an entry of `models`: its stream, learning rate and seed are used")
    parser.add_argument("--init", default="release", help="weights with all other parts: a file, or `release`")
    parser.add_argument("--seconds", type=float, default=400, help="in all, the start of the stream included")
    add_changes(parser)
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the weights")
    args = parser.parse_args()
    settings = load(args.config).models[args.model]
    settings = replace(settings, train=changed(settings.train, args))
    run = Run(settings, weights_path(args.init), torch.device(pick_device(args.device)), args.seconds, args.output)
    try:
        run()
    finally:
        run.batches.close()


class Run:
    """A run of training.

    Args:
        settings: of the model; `full_steps` counts as many steps as fit into the time.
        init: weights with all other parts, and perhaps with this one.
        device: of the training.
        seconds: that it takes.
        output: the weights.
    """

    def __init__(self, settings: ModelSettings, init: Path, device: torch.device, seconds: float, output: Path):
        self.settings, self.init, self.device, self.seconds, self.output = settings, init, device, seconds, output
        chosen = settings.train
        torch.manual_seed(chosen.seed)
        self.network = PoseGaussian(settings.network)
        missing = load_weights(self.network, init, partly=True)
        assert self.network.matte is not None, "`network.matte` must be `hint`"
        if any(name.startswith("matte.") for name in missing):
            self.network.matte.unet.load_state_dict(load_matting_network().state_dict())
            self.network.matte.forget()
        source = Repeated("depth", chosen, device, filmed=True)
        self.batches = Prefetcher(None, source, 1.0, chosen.seed, device)
        self.model: MatteCorrection = self.network.matte.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        self.average = EMA(self.model, chosen.ema_decay)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay, fused=True
        )

    def __call__(self) -> None:
        """Train and write."""
        start, saved, shown, steps = time.monotonic(), 0.0, list[Tensor](), self.settings.train.full_steps
        for step in range(steps):
            used = time.monotonic() - start
            if used >= self.seconds:
                break
            shown.append(self.step(step, learning_rate(step, steps, self.settings.train, used / self.seconds)))
            if (step + 1) % SHOWN_EVERY == 0:
                loss, wrong, before = torch.stack(shown).mean(0).tolist()
                text = f"loss {loss:.4f}, error {wrong:.2%} of the person's area, {before:.2%} of the given mattes"
                print(f"step {step + 1}, {used:.0f} s: {text}", flush=True)
                shown.clear()
            if used - saved > SAVED_EVERY:
                saved = used
                self.write(step + 1)
        else:
            step = steps
        self.write(step)

    def step(self, number: int, rate: float) -> Tensor:
        """One step; loss, and the summed errors of the corrected and of the given mattes per area of the person."""
        batch = self.batches.take(number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        pair, truth = batch.pair, batch.coverage
        assert truth is not None
        down = -truth.shape[-2] % MULTIPLE
        images, masks, truth = (nn.functional.pad(x, (0, 0, 0, down)) for x in (pair.images, pair.masks, truth))
        joints = weighted_heatmaps(pair)
        if joints is not None:
            joints = nn.functional.pad(joints, (0, 0, 0, down // CELL))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            found, logits = self.model(images, masks, joints)
        loss = coverage_loss(logits, truth)
        self.optimizer.zero_grad(set_to_none=True)
        self.batches.start(number + 1)
        with DEVICE.shared():  # CUDA graphs that make the next batch are captured afterwards.
            loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), MAX_NORM)
        self.optimizer.step()
        self.average.update(self.model, number)
        errors = [(values[:, :, 0] - truth).abs().sum() / truth.sum() for values in (found, masks)]
        return torch.stack([loss.detach(), *errors])

    def write(self, steps: int) -> None:
        """Write the network with the averaged weights of this part."""
        assert self.network.matte is not None
        made = read_metadata(self.init)
        entry = history_entry("matte", steps, self.settings, 1, self.device)
        runs = [*json.loads(made.get("history", "[]")), entry]
        network = PoseGaussian(self.settings.network, self.network.constants)
        network.load_state_dict({name: value.cpu() for name, value in self.network.state_dict().items()})
        assert network.matte is not None
        network.matte.load_state_dict(self.average.network.state_dict())
        kept = {name: value for name, value in made.items() if name not in ("format", "network", "constants")}
        save_weights(network, self.output, kept | {"history": json.dumps(runs, sort_keys=True)})


if __name__ == "__main__":
    main()
