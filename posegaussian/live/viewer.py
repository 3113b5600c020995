"""One browser that watches: its viewpoint, and what it has been sent."""

import json
import struct
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from jaxtyping import UInt8

from posegaussian.live.loop import LiveFrame
from posegaussian.live.viewpoint import Viewpoint

VIEW, SOURCES = 1, 2
"""First byte of a binary message: a JPEG of the view, or of both cameras' images side by side."""
HEADER = struct.Struct(">BId")
"""A binary message begins with its kind, the frame's number, and its time (`time.monotonic`), seconds."""
IN_FLIGHT = 2
"""Views that are on their way to a browser at most: the next one is sent after its message that one is drawn. Two hide
the time of a message; more would only wait. Chosen by hand."""
LONGEST = 1024
"""Bytes of a message from a browser, at most; the page's own have less than 200."""
_SOURCE_HEIGHT = 360
"""Height of the cameras' images beside the view, pixels. Chosen by hand."""


def jpeg(image: UInt8[np.ndarray, "h w 3"], quality: int) -> bytes:
    """An RGB image as JPEG."""
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def message(kind: int, frame: LiveFrame, data: bytes) -> bytes:
    """A binary message."""
    return HEADER.pack(kind, frame.number & 0xFFFFFFFF, frame.time) + data


def sources_jpeg(frame: LiveFrame, quality: int) -> bytes:
    """The images of both cameras side by side, reduced."""
    parts = []
    for image in frame.images.values():
        scale = min(1.0, _SOURCE_HEIGHT / image.shape[0])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        parts.append(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    height = max(part.shape[0] for part in parts)
    padded = [np.pad(part, ((0, height - part.shape[0]), (0, 0), (0, 0))) for part in parts]
    return jpeg(np.concatenate(padded, axis=1), quality)


class BadMessage(ValueError):
    """A message that no page of ours sends."""


@dataclass(eq=False)
class Viewer:
    """The state of a browser's connection; it belongs to one thread."""

    viewpoint: Viewpoint = field(default_factory=Viewpoint)  # from which it looks
    sources: bool = False  # whether it shows the cameras' images
    frozen: LiveFrame | None = None  # the frame that it keeps looking at; None: always the newest
    in_flight: int = 0
    asked: tuple[int, Viewpoint] | None = None
    sent_sources: int = 0

    def due(self, newest: LiveFrame | None) -> LiveFrame | None:
        """The frame whose view is to be sent now; None where the browser has it, or still draws."""
        frame = self.frozen or newest
        if frame is None or self.in_flight >= IN_FLIGHT or self.asked == (frame.number, self.viewpoint):
            return None
        return frame

    def receive(self, text: str | bytes, newest: LiveFrame | None) -> dict[str, Any]:
        """Take a message of the page, and return what of it concerns the whole session.

        Args:
            text: JSON, an object with any of: `drawn` (a view was drawn), `view` ([along, up, zoom]), `sources`,
                `freeze`, `record` (true or false).
            newest: the frame that is frozen.

        Raises:
            BadMessage: it is something else.
        """
        try:
            request = json.loads(text)
            if not isinstance(request, dict) or request.keys() - {"drawn", "view", "sources", "freeze", "record"}:
                raise BadMessage("unknown message")
            if "view" in request:
                along, up, zoom = (float(value) for value in request["view"])
                self.viewpoint = Viewpoint(along, up, zoom).bounded()
        except (ValueError, TypeError, RecursionError) as error:
            raise BadMessage(str(error)) from None
        if request.get("drawn"):
            self.in_flight = max(0, self.in_flight - 1)
        if "sources" in request:
            self.sources, self.sent_sources = bool(request["sources"]), 0
        if "freeze" in request:
            self.frozen = (self.frozen or newest) if request["freeze"] else None
        return {"record": bool(request["record"])} if "record" in request else {}
