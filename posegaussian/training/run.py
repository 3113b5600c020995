"""The training run: one stage of one model, from files to weights."""

import hashlib
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric import Fabric
from torch.utils.data import DataLoader

from posegaussian import store
from posegaussian.config import STAGE_VERSION, ModelSettings, as_dict
from posegaussian.errors import ConfigError, TrainingError
from posegaussian.model.network import PoseGaussian, Reconstruction
from posegaussian.model.weights import fill, save_weights
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.training.curves import Curves
from posegaussian.training.data import Captures, Clip, Files, TrainingSteps, fixed_clips
from posegaussian.training.losses import Losses, box_psnr, combine, end_point_error
from posegaussian.training.schedule import learning_rate
from posegaussian.training.state import load_state, save_state
from posegaussian.types import Rendering

_CLIP_NORM = 1.0


def train(
    stage: str,
    *,
    train_files: Files,
    val_files: Files,
    output: Path,
    state: Path,
    settings: ModelSettings,
    init: Path | None = None,
    device: str = "auto",
) -> None:
    """Train one stage and write its weights; the curves go beside them as .csv.

    Args:
        stage: `depth` (disparity alone) or `full` (everything, through rendered views).
        train_files: rectified and heatmaps .h5 to learn from.
        val_files: the same, to watch.
        output: the .safetensors to write, last of all.
        state: folder of the resume state and of TensorBoard's events.
        settings: of the model.
        init: weights to start from.
        device: auto, cpu, cuda or cuda:N.

    Raises:
        TrainingError: the data do not allow the stage, the loss is not finite, or the run was told to stop.
    """
    Run(stage, train_files, val_files, state, settings, init, _fabric(device, settings)).finish(output)


