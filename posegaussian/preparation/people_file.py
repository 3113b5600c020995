"""The file of the stage `people`: the person in every image of a capture."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from jaxtyping import Float, Int

from posegaussian.errors import StoreError
from posegaussian.io import store
from posegaussian.io.store import Field, Schema
from posegaussian.pose.person import Person

PEOPLE = Schema(
    "people",
    1,
    {
        "frames": Field("i8", "frame"),
        "cameras": Field("str", "camera"),
        "sizes": Field("i8", "camera 2"),
        "positions": Field("f8", "frame 3"),
        "scores": Field("f4", "frame camera"),
        "points": Field("f4", "frame camera 33 3"),
        "visibility": Field("f4", "frame camera 33"),
        "presence": Field("f4", "frame camera 33"),
        "crops": Field("f4", "frame camera 4"),
        "next_crops": Field("f4", "frame camera 4"),
        "boxes": Field("f4", "frame camera 4"),
        "mattes": Field("u1", "frame camera matte_height matte_width", packed=0.06),
    },
)
"""One person, as `pose.person.Person` describes them; a score of 0, and zeros, where a camera does not see them.
`positions` are of the middle of the hips, in the world, metres; NaN in frames without the person. `sizes` are (width,
height) of the images."""

_FIELDS = {
    "scores": "score",
    "points": "points",
    "visibility": "visibility",
    "presence": "presence",
    "crops": "crop",
    "next_crops": "next_crop",
    "boxes": "box",
    "mattes": "matte",
}
"""The field of the person that each data set holds."""


def write_views(writer: store.Writer, index: int, cameras: Mapping[str, object], views: Mapping[str, Person]) -> None:
    """Write the person of one frame."""
    if not views:
        return
    arrays = {name: _row(person) for name, person in views.items()}
    blank = {name: np.zeros_like(value) for name, value in next(iter(arrays.values())).items()}
    rows = [arrays.get(name, blank) for name in cameras]
    for field in blank:
        writer[field, index] = np.stack([row[field] for row in rows])


def _row(person: Person) -> dict[str, np.ndarray]:
    return {field: np.asarray(getattr(person, name)) for field, name in _FIELDS.items()}


class PeopleFile:
    """A file of the stage `people`, opened for reading; a context manager.

    Args:
        path: the .h5.

    Raises:
        StoreError: it is missing, incomplete, damaged or of another schema.

    Attributes:
        path: the .h5.
        frames: frame numbers.
        cameras: their names.
        sizes: width and height of each camera's images, pixels.
        found: numbers of the frames in which two cameras or more see the person.
        weights: digest of the network's weights.
        skips: whether the stage was run with `missing: skip`.
    """

    def __init__(self, path: Path):
        self.path, self._file = path, store.open_checked(path, PEOPLE)
        self.frames: Int[np.ndarray, " frames"] = self._file["frames"][()]
        self.cameras = tuple(store.strings(self._file["cameras"]))
        sizes = self._file["sizes"][()].tolist()
        self.sizes = {name: (width, height) for name, (width, height) in zip(self.cameras, sizes, strict=True)}
        self._index = {int(frame): index for index, frame in enumerate(self.frames)}
        self.weights = str(json.loads(str(self._file.attrs["inputs"])).get("weights"))
        self.skips = store.settings_of(self._file).get("missing") == "skip"
        self._seen = self._file["scores"][()] > 0
        self.found = tuple(int(frame) for frame in self.frames[self._seen.sum(1) >= 2])

    def __enter__(self) -> "PeopleFile":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._file.close()

    def position(self, frame: int) -> Float[np.ndarray, " 3"]:
        """Middle of the person's hips in the world, metres; NaN where there is nobody."""
        return self._file["positions"][self._place(frame)]

    def seen_by(self, frame: int) -> tuple[str, ...]:
        """The cameras that see the person in a frame.

        Raises:
            StoreError: the file does not hold the frame.
        """
        seen = self._seen[self._place(frame)]
        return tuple(camera for camera, sees in zip(self.cameras, seen, strict=True) if sees)

    def views(self, frame: int) -> dict[str, Person]:
        """The person in one frame, by camera; cameras that do not see them are missing.

        Raises:
            StoreError: the file does not hold the frame.
        """
        index = self._place(frame)
        rows = {field: self._file[field][index] for field in _FIELDS}
        rows["scores"] = rows["scores"].tolist()
        return {
            camera: Person(**{name: rows[field][n] for field, name in _FIELDS.items()})
            for n, camera in enumerate(self.cameras)
            if rows["scores"][n] > 0
        }

    def trajectories(self) -> dict[str, Float[np.ndarray, "frames 33 3"]]:
        """x, y and visibility of the landmarks in all frames, by camera; visibility 0 where a camera sees nobody."""
        points, visibility = self._file["points"][()], self._file["visibility"][()] * self._seen[..., None]
        both = np.concatenate([points[..., :2], visibility[..., None]], axis=3).astype(float)
        return {camera: both[:, number] for number, camera in enumerate(self.cameras)}

    def _place(self, frame: int) -> int:
        if frame not in self._index:
            hint = "run the stage people again, with the same frames"
            what = "the file does not hold this frame"
            raise StoreError(what, code="other-frames", file=self.path, frame=frame, hint=hint)
        return self._index[frame]
