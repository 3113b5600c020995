"""The curves of a run, for a CSV file and TensorBoard, and its progress lines on stderr."""

import csv
import io
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from posegaussian.io.atomic import write_atomic
from posegaussian.io.images import write_image
from posegaussian.registry import LOSSES
from posegaussian.training.events import EventFile

_LOSSES = ("depth", "image", "temporal", "pose")
"""The first columns, in the order of files of earlier versions; further losses of the registry follow."""
_ROW_STEPS = 5
"""Steps between two rows. Chosen by hand: curves of a few hundred steps are still lines."""
_PROGRESS_SECONDS = 10.0
"""Least time between two progress lines. Chosen by hand."""
_DIFFERENCE_GAIN = 5
"""Multiplies the differences that are shown, or errors of a few per cent would look black. Chosen by hand."""


def columns() -> tuple[str, ...]:
    """The columns of the curves.

    A row is a mean over the steps since the row before (`train`) or over the validation batches (`val`). `loss` is the
    weighted sum of the losses, which `registry.LOSSES` describes; a cell is empty where a value does not apply.
    """
    losses = dict.fromkeys([*_LOSSES, *(name for name, loss in LOSSES.items() if not loss.within)])
    return ("step", "split", "loss", *losses, "epe_1024", "psnr_bbox", "lr")


class Curves:
    """The rows of a run, also sent to TensorBoard and, now and then, to stderr.

    Args:
        folder: of the TensorBoard events.
        label: begins every line on stderr.
        steps: of the whole run.
        saved: the result of `state` when the run was stopped; None for a new run.
        active: whether this process writes events and lines; of several processes only rank 0 does.
    """

    def __init__(self, folder: Path, label: str, steps: int, saved: dict[str, Any] | None = None, active: bool = True):
        self.folder, self.label, self.steps, self.active = folder, label, steps, active
        self.rows: list[dict[str, Any]] = list(saved["rows"]) if saved else []
        self.window: list[dict[str, float]] = list(saved["window"]) if saved else []
        first = self.rows[-1]["step"] + 1 if self.rows else 0
        self.board = EventFile(folder, first) if active else None
        self.start: tuple[int, float] | None = None
        self.last_line = time.monotonic()

    def state(self) -> dict[str, Any]:
        """Plain values, from which a resumed run continues exactly."""
        return {"rows": self.rows, "window": self.window}

    def train(self, step: int, values: dict[str, float]) -> None:
        """Add the scalars of one training step (numbered from 1)."""
        self.window.append(values)
        if step % _ROW_STEPS == 0 or step == self.steps:
            self.flush(step)
        self._progress(step, values)

    def flush(self, step: int) -> None:
        """Write the mean of the steps since the last row as a row."""
        if self.window:
            means = mean_scalars(self.window)
            self.window = []
            self._row(step, "train", means)

    def validation(self, step: int, values: dict[str, float]) -> None:
        """Add the scalars of a validation after `step` training steps."""
        self._row(step, "val", values)
        self._print(step, "val " + _text(values))

    def images(self, step: int, views: list[tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]]) -> None:
        """Show rendered views, one per row: the rendering, the true image, and five times their difference.

        They are written to TensorBoard, and as validation.png to the folder of its events.
        """
        if self.board is None or not views:
            return
        difference = [_DIFFERENCE_GAIN * (image - true).abs() for image, true in views]
        rows = [torch.cat([*pair, part], dim=-1).clamp(0, 1) for pair, part in zip(views, difference, strict=True)]
        sheet = (255 * torch.cat(_same_width(rows), dim=-2)).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()
        self.board.image(step, "views", sheet)
        write_image(self.folder / "validation.png", sheet)

    def write(self, path: Path) -> None:
        """Write the rows as CSV, completely or not at all."""
        text = io.StringIO()
        table: csv.DictWriter[str] = csv.DictWriter(text, columns(), lineterminator="\n")
        table.writeheader()
        for row in self.rows:
            table.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
        write_atomic(path, text.getvalue())

    def _row(self, step: int, split: str, values: dict[str, float]) -> None:
        self.rows.append({"step": step, "split": split, **values})
        if self.board is not None:
            self.board.scalars(step, {f"{name}/{split}": value for name, value in values.items()})

    def _progress(self, step: int, values: dict[str, float]) -> None:
        now = time.monotonic()
        self.start = self.start or (step, now)
        if now - self.last_line >= _PROGRESS_SECONDS and step > self.start[0]:
            pace = (now - self.start[1]) / (step - self.start[0])
            self._print(step, f"{_text(values)}, {pace:.2f} s/step, {pace * (self.steps - step):.0f} s to go")
            self.last_line = now

    def _print(self, step: int, text: str) -> None:
        if self.active:
            print(f"{self.label} {step}/{self.steps}: {text}", file=sys.stderr, flush=True)


def mean_scalars(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each scalar over the rows that have it; without those that no row has. NaN: a row has none."""
    known = {name: [row[name] for row in rows if not math.isnan(row[name])] for name in rows[0]}
    return {name: sum(values) / len(values) for name, values in known.items() if values}


def _text(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items() if name != "lr" and not math.isnan(value))


def _same_width(rows: list[Float[Tensor, "3 h w"]]) -> list[Float[Tensor, "3 h w"]]:
    """The rows, padded with black on the right to the width of the widest."""
    widest = max(row.shape[-1] for row in rows)
    return [F.pad(row, (0, widest - row.shape[-1])) for row in rows]