class Run:
    """A stage in progress: what is trained, by what, on what, and how far it has come."""

    def __init__(
        self,
        stage: str,
        train_files: Files,
        val_files: Files,
        folder: Path,
        settings: ModelSettings,
        init: Path | None,
        fabric: Fabric,
    ):
        chosen = settings.train
        self.stage, self.settings, self.fabric = stage, settings, fabric
        self.steps = chosen.depth_steps if stage == "depth" else chosen.full_steps
        self.frames = 2 if settings.network.pose == "fused" and settings.network.stabilizer else 1
        if chosen.batch_size % self.frames:
            raise ConfigError(f"train.batch_size: {chosen.batch_size} is odd; clips have {self.frames} frames")
        captures = Captures(train_files, self.frames, chosen.target_size)
        if stage == "depth":
            captures.require_truth()
        clips = chosen.batch_size // self.frames
        self.batches = TrainingSteps(captures, self.steps, clips, chosen.seed, chosen.heatmap_dropout)
        watched = Captures(val_files, self.frames, chosen.target_size)
        self.source = _first_settings(train_files)
        self.watched = fixed_clips(watched, chosen.validation_clips) if val_files else []
        watched.close()

        self.network = self._network(init)
        learned = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        self.optimizer = cast(torch.optim.Optimizer, fabric.setup_optimizers(optimizer))
        self.state_file = folder / f"{stage}.state"
        self.key = _key(stage, settings, init, captures, watched)
        self.done, curves = self._resume()
        self.curves = Curves(folder / stage, f"train {stage}", self.steps, curves)

    def _network(self, init: Path | None) -> PoseGaussian:
        """A new network, or that of `init`; stage depth leaves the head as it is."""
        torch.manual_seed(self.settings.train.seed)
        network = PoseGaussian(self.settings.network)
        if init is not None:
            fill(network, init)
        network.head.requires_grad_(self.stage == "full")
        return network.to(memory_format=torch.channels_last).to(self.fabric.device)  # type: ignore[call-overload]

    def _resume(self) -> tuple[int, dict[str, Any] | None]:
        """Take up a stopped run where there is one: steps done, curves."""
        saved = load_state(self.state_file, self.key)
        if saved is None:
            return 0, None
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        print(f"train {self.stage}: resuming after step {saved['done']} of {self.steps}", file=sys.stderr, flush=True)
        return saved["done"], saved["curves"]

    def finish(self, output: Path) -> None:
        """Take the steps that are left, then write curves and weights."""
        chosen = self.settings.train
        loader = DataLoader(self.batches, batch_size=None, sampler=range(self.done, self.steps))
        with _stop_signals() as received:
            for clip in loader:
                self.curves.train(self.done + 1, self._step(clip))
                self.done += 1
                if self.done % chosen.validate_every == 0 or self.done == self.steps:
                    self._validate()
                if self.done % chosen.save_every == 0 or self.done == self.steps or received:
                    self._save()
                if received and self.done < self.steps:
                    what = f"stopped by {received[0]} after step {self.done} of {self.steps}"
                    raise TrainingError(what, hint="the state is saved: run the same command again to go on")
        self.curves.write(output.with_suffix(".csv"))
        metadata = {
            "stage": self.stage,
            "steps": str(self.steps),
            "stage_version": str(STAGE_VERSION["train"]),
            "model": json.dumps(as_dict(self.settings), sort_keys=True),
            **self.source,
        }
        save_weights(self.network, output, metadata)

    def _step(self, clip: Clip) -> dict[str, float]:
        rate = learning_rate(self.done, self.steps, self.settings.train)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        clip = clip.to(self.fabric.device)
        result, view, losses = self._look(clip)
        if not torch.isfinite(losses.total):
            raise TrainingError(
                f"the loss of step {self.done + 1} is {losses.total.item()}", hint="lower train.learning_rate"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(losses.total)
        self.fabric.clip_gradients(self.network, self.optimizer, max_norm=_CLIP_NORM)
        self.optimizer.step()
        return {**_values(result, view, losses, clip), "lr": rate}

    def _look(self, clip: Clip) -> tuple[Reconstruction, Rendering | None, Losses]:
        """Reconstruct the clip, render the view held back in stage full, and compare."""
        with self.fabric.autocast():
            result = self.network(clip.pair, frames=self.frames, depth_only=self.stage == "depth")
        view = None
        if result.gaussians is not None:
            view = rasterize(result.gaussians, clip.target_camera, semantics=ANTIALIASED)
        return result, view, combine(result, view, clip, self.settings.train)

    @torch.no_grad()
    def _validate(self) -> None:
        if not self.watched:
            return
        self.network.eval()
        rows = []
        for index, clip in enumerate(self.watched):
            clip = clip.to(self.fabric.device)
            result, view, losses = self._look(clip)
            rows.append(_values(result, view, losses, clip))
            if view is not None:
                self.curves.picture(self.done, index, view.colors[0], clip.target[0])
        means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        self.curves.validation(self.done, {name: value for name, value in means.items() if name != "pose"})

    def _save(self) -> None:
        content = {
            "done": self.done,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "curves": self.curves.state(),
        }
        save_state(self.state_file, self.key, content)


def _values(result: Reconstruction, view: Rendering | None, losses: Losses, clip: Clip) -> dict[str, float]:
    """The numbers of a batch, as they stand in the curves."""
    with torch.no_grad():
        values = {
            "loss": losses.total,
            "depth": losses.depth,
            "pose": losses.pose,
            "epe_1024": 1024 / clip.width * end_point_error(result.disparity, clip.disparity, clip.valid),
        }
        if view is not None:
            values["image"] = losses.image
            values["psnr_bbox"] = box_psnr(view.colors, clip.target, clip.target_mask)
        return {name: float(value) for name, value in values.items()}


def _fabric(device: str, settings: ModelSettings) -> Fabric:
    kind, _, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda"):
        raise TrainingError(f"no such device: {device}", hint="use auto, cpu, cuda or cuda:N")
    if kind == "cuda" and not torch.cuda.is_available():
        raise TrainingError("no CUDA device can be used here", hint="use --device cpu")
    return Fabric(accelerator=kind, devices=[int(index)] if index else 1, precision=settings.train.precision)


def _first_settings(files: Files) -> dict[str, str]:
    """How the pictures and heatmaps that are learned from were made: what a view by hand has to repeat."""
    rectified, heatmaps = files[0]
    with store.open_checked(rectified, store.RECTIFIED) as source, store.open_checked(heatmaps, store.HEATMAPS) as pose:
        made = {"rectify": store.settings_of(source), "detector": store.settings_of(pose)}
    return {name: json.dumps(settings, sort_keys=True) for name, settings in made.items()}


def _key(stage: str, settings: ModelSettings, init: Path | None, *captures: Captures) -> str:
    """Names a run by everything that its result depends on."""
    parts = {
        "stage": stage,
        "version": STAGE_VERSION["train"],
        "network": as_dict(settings.network),
        "train": as_dict(settings.train),
        "init": store.digest(init) if init is not None else None,
        "captures": [c.fingerprints for c in captures],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@contextmanager
def _stop_signals() -> Iterator[list[str]]:
    """Collect the names of SIGTERM and SIGINT instead of dying of them; the second one of a kind kills."""
    received: list[str] = []

    def note(number: int, _frame: Any) -> None:
        received.append(signal.Signals(number).name)
        signal.signal(number, signal.SIG_DFL)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
