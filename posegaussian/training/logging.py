"""What a run tells: curves for the CSV file and TensorBoard, lines for the log."""

import csv
import io
import sys
import time
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.utils.tensorboard import SummaryWriter

from posegaussian.io.atomic import write_whole
from posegaussian.io.images import write_image
from posegaussian.registry import LOSSES

_LOSSES = ("depth", "image", "temporal", "pose")
"""In the order that files of earlier versions have; further ones of the registry follow."""
_EVERY_STEPS, _EVERY_SECONDS = 5, 10.0


def columns() -> tuple[str, ...]:
    """The columns of the curves.

    A row is a mean over the steps since the row before (`train`) or over the fixed clips (`val`). `loss` is the
    weighted sum of the losses, which `registry.LOSSES` describes; an empty cell does not apply.
    """
    losses = dict.fromkeys([*_LOSSES, *(name for name, loss in LOSSES.items() if not loss.within)])
    return ("step", "split", "loss", *losses, "epe_1024", "psnr_bbox", "lr")


class Curves:
    """Collects the rows of a run.

    Args:
        folder: of the TensorBoard events.
        label: what is trained.
        steps: of the whole run.
        saved: what `state` returned when the run was stopped.
        loud: whether to write and speak; of several processes one does.
    """

    def __init__(self, folder: Path, label: str, steps: int, saved: dict[str, Any] | None = None, loud: bool = True):
        self.folder, self.label, self.steps, self.loud = folder, label, steps, loud
        self.rows: list[dict[str, Any]] = list(saved["rows"]) if saved else []
        self.window: list[dict[str, float]] = list(saved["window"]) if saved else []
        first = self.rows[-1]["step"] + 1 if self.rows else 0
        self.board = SummaryWriter(str(folder), purge_step=first) if loud else None
        self.start: tuple[int, float] | None = None
        self.told = time.monotonic()

    def state(self) -> dict[str, Any]:
        """Plain values, enough to go on as if never stopped."""
        return {"rows": self.rows, "window": self.window}

    def train(self, step: int, values: dict[str, float]) -> None:
        """Note one training step (numbered from 1)."""
        self.window.append(values)
        if step % _EVERY_STEPS == 0 or step == self.steps:
            self.flush(step)
        self._tell(step, values)

    def flush(self, step: int) -> None:
        """End a row with this step."""
        if self.window:
            means = {name: sum(row[name] for row in self.window) / len(self.window) for name in self.window[0]}
            self.window = []
            self._row(step, "train", means)

    def validation(self, step: int, values: dict[str, float]) -> None:
        """Note a validation after `step` training steps."""
        self._row(step, "val", values)
        self._say(step, "val " + _text(values))

    def pictures(self, step: int, views: list[tuple[Float[Tensor, "3 h w"], Float[Tensor, "3 h w"]]]) -> None:
        """Show rendered views, one a row, with the true ones and five times the difference beside them.

        They go to TensorBoard, and to validation.png in the folder of its events.
        """
        if self.board is None or not views:
            return
        rows = [torch.cat([made, true, 5 * (made - true).abs()], dim=-1).clamp(0, 1) for made, true in views]
        sheet = (255 * torch.cat(_same_width(rows), dim=-2)).round().byte().cpu()
        self.board.add_image("views", sheet, step)
        write_image(self.folder / "validation.png", sheet.permute(1, 2, 0).contiguous().numpy())

    def write(self, path: Path) -> None:
        """Write the rows as CSV, whole or not at all."""
        text = io.StringIO()
        table: csv.DictWriter[str] = csv.DictWriter(text, columns(), lineterminator="\n")
        table.writeheader()
        for row in self.rows:
            table.writerow({name: f"{value:.6g}" if isinstance(value, float) else value for name, value in row.items()})
        write_whole(path, text.getvalue())

    def _row(self, step: int, split: str, values: dict[str, float]) -> None:
        self.rows.append({"step": step, "split": split, **values})
        for name, value in values.items():
            if self.board is not None:
                self.board.add_scalar(f"{name}/{split}", value, step)

    def _tell(self, step: int, values: dict[str, float]) -> None:
        now = time.monotonic()
        self.start = self.start or (step, now)
        if now - self.told >= _EVERY_SECONDS and step > self.start[0]:
            pace = (now - self.start[1]) / (step - self.start[0])
            self._say(step, f"{_text(values)}, {pace:.2f} s/step, {pace * (self.steps - step):.0f} s to go")
            self.told = now

    def _say(self, step: int, text: str) -> None:
        if self.loud:
            print(f"{self.label} {step}/{self.steps}: {text}", file=sys.stderr, flush=True)


def _text(values: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items() if name != "lr")


def _same_width(rows: list[Float[Tensor, "3 h w"]]) -> list[Float[Tensor, "3 h w"]]:
    """Black to the right of narrower rows."""
    widest = max(row.shape[-1] for row in rows)
    return [F.pad(row, (0, widest - row.shape[-1])) for row in rows]
