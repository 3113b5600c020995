"""Trains one phase of one model: from captures or streamed people to weights."""

import json
import sys
from pathlib import Path
from typing import Any, cast

import torch

from posegaussian.config import STAGE_VERSION, ModelSettings, as_dict
from posegaussian.data.captured import Captures, Files, validation_batches
from posegaussian.errors import TrainingError
from posegaussian.model.network import PoseGaussian
from posegaussian.model.weights import load_weights, module_names, save_weights
from posegaussian.training.batches import make_prefetcher, training_captures
from posegaussian.training.checkpoint import load_state, save_state
from posegaussian.training.distributed import Runtime, make_runtime
from posegaussian.training.divergence import DivergenceGuard, finite_gaussians, save_diverged_batch
from posegaussian.training.ema import EMA
from posegaussian.training.frozen import freeze
from posegaussian.training.logging import Curves, mean_scalars
from posegaussian.training.provenance import history, history_entry, input_settings, run_key
from posegaussian.training.scalars import DeferredScalars
from posegaussian.training.schedule import cooldown_start, learning_rate
from posegaussian.training.step import step_scalars, training_step
from posegaussian.training.stopping import Clock, stop_signals

_MAX_NORM = 1.0
"""Largest norm of the gradient; RAFT-Stereo and GPS-Gaussian clip at 1, too."""


