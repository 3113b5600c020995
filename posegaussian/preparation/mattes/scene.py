"""The scene without the person: given as an image, or seen in frames in which they stand elsewhere."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, UInt8

from posegaussian.captures.capture import Capture
from posegaussian.parallel import in_order, thread_count
from posegaussian.pose.person import Person
from posegaussian.preparation.mattes.skeleton import near_skeleton
from posegaussian.preparation.mattes.window import Window

Image = UInt8[np.ndarray, "_ _ 3"]
"""RGB."""
_FRAMES = 25
"""Frames in which the scene is looked for. Chosen by hand: with 15 of 100, a tenth less of it was known."""
_FREE = 2
"""Frames in which a pixel shows the scene, at least. Two of them must agree, of more the middle half. With 3, bars
beside an elbow stayed on the demo footage, where the man stands aside in two of 25 frames; the mean IoU on six moving
people of `val` is the same (0.971)."""
_LEAST = 3
"""Fewer frames, or as many, show no scene. Chosen by hand."""
_BESIDE = 0.02
"""Distance from the person in which the scene is not looked for, as a share of the window's longer side: what the
coarse matte misses, such as fingers: 4 cm. Of 0.02 and 0.03, both gave a mean IoU of 0.972 on five moving people of
`val`, and with 0.02 more of the scene is known."""
_ANY = 20
"""Level of the coarse matte from which on a pixel may show the person. Chosen by hand."""
_STEADY = 24
"""Levels of 8 bits between the quartiles of a pixel's values, from which on something moves there. Chosen by hand:
strong noise has 7."""
_BANDS = 16
"""Parts of the image that threads sort, one each: all frames of all of it would need much memory."""
_READERS = 4
"""Threads that read cameras, at most: each holds `_FRAMES` images. Chosen by hand."""


@dataclass(frozen=True)
class Scene:
    """A camera's image of the scene without the person."""

    image: UInt8[np.ndarray, "h w 3"]  # RGB
    known: Bool[np.ndarray, "h w"] | None = None  # pixels that show the scene; None: all


def frames_apart(frames: Sequence[int]) -> list[int]:
    """Some of the frames, spread over all of them; none where these are too few to show the scene."""
    count = len(frames) if len(frames) > _LEAST else 0
    return [frames[index * (count - 1) // (min(count, _FRAMES) - 1)] for index in range(min(count, _FRAMES))]


def revealed_scenes(
    capture: Capture, cameras: Iterable[str], people: Mapping[int, Mapping[str, Person]]
) -> dict[str, Scene]:
    """What some cameras show of the scene, by camera, see `revealed_scene`; without those in too few frames.

    Args:
        capture: holds the images.
        cameras: by name.
        people: the person in each camera that sees them, by frame.
    """
    known = {name: [(frame, views[name]) for frame, views in people.items() if name in views] for name in cameras}

    def scene(name: str) -> Scene:
        return revealed_scene([(capture.image(name, frame), person) for frame, person in known[name]])

    names = [name for name, seen in known.items() if len(seen) > _LEAST]
    # A thread reads a camera, since videos are decoded in order.
    return dict(zip(names, in_order(scene, names, min(thread_count(), _READERS)), strict=True))


def revealed_scene(views: Sequence[tuple[Image, Person]]) -> Scene:
    """What a camera that stands still shows of the scene where the person comes and goes.

    It is the median of the frames without the person there. Pixels are known where the person is in some frames and not
    in others. Where they never are, the median says nothing about them: the coarse matte may miss a hand in all frames.

    Args:
        views: image and person of frames, which should lie far apart.
    """
    images, covered = zip(*[(image, _covered(image, person)) for image, person in views], strict=True)
    covered = np.stack(covered)
    free = len(views) - np.count_nonzero(covered, axis=0)
    middle, steady = np.empty_like(images[0]), np.empty(free.shape, bool)

    def fill(rows: np.ndarray) -> None:
        band = slice(int(rows[0]), int(rows[-1]) + 1)
        values = np.stack([image[band] for image in images]).astype(np.int16)
        values[covered[:, band]] = 256  # sorted behind all that are free
        values.sort(axis=0)
        last = free[band] - 1
        lower, half, upper = (_ranked(values, rank) for rank in (last // 4, last // 2, -(-3 * last // 4)))
        middle[band] = np.minimum(half, 255)
        steady[band] = (upper - lower < _STEADY).all(axis=2)

    for _ in in_order(fill, np.array_split(np.arange(len(free)), min(_BANDS, len(free)))):
        pass
    return Scene(middle, steady & (free >= _FREE) & (free < len(views)))


def _ranked(values: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """The values (h, w, 3) of some rank, counted from 0, of sorted ones (n, h, w, 3)."""
    return np.take_along_axis(values, np.maximum(rank, 0)[None, :, :, None], axis=0)[0]


def _covered(image: Image, person: Person) -> Bool[np.ndarray, "h w"]:
    """Pixels that may show the person."""
    found, window = np.zeros(image.shape[:2], bool), Window.around(image, person)
    if window is not None:
        away = ~((window.coarse >= _ANY) | near_skeleton(window))
        beside = cv2.distanceTransform(away.astype(np.uint8), cv2.DIST_L2, 5)
        found[window.rows, window.columns] = window.enlarged(beside) <= _BESIDE * max(away.shape)
    return found
