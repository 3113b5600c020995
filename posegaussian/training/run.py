"""The training run: one stage of one model, from captures or streamed people to weights."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from lightning.fabric import Fabric
from torch import Tensor

from posegaussian import store
from posegaussian.config import STAGE_VERSION, DetectorSettings, ModelSettings, RectifySettings, as_dict
from posegaussian.errors import ConfigError, TrainingError
from posegaussian.model.network import PoseGaussian, Reconstruction
from posegaussian.model.weights import fill, save_weights
from posegaussian.splatting import ANTIALIASED, rasterize
from posegaussian.training.average import Average
from posegaussian.training.batches import Batches
from posegaussian.training.clip import Clip
from posegaussian.training.curves import Curves
from posegaussian.training.data import Captures, CaptureSteps, Files, fixed_clips
from posegaussian.training.guard import Guard, keep_evidence
from posegaussian.training.launch import make_fabric
from posegaussian.training.losses import Losses, box_psnr, combine, end_point_error
from posegaussian.training.schedule import cooldown_start, learning_rate
from posegaussian.training.state import load_state, save_state
from posegaussian.training.stopping import Clock, stop_signals
from posegaussian.types import Rendering

_CLIP_NORM = 1.0
_SMALL = DetectorSettings(config="package:small.py", weights="package:small.safetensors")


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
    time_budget: float | None = None,
) -> None:
    """Train one stage and write its weights; the curves go beside them as .csv.

    Args:
        stage: `depth` (disparity alone) or `full` (everything, through rendered views).
        train_files: rectified and heatmaps .h5 to learn from; none where all steps see the stream.
        val_files: the same, to watch.
        output: the .safetensors to write, last of all.
        state: folder of the resume state, of TensorBoard's events and of pictures.
        settings: of the model.
        init: weights to start from.
        device: auto, cpu, cuda or cuda:N.
        time_budget: seconds after which the run ends with the weights it has; None takes all steps.

    Raises:
        TrainingError: the data do not allow the stage, a loss is not finite or explodes, or the run was told to stop.
    """
    clock = Clock(time_budget)
    fabric = make_fabric(device, settings.train.precision)
    run = Run(stage, train_files, val_files, state, settings, init, fabric, clock)
    try:
        run.finish(output)
    finally:
        run.batches.close()


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
        clock: Clock,
    ):
        chosen = settings.train
        self.stage, self.settings, self.fabric, self.clock, self.folder = stage, settings, fabric, clock, folder
        self.steps = chosen.depth_steps if stage == "depth" else chosen.full_steps
        if chosen.batch_size % chosen.frames:
            raise ConfigError(f"train.batch_size: {chosen.batch_size} is no multiple of train.frames {chosen.frames}")
        captures = self._captures(train_files)
        watched = Captures(val_files, chosen.frames, chosen.target_size)
        self.watched = fixed_clips(watched, chosen.validation_clips) if val_files else []
        watched.close()
        self.source = _made_with([*train_files, *val_files], chosen.synthetic.size)
        self.batches = self._batches(captures)

        self.network = self._network(init)
        self.average = Average(self.network, chosen.average)
        self.wrapped = fabric.strategy.setup_module(self.network)
        learned = [p for p in self.network.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(learned, lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        self.optimizer = cast(torch.optim.Optimizer, fabric.setup_optimizers(optimizer))
        self.key = _key(stage, settings, init, captures, watched)
        self.done, self.cooling = 0, False
        saved = self._saved()
        self.curves = Curves(folder / stage, f"train {stage}", self.steps, saved.get("curves"), fabric.is_global_zero)
        self.guard = Guard(saved.get("guard"))

    def _captures(self, files: Files) -> Captures | None:
        """What is learned from beside the stream."""
        chosen = self.settings.train
        if chosen.stream == 1:
            return None
        if not files:
            raise TrainingError("there are no captures to learn from", hint="give --rectified, or set train.stream: 1")
        captures = Captures(files, chosen.frames, chosen.target_size)
        if self.stage == "depth":
            captures.require_truth()
        return captures

    def _batches(self, captures: Captures | None) -> Batches:
        chosen, device, rank = self.settings.train, self.fabric.device, self.fabric.global_rank
        steps = streamed = None
        if captures is not None:
            clips = chosen.batch_size // chosen.frames
            steps = CaptureSteps(captures, clips, chosen.seed, chosen.heatmap_dropout)
        if chosen.stream > 0:
            from posegaussian.training.stream import StreamSteps

            streamed = StreamSteps(chosen, stream_seed(self.stage, chosen.seed, rank), device)
        return Batches(steps, streamed, chosen.stream, chosen.seed, device, rank, self.fabric.world_size)

    def _network(self, init: Path | None) -> PoseGaussian:
        """A new network, or that of `init`; stage depth leaves the head as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.train.seed)
            network = PoseGaussian(self.settings.network)
        if init is not None:
            fill(network, init)
        network.head.requires_grad_(self.stage == "full")
        return network.to(memory_format=torch.channels_last).to(self.fabric.device)  # type: ignore[call-overload]

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.stage}.{kind}"

    def _saved(self) -> dict[str, Any]:
        """Take up a stopped run where there is one, or prolong one: what it saved."""
        for path in (self._file("state"), self._file("trunk")):
            saved = load_state(path, self.key)
            if saved is None:
                break
            if saved["steps"] == self.steps or (
                not saved["cooling"] and saved["done"] <= cooldown_start(self.steps, self.settings.train)
            ):
                self.network.load_state_dict(saved["network"])
                self.average.network.load_state_dict(saved["average"])
                self.optimizer.load_state_dict(saved["optimizer"])
                self.done, self.cooling = saved["done"], saved["cooling"]
                self._say(f"resuming after step {self.done} of {self.steps}")
                return saved
        return {}

    def finish(self, output: Path) -> None:
        """Take the steps that are left, then write curves and weights."""
        chosen = self.settings.train
        with stop_signals() as received:
            while self.done < self.steps:
                self.curves.train(self.done + 1, self._step())
                self.done += 1
                stopped, out_of_time = self._told(bool(received), self.clock.used >= 1)
                last = self.done == self.steps or out_of_time
                if self.done % chosen.validate_every == 0 or last:
                    self._validate()
                if self.done % chosen.save_every == 0 or last or stopped:
                    self._save("state")
                if self.done == cooldown_start(self.steps, chosen) and not self.cooling:
                    self._save("trunk")
                if stopped and not last:
                    name = received[0] if received else "another process"
                    what = f"stopped by {name} after step {self.done} of {self.steps}"
                    raise TrainingError(what, hint="the state is saved: run the same command again to go on")
                if out_of_time and self.done < self.steps:
                    self._say(f"the time budget is used up after step {self.done} of {self.steps}")
                    break
        if self.fabric.is_global_zero:
            self._write(output)

    def _write(self, output: Path) -> None:
        self.curves.flush(self.done)  # where time ended the run
        self.curves.write(output.with_suffix(".csv"))
        metadata = {
            "stage": self.stage,
            "steps": str(self.done),
            "stage_version": str(STAGE_VERSION["train"]),
            "model": json.dumps(as_dict(self.settings), sort_keys=True),
            **self.source,
        }
        save_weights(cast(PoseGaussian, self.average.network), output, metadata)

    def _told(self, *flags: bool) -> list[bool]:
        """Each flag, true as soon as one rank says so."""
        if self.fabric.world_size == 1:
            return list(flags)
        mine = torch.tensor(flags, dtype=torch.float32, device=self.fabric.device)
        said = self.fabric.all_reduce(mine, reduce_op="max")
        return [bool(value) for value in cast(Tensor, said).tolist()]

    def _step(self) -> dict[str, float]:
        """Take one step; the next batch is begun while the device still computes."""
        clip = self.batches.take(self.done)
        rate = learning_rate(self.done, self.steps, self.settings.train, self.clock.used)
        self.cooling |= self.clock.used > 1 - self.settings.train.cooldown
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        result, view, losses = self._look(clip)
        self.optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(losses.total)
        norm = self.fabric.clip_gradients(self.network, self.optimizer, max_norm=_CLIP_NORM, error_if_nonfinite=False)
        if self.done + 1 < self.steps:
            self.batches.start(self.done + 1)
        values = self._values(result, view, losses, clip, norm)
        gradient = values.pop("gradient")
        if self.settings.train.precision == "16-mixed":
            gradient = 0.0  # its scaler skips steps that overflow
        if complaint := self.guard.complaint(values["loss"], gradient):
            raise keep_evidence(self._file("evidence"), self.done + 1, complaint, clip, self.network)
        self.optimizer.step()
        self.average.update(self.network, self.done)
        return {**values, "lr": rate}

    def _look(
        self, clip: Clip, network: torch.nn.Module | None = None
    ) -> tuple[Reconstruction, Rendering | None, Losses]:
        """Reconstruct the clip, render the view held back in stage full, and compare."""
        with self.fabric.autocast():
            result = (network if network is not None else self.wrapped)(
                clip.pair, frames=clip.frames, depth_only=self.stage == "depth"
            )
        view = None
        if result.gaussians is not None:
            view = rasterize(result.gaussians, clip.target_camera, semantics=ANTIALIASED)
        return result, view, combine(result, view, clip, self.settings.train)

    @torch.no_grad()
    def _values(
        self, result: Reconstruction, view: Rendering | None, losses: Losses, clip: Clip, norm: Tensor | None = None
    ) -> dict[str, float]:
        """The numbers of a batch, as they stand in the curves; means over the ranks of a step, and its gradient."""
        values = {
            "loss": losses.total,
            "depth": losses.depth,
            "temporal": losses.temporal,
            "pose": losses.pose,
            "epe_1024": 1024 / clip.width * end_point_error(result.disparity, clip.disparity, clip.valid),
        }
        if view is not None:
            values |= {"image": losses.image, "psnr_bbox": box_psnr(view.colors, clip.target, clip.target_mask)}
        if norm is not None:
            values["gradient"] = norm
        numbers = torch.stack([value.detach().float() for value in values.values()])
        if norm is not None and self.fabric.world_size > 1:
            numbers = cast(Tensor, self.fabric.all_reduce(numbers))
        return dict(zip(values, numbers.tolist(), strict=True))

    @torch.no_grad()
    def _validate(self) -> None:
        """Look at the fixed clips with the averaged weights."""
        if not self.watched or not self.fabric.is_global_zero:
            return
        rows, views = [], []
        for clip in self.watched:
            clip = clip.to(self.fabric.device)
            result, view, losses = self._look(clip, self.average.network)
            rows.append(self._values(result, view, losses, clip))
            if view is not None:
                views.append((view.colors[0], clip.target[0]))
        means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        self.curves.validation(self.done, {name: value for name, value in means.items() if name != "pose"})
        self.curves.pictures(self.done, views)

    def _save(self, kind: str) -> None:
        if not self.fabric.is_global_zero:
            return
        content = {
            "done": self.done,
            "steps": self.steps,
            "cooling": self.cooling or self.done > cooldown_start(self.steps, self.settings.train),
            "network": self.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "curves": self.curves.state(),
            "guard": self.guard.state(),
        }
        save_state(self._file(kind), self.key, content)

    def _say(self, text: str) -> None:
        if self.fabric.is_global_zero:
            print(f"train {self.stage}: {text}", file=sys.stderr, flush=True)


