"""People in the images of one frame: in crops of them, in whole images, and behind those who were found there."""

from collections.abc import Iterable, Mapping, Sequence

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt8
from torch import Tensor

from posegaussian.pose.detectors.blazepose.crops import Crops
from posegaussian.pose.detectors.blazepose.finder import REFINEMENTS, BlazePose
from posegaussian.pose.person import PRESENT, Person
from posegaussian.preparation.association import torso_pixels
from posegaussian.streams import to_device

Crop = Float32[np.ndarray, "4"]
"""As `Person.crop`."""
_SAME = 0.05
"""Hips and shoulders of one person who was found twice in an image are nearer to each other than this share of the
crop's side. Chosen by hand."""
_COVERED = 64
"""What a coarse matte covers by this or more, of 255, is hidden together with the person. Chosen by hand."""
_BORDER = 0.02
"""The border around the person that is hidden, too, as a share of the crop's side: coarse mattes are rough. Chosen by
hand."""
_GREY = 128
"""Of hidden pixels."""


class ImageSearch:
    """Looks for people in the images of one frame.

    Args:
        images: RGB, by camera.
        model: both networks; images are copied to its device.
        there: the images on that device, where they have been copied.

    Attributes:
        images: on the device, channels first.
        detected: the people in the images that the detector has looked at, the surest first; those who were hidden
            behind others come last.
    """

    def __init__(
        self,
        images: Mapping[str, UInt8[np.ndarray, "_ _ 3"]],
        model: BlazePose,
        there: Mapping[str, UInt8[Tensor, "_ _ 3"]] | None = None,
    ):
        self._model = model
        there = there or {name: to_device(image, model.device) for name, image in images.items()}
        self.images = {name: image.movedim(-1, 0) for name, image in there.items()}
        self.detected: dict[str, list[Person]] = {}

    def measure(self, crops: Sequence[tuple[str, Crop]], refinements: int) -> dict[str, list[Person]]:
        """The people in crops of cameras, where there are any, by camera."""
        return self._measure(self.images, crops, refinements)

    def detect(self, names: Iterable[str], further: Mapping[str, Crop] | None = None) -> dict[str, list[Person]]:
        """The people in the whole images of cameras, by camera; in further crops, too."""
        self.detected |= {name: _distinct(people) for name, people in self._detect(names, further, {}).items()}
        return {name: self.detected[name] for name in names if name in self.detected}

    def detect_hidden(self, further: Mapping[str, Crop]) -> dict[str, list[Person]]:
        """The people in the images of `detected` with those who stay undetected until the others are painted over.

        A crop shows the network one person only, and often the one who faces the camera, or stands free.
        """
        covered = {name: _covered(people, self.images[name].shape[1:]) for name, people in self.detected.items()}
        further = {name: crop for name, crop in further.items() if name in covered}
        for name, people in self._detect(covered, further, covered).items():
            seen = [person for person in people if not _within(person, covered[name])]  # else a silhouette
            self.detected[name] = _distinct(self.detected[name], seen)
        return dict(self.detected)

    def _detect(
        self,
        names: Iterable[str],
        further: Mapping[str, Crop] | None,
        covered: Mapping[str, Bool[np.ndarray, "_ _"]],
    ) -> dict[str, list[Person]]:
        names = list(names)
        images = {name: self.images[name] for name in {*names, *(further or {})}}
        for name, pixels in covered.items():
            images[name] = images[name].masked_fill(torch.from_numpy(pixels).to(images[name].device), _GREY)
        located = self._model.locate([images[name] for name in names])
        rows = [found.crops.rows().cpu().numpy() for found in located]
        crops = [(name, crop) for name, each in zip(names, rows, strict=True) for crop in each]
        return self._measure(images, crops + list((further or {}).items()), REFINEMENTS)

    def _measure(
        self, images: Mapping[str, UInt8[Tensor, "3 _ _"]], crops: Sequence[tuple[str, Crop]], refinements: int
    ) -> dict[str, list[Person]]:
        crops = [(name, crop) for name, crop in crops if np.isfinite(crop).all()]
        if not crops:
            return {}
        squares = Crops.of_rows(torch.from_numpy(np.stack([crop for _, crop in crops])))
        people = self._model.measure([images[name] for name, _ in crops], squares, refinements).records()
        found: dict[str, list[Person]] = {}
        for (name, _), person in zip(crops, people, strict=True):
            if person.score > PRESENT:
                found.setdefault(name, []).append(person)
        return found


def _distinct(people: Sequence[Person], further: Sequence[Person] = ()) -> list[Person]:
    """People without those whose crops have moved onto the same person, the surest first; further ones after them."""
    kept: list[Person] = []
    by_score = [sorted(each, key=lambda person: -person.score) for each in (people, further)]
    for person in [*by_score[0], *by_score[1]]:
        apart = [np.abs(torso_pixels(person) - torso_pixels(other)).max() / other.crop[2] for other in kept]
        if min(apart, default=np.inf) > _SAME:
            kept.append(person)
    return kept


def _covered(people: Sequence[Person], shape: Sequence[int]) -> Bool[np.ndarray, "h w"]:
    """Pixels of an image that people cover, with a border."""
    covered = np.zeros(shape, bool)
    for person in people:
        reach = int(_BORDER * person.crop[2])
        matte = (person.image_matte(*shape) >= _COVERED).astype(np.uint8)
        covered |= cv2.dilate(matte, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0
    return covered


def _within(person: Person, covered: Bool[np.ndarray, "h w"]) -> bool:
    """Whether the middles of hips and shoulders lie in pixels that are covered."""
    columns, rows = torso_pixels(person).astype(int).T
    height, width = covered.shape
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    return bool(inside.all() and covered[rows, columns].all())
