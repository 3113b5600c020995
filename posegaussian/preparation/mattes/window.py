"""The upright window around the person that BlazePose found, in which mattes are computed."""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from posegaussian.parallel import Lazy
from posegaussian.pose.person import MATTE, Person, crop_to_image

Box = tuple[int, int, int, int]
"""x0, y0, x1, y1 in whole pixels of an image; x1 and y1 lie outside."""
SIZE = 512
"""Longer side of a window, pixels. The network was trained with 384 to 640. Chosen by hand: the time is right."""
PADDING = 0.08
"""Room around the person's box, as a share of its longer side: coarse mattes and landmarks end at wrists and ankles
where fingers and toes are not found. Chosen by hand; the network was trained with 0.03 to 0.2."""


@dataclass(frozen=True)
class Window:
    """A part of an image, resampled so that the person has about the same size in all windows."""

    image: UInt8[np.ndarray, "_ _ 3"]  # the whole one, RGB
    person: Person  # in it
    box: Box  # of the window in the image
    width: int  # of the window, its own pixels
    height: int  # of the window

    @staticmethod
    def around(image: UInt8[np.ndarray, "_ _ 3"], person: Person, size: int = SIZE) -> "Window | None":
        """The window around a person; None where nothing of them lies in the image.

        Args:
            image: RGB.
            person: in it.
            size: longer side of the window, pixels.
        """
        box = padded_box(person.box, PADDING, *image.shape[:2])
        if box is None:
            return None
        extent = np.array([box[2] - box[0], box[3] - box[1]])
        width, height = np.maximum(1, np.rint(size * extent / extent.max()).astype(int))
        return Window(image, person, box, int(width), int(height))

    @property
    def pitch(self) -> Float[np.ndarray, "2"]:
        """Pixels of the window in a pixel of the image, along x and y; about the same."""
        x0, y0, x1, y1 = self.box
        return np.array([self.width / (x1 - x0), self.height / (y1 - y0)])

    @Lazy
    def pixels(self) -> UInt8[np.ndarray, "h w 3"]:
        """The image, resampled."""
        return self.resampled(self.image)

    @Lazy
    def coarse(self) -> UInt8[np.ndarray, "h w"]:
        """The person's coarse matte, 0..255, resampled; 0 outside its crop."""
        to_window = self.pitch[:, None] * crop_to_image(self.person.crop, MATTE)
        to_window[:, 2] -= self.pitch * self.box[:2]
        to_window[:, 2] += 0.5 * to_window[:, :2].sum(1) - 0.5  # OpenCV counts from the centre of the first pixel
        return np.asarray(cv2.warpAffine(self.person.matte, to_window, (self.width, self.height)))

    def resampled(self, image: UInt8[np.ndarray, "_ _ *c"]) -> UInt8[np.ndarray, "h w *c"]:
        """An image of the same camera in the window's pixels."""
        part = image[self.rows, self.columns]
        shrinks = self.width < part.shape[1]
        size, how = (self.width, self.height), cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(part, size, interpolation=how))

    def enlarged(self, values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "_ _"]:
        """Values at the pixels of the window, in the image's pixels of the box."""
        x0, y0, x1, y1 = self.box
        how = cv2.INTER_LINEAR if self.width <= x1 - x0 else cv2.INTER_AREA
        return np.asarray(cv2.resize(values, (x1 - x0, y1 - y0), interpolation=how))

    def points(self) -> Float[np.ndarray, "33 2"]:
        """The person's landmarks in the window's pixels, centres at +0.5."""
        return (self.person.points[:, :2] - np.array(self.box[:2])) * self.pitch

    @property
    def rows(self) -> slice:
        """Of the box."""
        return slice(self.box[1], self.box[3])

    @property
    def columns(self) -> slice:
        """Of the box."""
        return slice(self.box[0], self.box[2])


def padded_box(box: Float[np.ndarray, "4"], padding: float, height: int, width: int) -> Box | None:
    """A box with room on each side, cut off at the image's border; None where nothing of it lies in the image.

    Args:
        box: x0, y0, x1, y1, image pixels.
        padding: room on each side, as a share of the box's longer side.
        height: of the image.
        width: of the image.
    """
    room = padding * float((box[2:] - box[:2]).max())
    limits = np.array([width, height])
    low = np.clip(np.floor(box[:2] - room), 0, limits).astype(int)
    high = np.clip(np.ceil(box[2:] + room), 0, limits).astype(int)
    return (int(low[0]), int(low[1]), int(high[0]), int(high[1])) if (high > low).all() else None