def stream_seed(stage: str, seed: int, rank: int = 0) -> int:
    """Of the stream: other people in each stage and process."""
    return int(np.random.SeedSequence([seed, rank, stage == "full"]).generate_state(1)[0])


def _made_with(files: Files, streamed: tuple[int, int]) -> dict[str, str]:
    """How the pictures and heatmaps that are learned from were made: what a view by hand has to repeat."""
    made = {"rectify": as_dict(RectifySettings(size=streamed)), "detector": as_dict(_SMALL)}
    if files:
        rectified, heatmaps = files[0]
        with store.open_checked(rectified, store.RECTIFIED) as file:
            made["rectify"] = store.settings_of(file)
        with store.open_checked(heatmaps, store.HEATMAPS) as file:
            made["detector"] = store.settings_of(file)
    return {name: json.dumps(values, sort_keys=True) for name, values in made.items()}


def _key(stage: str, settings: ModelSettings, init: Path | None, *captures: Captures | None) -> str:
    """Names a run by everything that its result depends on, but for how long it is."""
    parts = {
        "stage": stage,
        "version": STAGE_VERSION["train"],
        "network": as_dict(settings.network),
        "train": {k: v for k, v in as_dict(settings.train).items() if k not in ("depth_steps", "full_steps")},
        "init": store.digest(init) if init is not None else None,
        "captures": [c.fingerprints if c else [] for c in captures],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