def train(
    phase: str,
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
    """Train one phase and write its weights; the curves are written beside them as .csv.

    Args:
        phase: `depth` (disparity alone) or `full` (everything, through rendered views).
        train_files: rectified and heatmaps .h5 to train on; none where all steps use streamed people.
        val_files: the same, to validate on.
        output: the .safetensors to write, last of all.
        state: folder of the checkpoint state, of the weights so far, of TensorBoard's events and of images.
        settings: of the model.
        init: weights to start from.
        device: auto, cpu, cuda or cuda:N.
        time_budget: seconds after which the run ends with the weights it has; None takes all steps.

    Raises:
        TrainingError: the data do not allow the phase, a loss is not finite or explodes, or a signal stopped the run.
    """
    clock = Clock(time_budget)
    runtime = make_runtime(device, settings.train.precision)
    trainer = Trainer(phase, train_files, val_files, state, settings, init, runtime, clock)
    try:
        trainer.fit(output)
    finally:
        trainer.batches.close()


class Trainer:
    """The network, its optimiser and its batches during one phase, and the number of steps done.

    Args:
        phase: `depth` or `full`.
        train_files: see `train`.
        val_files: see `train`.
        folder: of the checkpoint state.
        settings: of the model.
        init: weights to start from.
        runtime: of this process.
        clock: of the time budget.
    """

    network_class: type[PoseGaussian] = PoseGaussian
    """What is trained. Benchmarks train networks of other designs that have the same interface."""

    def __init__(
        self,
        phase: str,
        train_files: Files,
        val_files: Files,
        folder: Path,
        settings: ModelSettings,
        init: Path | None,
        runtime: Runtime,
        clock: Clock,
    ):
        chosen = settings.train
        self.phase, self.settings, self.runtime, self.clock, self.folder = phase, settings, runtime, clock, folder
        self.steps = chosen.depth_steps if phase == "depth" else chosen.full_steps
        filmed = settings.network.filmed
        captures = training_captures(phase, train_files, chosen, filmed)
        held_out = Captures(val_files, chosen.frames, chosen.target_size, filmed)
        self.validation = validation_batches(held_out, chosen.validation_clips) if val_files else []
        held_out.close()
        self.input_settings, self.history = input_settings(train_files, chosen), history(init)
        self.batches = make_prefetcher(phase, captures, chosen, runtime, filmed)

        self.network = self._network(init)
        self.ema = EMA(self.network, chosen.ema_decay)
        self.wrapped = runtime.wrapped(self.network)
        self.adam = self._adam()
        self.key = run_key(phase, settings, init, captures, held_out)
        self.done, self.cooling, self.time_used, self.stop_requested = 0, False, 0.0, False
        saved = self._restored()
        self.curves = Curves(folder / phase, f"train {phase}", self.steps, saved.get("curves"), runtime.first)
        self.guard = DivergenceGuard(saved.get("guard"))
        # No lag with 16-mixed: its gradient scaler sets the optimiser's `found_inf`, which `step` would overwrite.
        synchronous = runtime.device.type != "cuda" or chosen.precision == "16-mixed"
        self.scalars = DeferredScalars(lag=0 if synchronous else 1, world=runtime.world)

    def _network(self, init: Path | None) -> PoseGaussian:
        """A new network, or that of `init`; phase depth does not train the head."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.settings.train.seed)
            network = self.network_class(self.settings.network)
        if init is not None and (missing := load_weights(network, init, partly=True)):
            self._log(f"{init} has no {', '.join(module_names(missing))}: these start anew")
        freeze(network, (*self.settings.train.frozen, *(["head"] if self.phase == "depth" else [])))
        return network.to(memory_format=torch.channels_last).to(self.runtime.device)  # type: ignore[call-overload]

    def _adam(self) -> torch.optim.AdamW:
        chosen = self.settings.train
        trainable = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trainable, lr=chosen.learning_rate, weight_decay=chosen.weight_decay, fused=True)

    def _file(self, kind: str) -> Path:
        return self.folder / f"{self.phase}.{kind}"

    def _restored(self) -> dict[str, Any]:
        """Restore the state of a stopped run, if there is one that fits; its content.

        The state from before the cool-down is used if the run has been given more steps since: once the learning rate
        has begun to fall, a longer run would have taken other steps.
        """
        for path in (self._file("state"), self._file("stable")):
            saved = load_state(path, self.key)
            if saved is None:
                break
            if saved["steps"] == self.steps or (
                not saved["cooling"] and saved["done"] <= cooldown_start(self.steps, self.settings.train)
            ):
                self.network.load_state_dict(saved["network"])
                self.ema.network.load_state_dict(saved["ema"])
                self.adam.load_state_dict(saved["optimizer"])
                self.done, self.cooling = saved["done"], saved["cooling"]
                self._log(f"resuming after step {self.done} of {self.steps}")
                return saved
        return {}

    def fit(self, output: Path) -> None:
        """Take the steps that are left, then write curves and weights."""
        chosen = self.settings.train
        with stop_signals() as received:
            while self.done < self.steps:
                self.step(bool(received))
                stopped, out_of_time = self._must_end(bool(received))
                last = self.done == self.steps or out_of_time
                if self.done % chosen.validate_every == 0 or last:
                    self._validate()
                if self.done % chosen.save_every == 0 or last or stopped:
                    self._save("state")
                if self.done == cooldown_start(self.steps, chosen) and not self.cooling:
                    self._save("stable")
                if stopped and not last:
                    name = received[0] if received else "another process"
                    what = f"stopped by {name} after step {self.done} of {self.steps}"
                    hint = "the state is saved: run the same command again to go on"
                    raise TrainingError(what, code="interrupted", hint=hint)
                if out_of_time and self.done < self.steps:
                    self._log(f"the time budget is used up after step {self.done} of {self.steps}")
                    break
        self._read_scalars(everything=True)
        if self.runtime.first:
            self.curves.flush(self.done)  # The last row is incomplete where the time budget ended the run.
            self.curves.write(output.with_suffix(".csv"))
            self._write(output)

    def _write(self, output: Path) -> None:
        """Write the averaged weights with their history."""
        runtime = self.runtime
        run = history_entry(self.phase, self.done, self.settings, runtime.world, runtime.device)
        runs = [*self.history, run]
        metadata = {
            "stage": self.phase,
            "steps": str(self.done),
            "stage_version": str(STAGE_VERSION["train"]),
            "model": json.dumps(as_dict(self.settings), sort_keys=True),
            "history": json.dumps(runs, sort_keys=True),
            **self.input_settings,
        }
        save_weights(cast(PoseGaussian, self.ema.network), output, metadata)

    def _must_end(self, received: bool) -> tuple[bool, bool]:
        """Whether a signal has requested a stop, and whether the time budget is used up.

        All ranks must end after the same step; otherwise the remaining ones would wait forever in their next
        collective operation. So every rank uses the means of an earlier step, which are the same on all ranks.
        """
        if self.runtime.world == 1:
            return received, self.clock.used >= 1
        return self.stop_requested, self.time_used >= 1

    def step(self, stop: bool = False) -> None:
        """Take one optimiser step; its scalars are read as soon as that does not make the device wait.

        Args:
            stop: whether this process has received a signal to stop; all ranks are informed.
        """
        batch = self.batches.take(self.done)
        used = self.clock.used if self.runtime.world == 1 else self.time_used
        rate = learning_rate(self.done, self.steps, self.settings.train, used)
        self.cooling |= used > 1 - self.settings.train.cooldown
        for group in self.adam.param_groups:
            group["lr"] = rate
        self.network.train()
        train, autocast, depth_only = self.settings.train, self.runtime.autocast, self.phase == "depth"
        with finite_gaussians(self._file("evidence"), self.done + 1, batch, self.network):
            output = training_step(self.wrapped, batch, train, autocast, depth_only)
        self.adam.zero_grad(set_to_none=True)
        if self.done + 1 < self.steps:
            self.batches.start(self.done + 1)
        self.runtime.backward(output.losses.total)
        self.batches.wait()
        norm = self.runtime.clip_gradients(self.adam, _MAX_NORM)
        values = step_scalars(output, batch) | {"gradient": norm}
        own = {"stop": float(stop), "time": self.clock.used}
        values |= {name: torch.full_like(norm, value) for name, value in own.items()}
        limit = self.guard.limit
        means = self.scalars.add(self.done + 1, values, batch, limit, rate)
        self._read_scalars()
        if self.scalars.lag:
            # The host has not read this step's scalars yet, so the device itself must skip a diverged step.
            good = means["gradient"].isfinite() & (means["loss"] <= limit)
            self.adam.found_inf = (~good).float()  # type: ignore[attr-defined]
        self.runtime.step(self.adam)
        self.ema.update(self.network, self.done)
        self.done += 1

    def _read_scalars(self, everything: bool = False) -> None:
        """Check and log the scalars of the steps that can be read without waiting, or of all steps."""
        for scalars in self.scalars.read(everything):
            values = dict(scalars.values)
            self.stop_requested, self.time_used = values.pop("stop") > 0, values.pop("time")
            gradient = values.pop("gradient")
            if self.settings.train.precision == "16-mixed":
                gradient = 0.0  # The gradient scaler skips steps whose gradients overflow.
            if problem := self.guard.problem(values["loss"], gradient, scalars.limit):
                raise save_diverged_batch(self._file("evidence"), scalars.step, problem, scalars.batch, self.network)
            self.curves.train(scalars.step, {**values, "lr": scalars.learning_rate})

    @torch.no_grad()
    def _validate(self) -> None:
        """Measure the averaged weights on the validation batches."""
        self._read_scalars(everything=True)
        if not self.validation or not self.runtime.first:
            return
        settings, depth_only, rows, views = self.settings.train, self.phase == "depth", [], []
        for batch in self.validation:
            batch = batch.to(self.runtime.device)
            # No pose loss outside training mode: the network computes it for the optimiser alone.
            with finite_gaussians(self._file("evidence"), self.done, batch, self.ema.network):
                output = training_step(self.ema.network, batch, settings, self.runtime.autocast, depth_only)
            rows.append({name: float(value) for name, value in step_scalars(output, batch).items() if name != "pose"})
            if output.view is not None:
                views.append((output.view.colors[0], batch.target[0]))
        self.curves.validation(self.done, mean_scalars(rows))
        self.curves.images(self.done, views)

    def _save(self, kind: str) -> None:
        """Save the state, and the weights so far."""
        self._read_scalars(everything=True)
        if not self.runtime.first:
            return
        content = {
            "done": self.done,
            "steps": self.steps,
            "cooling": self.cooling or self.done > cooldown_start(self.steps, self.settings.train),
            "network": self.network.state_dict(),
            "ema": self.ema.network.state_dict(),
            "optimizer": self.adam.state_dict(),
            "curves": self.curves.state(),
            "guard": self.guard.state(),
        }
        save_state(self._file(kind), self.key, content)
        self._write(self._file("safetensors"))

    def _log(self, text: str) -> None:
        if self.runtime.first:
            print(f"train {self.phase}: {text}", file=sys.stderr, flush=True)
