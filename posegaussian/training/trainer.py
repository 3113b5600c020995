"""The training run: one stage of one model, from captures or streamed people to weights."""

import json
import sys
from pathlib import Path
from typing import Any, cast

import torch
from lightning.fabric import Fabric

from posegaussian.config import STAGE_VERSION, ModelSettings, as_dict
from posegaussian.data.captured import CapturedBatches, Captures, Files, validation_batches
from posegaussian.data.prefetching import Prefetcher
from posegaussian.errors import TrainingError
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import fill, parts_of, save_weights
from posegaussian.training.checkpoint import load_state, save_state
from posegaussian.training.distributed import make_fabric
from posegaussian.training.divergence import Guard, keep_evidence
from posegaussian.training.ema import Average
from posegaussian.training.logging import Curves
from posegaussian.training.provenance import account, history, made_with, run_key
from posegaussian.training.scalars import Numbers
from posegaussian.training.schedule import cooldown_start, learning_rate
from posegaussian.training.step import look, numbers_of
from posegaussian.training.stopping import Clock, stop_signals

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
    time_budget: float | None = None,
) -> None:
    """Train one stage and write its weights; the curves go beside them as .csv.

    Args:
        stage: `depth` (disparity alone) or `full` (everything, through rendered views).
        train_files: rectified and heatmaps .h5 to learn from; none where all steps see the stream.
        val_files: the same, to watch.
        output: the .safetensors to write, last of all.
        state: folder of the resume state, of the weights so far, of TensorBoard's events and of pictures.
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
        captures = self._captures(train_files)
        watched = Captures(val_files, chosen.frames, chosen.target_size)
        self.watched = validation_batches(watched, chosen.validation_clips) if val_files else []
        watched.close()
        self.made_with, self.history = made_with(train_files, chosen), history(init)
        self.batches = self._batches(captures)

        self.network = self._network(init)
        self.average = Average(self.network, chosen.ema_decay)
        self.wrapped = fabric.strategy.setup_module(self.network)
        self.adam = self._adam()
        self.optimizer = cast(torch.optim.Optimizer, fabric.setup_optimizers(self.adam))
        self.key = run_key(stage, settings, init, captures, watched)
        self.done, self.cooling, self.time_used, self.told_to_stop = 0, False, 0.0, False
        saved = self._saved()
        self.curves = Curves(folder / stage, f"train {stage}", self.steps, saved.get("curves"), fabric.is_global_zero)
        self.guard = Guard(saved.get("guard"))
        waits = fabric.device.type != "cuda" or chosen.precision == "16-mixed"
        self.numbers = Numbers(lag=0 if waits else 1, world=fabric.world_size)

    def _captures(self, files: Files) -> Captures | None:
        """What is learned from beside the stream."""
        chosen = self.settings.train
        if chosen.stream == 1:
            return None
        if not files:
            hint = "give --rectified, or set train.stream: 1"
            raise TrainingError("there are no captures to learn from", code="no-training-data", hint=hint)
        captures = Captures(files, chosen.frames, chosen.target_size)
        if self.stage == "depth":
            captures.require_truth()
        return captures

    def _batches(self, captures: Captures | None) -> Prefetcher:
        chosen, device = self.settings.train, self.fabric.device
        rank, world = self.fabric.global_rank, self.fabric.world_size
        steps = streamed = None
        if captures is not None:
            clips = chosen.batch_size // chosen.frames
            steps = CapturedBatches(captures, clips, chosen.seed, chosen.heatmap_dropout)
        if chosen.stream > 0:
            from posegaussian.data.streamed import StreamedBatches

            streamed = StreamedBatches(self.stage, chosen, device, rank)
        return Prefetcher(steps, streamed, chosen.stream, chosen.seed, device, rank, world)

    def _network(self, init: Path | None) -> PoseGaussian:
        """A new network, or that of `init`; stage depth leaves the head as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.train.seed)
            network = PoseGaussian(self.settings.network)
        if init is not None and (lacking := fill(network, init, partly=True)):
            self._say(f"{init} has no {', '.join(parts_of(lacking))}: these start anew")
        network.head.requires_grad_(self.stage == "full")
        return network.to(memory_format=torch.channels_last).to(self.fabric.device)  # type: ignore[call-overload]

    def _adam(self) -> torch.optim.AdamW:
        chosen = self.settings.train
        learned = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(learned, lr=chosen.learning_rate, weight_decay=chosen.weight_decay, fused=True)

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
                self.step(bool(received))
                stopped, out_of_time = self._told(bool(received))
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
                    hint = "the state is saved: run the same command again to go on"
                    raise TrainingError(what, code="interrupted", hint=hint)
                if out_of_time and self.done < self.steps:
                    self._say(f"the time budget is used up after step {self.done} of {self.steps}")
                    break
        self._hear(everything=True)
        if self.fabric.is_global_zero:
            self.curves.flush(self.done)  # where time ended the run
            self.curves.write(output.with_suffix(".csv"))
            self._write(output)

    def _write(self, output: Path) -> None:
        """Write the averaged weights, with how they came to be."""
        fabric = self.fabric
        run = account(self.stage, self.done, self.settings, fabric.world_size, fabric.device)
        runs = [*self.history, run]
        metadata = {
            "stage": self.stage,
            "steps": str(self.done),
            "stage_version": str(STAGE_VERSION["train"]),
            "model": json.dumps(as_dict(self.settings), sort_keys=True),
            "history": json.dumps(runs, sort_keys=True),
            **self.made_with,
        }
        save_weights(cast(PoseGaussian, self.average.network), output, metadata)

    def _told(self, received: bool) -> tuple[bool, bool]:
        """Whether to stop, and whether time is out; several ranks agree by what they said in a step before."""
        if self.fabric.world_size == 1:
            return received, self.clock.used >= 1
        return self.told_to_stop, self.time_used >= 1

    def step(self, stop: bool = False) -> None:
        """Take one step; what it tells is read when it is there.

        Args:
            stop: whether this process was told to stop; all learn of it.
        """
        batch = self.batches.take(self.done)
        used = self.clock.used if self.fabric.world_size == 1 else self.time_used
        rate = learning_rate(self.done, self.steps, self.settings.train, used)
        self.cooling |= used > 1 - self.settings.train.cooldown
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        seen = look(self.wrapped, batch, self.settings.train, self.fabric.autocast, self.stage == "depth")
        self.optimizer.zero_grad(set_to_none=True)
        if self.done + 1 < self.steps:
            self.batches.start(self.done + 1)
        self.fabric.backward(seen.losses.total)
        self.batches.wait()
        norm = self.fabric.clip_gradients(self.network, self.optimizer, max_norm=_CLIP_NORM, error_if_nonfinite=False)
        assert norm is not None
        told = {"stop": float(stop), "time": self.clock.used}
        values = numbers_of(seen, batch) | {"gradient": norm}
        values |= {name: torch.full_like(norm, value) for name, value in told.items()}
        limit = self.guard.limit
        means = self.numbers.add(self.done + 1, values, batch, limit, rate)
        self._hear()
        if self.numbers.lag:  # nobody has looked at this step's numbers yet: a bad one is left out on the device
            good = means["gradient"].isfinite() & (means["loss"] <= limit)
            self.adam.found_inf = (~good).float()  # type: ignore[attr-defined]
        self.optimizer.step()
        self.average.update(self.network, self.done)
        self.done += 1

    def _hear(self, everything: bool = False) -> None:
        """Look at the numbers of the steps that can be read."""
        for told in self.numbers.read(everything):
            values = dict(told.values)
            self.told_to_stop, self.time_used = values.pop("stop") > 0, values.pop("time")
            gradient = values.pop("gradient")
            if self.settings.train.precision == "16-mixed":
                gradient = 0.0  # its scaler skips steps that overflow
            if complaint := self.guard.complaint(values["loss"], gradient, told.limit):
                raise keep_evidence(self._file("evidence"), told.step, complaint, told.batch, self.network)
            self.curves.train(told.step, {**values, "lr": told.rate})

    @torch.no_grad()
    def _validate(self) -> None:
        """Look at the fixed clips with the averaged weights."""
        self._hear(everything=True)
        if not self.watched or not self.fabric.is_global_zero:
            return
        rows, views = [], []
        for batch in self.watched:
            batch = batch.to(self.fabric.device)
            seen = look(self.average.network, batch, self.settings.train, self.fabric.autocast, self.stage == "depth")
            rows.append(numbers_of(seen, batch))
            if seen.view is not None:
                views.append((seen.view.colors[0], batch.target[0]))
        means = {name: float(sum(row[name] for row in rows)) / len(rows) for name in rows[0] if name != "pose"}
        self.curves.validation(self.done, means)
        self.curves.pictures(self.done, views)

    def _save(self, kind: str) -> None:
        """Save the state, and the weights so far."""
        self._hear(everything=True)
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
        self._write(self._file("safetensors"))

    def _say(self, text: str) -> None:
        if self.fabric.is_global_zero:
            print(f"train {self.stage}: {text}", file=sys.stderr, flush=True)
