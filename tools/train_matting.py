"""Train the matting network on what tools/make_matting_data.py makes, also while it is still being made.

    python tools/train_matting.py matting_data -o matting.safetensors --seconds 300 \
        --init posegaussian/assets/matting/matting.safetensors

AdamW, cosine, mean of the weights over time (EMA). The first files are held out; their intersection over union decides
nothing here: weights are chosen by benchmarks/footage.py on people of `val`. Weights are written at every check.
"""

import argparse
import json
import math
import random
import threading
import time
from copy import deepcopy
from pathlib import Path

import torch
from restored_normalisation import with_normalisation
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import get_ema_multi_avg_fn

from posegaussian.cuda_graphs import captured
from posegaussian.preparation.mattes.network import MattingNetwork, network_input
from posegaussian.preparation.mattes.network_weights import load_matting_network, write_matting_network

EDGE = 9
"""Pixels of a window within half of which an edge weighs more."""
EDGE_WEIGHT = 4.0
TURN = 0.45
"""Largest angle by which windows are turned, radians: people who lean more are turned upright first."""
CROWDED = 0.25
"""Share of windows in which the person of another one is put close behind."""
averaged_over_time = get_ema_multi_avg_fn(0.998)
"""Moves the mean of the weights over time towards the present ones."""
LARGEST = 2.0
"""Norm to which gradients are shortened."""
HELD_OUT = 2
"""Files that are not trained on."""


