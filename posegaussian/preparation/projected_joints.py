"""Joints of a rectified capture from the stage `people`: found in the cameras' own images, projected into the pairs."""

from pathlib import Path

import torch

from posegaussian.geometry.lens import SourceCamera
from posegaussian.io import store
from posegaussian.pose.detectors.base import Detector
from posegaussian.pose.detectors.blazepose.joints import joints_of
from posegaussian.preparation.people_file import PeopleFile
from posegaussian.types import Camera


class ProjectedJoints:
    """The joints of a rectified capture.

    Raises:
        StoreError: `people` is missing or damaged.

    Attributes:
        weights: digest of the weights that the joints were found with.
    """

    def __init__(self, people: Path, rectified: store.Reader):
        self._people = PeopleFile(people)
        self.weights = self._people.weights
        self._names = store.strings(rectified["sources/pairs"])
        height, width = rectified["sources/masks"].shape[-2:]
        given = {
            name: rectified[f"sources/original/{name}"][()] for name in ("intrinsics", "distortion", "world_to_camera")
        }
        sizes = rectified["sources/original/size"][()].tolist()
        self._sources = {
            (pair, view): SourceCamera(*(each[pair, view] for each in given.values()), *sizes[pair][view])
            for pair in range(len(sizes))
            for view in range(2)
        }
        intrinsics, pose = (
            torch.from_numpy(rectified[f"sources/{name}"][()]) for name in ("intrinsics", "world_to_camera")
        )
        self._views = Camera(intrinsics, pose, width, height)

    def detectors(self, pair: int, frame: int) -> list[Detector]:
        """What detects the joints in both views of a pair.

        Raises:
            StoreError: the people of this frame were not looked for.
        """
        people = self._people.views(frame)
        return [
            joints_of(people.get(name), self._sources[pair, view], self._views[pair, view])
            for view, name in enumerate(self._names[pair])
        ]
