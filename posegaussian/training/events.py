"""A file of events for TensorBoard, written at once, so that an error of the disk is raised where it happens.

TensorBoard's own writer does so in a thread of its own: on a full or a read-only disk the thread prints a traceback.
"""

import io
import itertools
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # type: ignore[attr-defined]  # made at run time
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image, scalar

from posegaussian.io.atomic import write_error

_numbers = itertools.count()
"""Of the files of this process, which may begin several in a second."""


class EventFile:
    """A new file of events.

    Args:
        folder: of the file; it is made.
        first: step from which on TensorBoard hides the events of earlier files in the folder.

    Raises:
        StoreError: here and in the methods: the disk is full, the folder is read-only, or the like. What was written
            before stays whole.
    """

    def __init__(self, folder: Path, first: int):
        name = f"{time.time():010.0f}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}"
        self.path = folder / f"events.out.tfevents.{name}"
        self.size = 0
        start = Event(step=first, session_log=SessionLog(status=SessionLog.START))
        self._append(Event(file_version="brain.Event:2"), start)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Add numbers by their names."""
        self._append(*(Event(step=step, summary=scalar(name, value)) for name, value in values.items()))

    def image(self, step: int, name: str, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Add an RGB image."""
        self._append(Event(step=step, summary=image(name, pixels, dataformats="HWC")))

    def _append(self, *events: Event) -> None:
        """Write records at the end of the file; on an error, it ends with the last whole one, or is gone."""
        records = io.BytesIO()
        for event in events:
            event.wall_time = time.time()
            RecordWriter(records).write(event.SerializeToString())
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:
                file.write(records.getvalue())
        except OSError as error:
            with suppress(OSError):
                if self.size:
                    os.truncate(self.path, self.size)
                else:
                    self.path.unlink()
            raise write_error(error, self.path) from None
        self.size += records.tell()