class Windows:
    """The windows that lie on disk, in the device's memory: read by a thread as they are made.

    Args:
        folder: of tools/make_matting_data.py, and folders in it.
        device: where windows are kept.
        most: files that are kept; new ones replace the oldest.
        take: remove files that were read, for which more are made.
    """

    def __init__(self, folder: Path, device: torch.device, most: int, take: bool):
        self.folder, self.device, self.most, self.take = folder, device, most, take
        self.held: list[dict[str, Tensor]] = []
        self.files: list[dict[str, Tensor]] = []
        self.known, self.count = set[Path](), 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        while True:
            for path in sorted(set(self.folder.rglob("*.pt")) - self.known, key=lambda path: path.name):
                self.known.add(path)
                file = {name: values.to(self.device) for name, values in torch.load(path).items()}
                self.count += len(file["pixels"])
                if len(self.held) < HELD_OUT:
                    self.held.append(file)
                else:
                    self.files = [*self.files[-self.most + 1 :], file]
                if self.take:
                    path.unlink()
            time.sleep(0.5)

    def draw(self, count: int) -> dict[str, Tensor]:
        """Random windows, four of a file."""
        parts = []
        for file in random.choices(self.files, k=count // 4):
            chosen = torch.randint(len(file["pixels"]), (4,), device=self.device)
            parts.append({name: values[chosen] for name, values in file.items()})
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def held_out(self) -> list[dict[str, Tensor]]:
        """Batches of 32 windows that `draw` never returns."""
        return [
            {name: values[i : i + 32] for name, values in file.items()}
            for file in self.held
            for i in range(0, len(file["pixels"]), 32)
        ]


def main() -> None:
    """Wait for data, train, check, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=300, help="in all, the wait for the first files included")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=3e-3, help="peak learning rate")
    parser.add_argument("--init", type=Path, help="weights to start from; default: random ones")
    parser.add_argument("--files", type=int, default=8, help="start when this many are there")
    parser.add_argument("--most", type=int, default=100, help="files in memory at a time; new ones replace the oldest")
    parser.add_argument("--take", action="store_true", help="remove files that were read")
    parser.add_argument("--eager", action="store_true", help="without a CUDA graph")
    args = parser.parse_args()
    torch.manual_seed(0)
    random.seed(0)
    end = time.monotonic() + args.seconds
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = Windows(args.data, device, args.most, args.take)
    while len(data.files) < args.files:
        time.sleep(0.5)
    model = MattingNetwork()
    if args.init:
        with torch.no_grad():
            seen, _, _ = varied(data.draw(args.batch))
        model = with_normalisation(load_matting_network(args.init, str(device)), seen).train()
    model = model.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    print(f"{sum(p.numel() for p in model.parameters())} parameters, {data.count} windows at first", flush=True)
    training = Training(model, data.draw(args.batch), device.type == "cuda" and not args.eager)
    start, step, checked = time.monotonic(), 0, 0
    check(training, data, step, start)
    while (share := (time.monotonic() - start) / (end - start)) < 1:
        rate = args.rate * min(1.0, (step + 1) / 200) * 0.5 * (1 + math.cos(math.pi * share))
        training(data.draw(args.batch), rate)
        step += 1
        if share * 10 >= checked + 1:
            checked += 1
            check(training, data, step, start)
            save(training.averaged, args.output, step, data.count)
    check(training, data, step, start)
    save(training.averaged, args.output, step, data.count)


class Training:
    """Steps of training; on CUDA each one may be a single graph: the device need not wait for its 1,500 operations.

    Args:
        model: on its device; changed.
        batch: like those that follow.
        graph: whether a step is a CUDA graph.
    """

    def __init__(self, model: MattingNetwork, batch: dict[str, Tensor], graph: bool):
        self.model, self.averaged, self.batch = model, deepcopy(model), batch
        self.device = next(model.parameters()).device
        cuda = self.device.type == "cuda"
        self.rate, self.loss, self.left_out = (torch.zeros((), device=self.device) for _ in range(3))
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=self.rate, weight_decay=1e-2, fused=cuda, capturable=cuda, foreach=False
        )
        self.step = captured(self._step, self.device) if graph else self._step

    def __call__(self, batch: dict[str, Tensor], rate: float) -> None:
        """One step with a batch of windows."""
        self.rate.fill_(rate)
        for name, values in batch.items():
            self.batch[name].copy_(values)
        self.step()

    def _step(self) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss = step_loss(self.model, varied(self.batch), self.device)
        loss.backward()
        self.loss.copy_(loss.detach())
        gradients = [each.grad for each in self.model.parameters() if each.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        scale, finite = (LARGEST / (norm + 1e-6)).clamp_max(1), norm.isfinite()
        for gradient in gradients:  # one that is not finite, and all that follows is lost
            gradient.copy_(torch.where(finite, scale * gradient, 0))
        self.left_out += ~finite
        self.optimizer.step()
        means, values = (
            [each for each in model.state_dict().values() if each.is_floating_point()]
            for model in (self.averaged, self.model)
        )
        averaged_over_time(means, values, 0)


def inputs_of(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Input of the network, true coverage, and where the loss counts."""
    pixels = batch["pixels"].float() / 255
    x0, y0, x1, y1 = batch["inside"][:, :, None].unbind(1)
    along = torch.arange(pixels.shape[-1], device=pixels.device)
    columns, rows = (along >= x0) & (along < x1), (along >= y0) & (along < y1)
    inside = (rows[:, None, :, None] & columns[:, None, None, :]).float()
    seen = network_input(
        pixels[:, :3], pixels[:, 4:5], batch["points"].float(), batch["visibility"].float(), batch["extent"].float()
    )
    return inside * seen, pixels[:, 3:4], inside


def varied(batch: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """A batch with random flips and colours, with errors of the coarse matte and of the bones."""
    seen, truth, inside = crowded(*turned(*inputs_of(batch)))
    count, device = len(seen), seen.device

    def drawn(low: float, high: float, channels: int = 1) -> Tensor:
        return torch.empty(count, channels, 1, 1, device=device).uniform_(low, high)

    colours = ((seen[:, :3] + 1) / 2).clamp(1e-4, 1) ** drawn(0.6, 2.0)
    colours = (colours - 0.5) * drawn(0.75, 1.25) * drawn(0.93, 1.07, 3) + 0.5 + drawn(-0.12, 0.12)
    colours = colours + torch.randn_like(colours) * drawn(0, 0.03)
    blurred = functional.avg_pool2d(colours, 3, 1, 1)
    colours = torch.where(drawn(0, 1) < 0.25, blurred, colours)
    coarse = seen[:, 3:4]
    wide, narrow = functional.max_pool2d(coarse, 13, 1, 6), -functional.max_pool2d(-coarse, 13, 1, 6)
    kind = drawn(0, 1)
    coarse = torch.where(kind < 0.05, wide, torch.where(kind < 0.1, narrow, coarse))
    # Holes and pieces too many, as where a limb is lost or a chair is kept.
    blobs = functional.interpolate(torch.randn(count, 1, 10, 10, device=device), size=coarse.shape[-2:], mode="bicubic")
    coarse = torch.where((blobs > 1.8) & (drawn(0, 1) < 0.1), torch.where(drawn(0, 1) < 0.6, -1.0, 1.0), coarse)
    bones = torch.where(drawn(0, 1) < 0.08, -1.0, seen[:, 4:5])
    seen = (inside * torch.cat([2 * colours.clamp(0, 1) - 1, coarse, bones], dim=1)).nan_to_num()
    flip = drawn(0, 1) < 0.5
    return tuple(torch.where(flip, values.flip(-1), values) for values in (seen, truth, inside))  # pyright: ignore[reportReturnType]


def crowded(seen: Tensor, truth: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Some windows with the person of another one close behind the person; the coarse matte may hold a part of them."""
    count, device = len(seen), seen.device
    scale, side, mirror = (torch.rand(count, device=device) for _ in range(3))
    wide = (1 / (0.7 + 0.4 * scale)) * torch.where(mirror < 0.5, -1.0, 1.0)
    zero, high = torch.zeros_like(wide), wide.abs()
    across, down = side - 0.5, 0.3 * torch.rand(count, device=device) - 0.2
    place = torch.stack([torch.stack([wide, zero, across], 1), torch.stack([zero, high, down], 1)], 1)
    grid = functional.affine_grid(place, [count, 1, *truth.shape[-2:]], align_corners=False)
    other, cover = (functional.grid_sample(each.roll(1, 0), grid, align_corners=False) for each in (seen, truth))
    chance = torch.rand(count, 3, 1, 1, 1, device=device).unbind(1)
    behind = (chance[0] < CROWDED) * inside * cover * (1 - truth)
    colours = seen[:, :3] + behind * (other[:, :3] - seen[:, :3])
    cells = torch.randn(count, 1, 6, 6, device=device)
    part = (functional.interpolate(cells, size=truth.shape[-2:], mode="bicubic") > 0) | (chance[1] < 0.2)
    held = torch.where((behind > 0.5) & part & (chance[2] < 0.6), other[:, 3:4], -1.0)
    return torch.cat([colours, torch.maximum(seen[:, 3:4], held), seen[:, 4:5]], dim=1), truth, inside


def turned(*maps: Tensor) -> list[Tensor]:
    """Half of the windows turned by random angles, and scaled: people lean, and windows are upright."""
    count, device = len(maps[0]), maps[0].device
    angle = torch.empty(count, device=device).uniform_(-TURN, TURN) * (torch.rand(count, device=device) < 0.5)
    scale = 1 + 0.25 * torch.rand(count, device=device) * (angle != 0)
    across, along = scale * angle.cos(), scale * angle.sin()
    zero = torch.zeros_like(angle)
    turn = torch.stack([torch.stack([across, -along, zero], 1), torch.stack([along, across, zero], 1)], 1)
    grid = functional.affine_grid(turn, [count, 1, *maps[0].shape[-2:]], align_corners=False)
    return [functional.grid_sample(values, grid, align_corners=False) for values in maps]


def step_loss(model: MattingNetwork, batch: tuple[Tensor, Tensor, Tensor], device: torch.device) -> Tensor:
    """Cross entropy, more at edges, and one less the soft intersection over union."""
    seen, truth, inside = batch
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda", cache_enabled=False):
        logits = model(seen.contiguous(memory_format=torch.channels_last))
    logits = logits.float()
    wide = functional.max_pool2d(truth, EDGE, 1, EDGE // 2)
    narrow = -functional.max_pool2d(-truth, EDGE, 1, EDGE // 2)
    weight = inside * (1 + EDGE_WEIGHT * (wide - narrow > 0.5))
    entropy = functional.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum") / weight.sum()
    found = inside * logits.sigmoid()
    shared = (found * truth).sum((1, 2, 3))
    union = (found + truth - found * truth).sum((1, 2, 3))
    difference = (inside * (found - truth).abs()).sum() / inside.sum()
    return entropy + 0.5 * (1 - shared / union.clamp_min(1)).mean() + difference


@torch.inference_mode()
def check(training: Training, data: Windows, step: int, start: float) -> None:
    """Print the intersection over union of held-out windows, of the network and of the coarse matte."""
    model = training.averaged.eval()
    found, coarse = [], []
    for batch in data.held_out():
        seen, truth, inside = inputs_of(batch)
        person = (truth > 0.5) & (inside > 0)
        for values, kept in ((model(seen).float(), found), (seen[:, 3:4], coarse)):
            guess = (values > 0) & (inside > 0)
            kept.append((guess & person).sum((1, 2, 3)) / (guess | person).sum((1, 2, 3)).clamp_min(1))
    found, coarse = torch.cat(found), torch.cat(coarse)
    seconds = time.monotonic() - start
    print(
        f"{seconds:5.0f} s  step {step}  {data.count} windows  loss {training.loss:.4f}  IoU {found.mean():.4f} (coarse"
        f" {coarse.mean():.4f}), median {found.median():.4f}, below 0.95: {(found < 0.95).float().mean():.3f}",
        flush=True,
    )
    if training.left_out:
        print(f"{training.left_out:.0f} steps left out: their gradients were not finite", flush=True)


def save(model: MattingNetwork, path: Path, step: int, count: int) -> None:
    """Write the weights, and what they were trained on."""
    write_matting_network(path, model, {"training": json.dumps({"steps": step, "windows": count})})


if __name__ == "__main__":
    main()
