"""Batches from rectified captures and their heatmaps.

A batch depends on the seed and its number alone, so that a resumed run continues exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from posegaussian.config.base import LEAST_COMPARED
from posegaussian.data.augmentation import crop_to_person, drop_pose
from posegaussian.data.batch import Batch
from posegaussian.data.prefetching import BatchSource
from posegaussian.data.rectified import read_pair, read_target
from posegaussian.errors import TrainingError
from posegaussian.io import store
from posegaussian.types import Camera, concatenate

Files = Sequence[tuple[Path, Path]]
"""Rectified .h5 and heatmaps .h5 of each capture."""


@dataclass(frozen=True)
class ClipIndex:
    """The position of a clip: indices of its capture, of its pair in the capture, and of its first frame."""

    capture: int
    pair: int
    frame: int


class Captures:
    """Rectified captures with their heatmaps, opened when they are first read.

    Args:
        files: of every capture.
        frames: per clip.
        target_size: the longer side of target views, pixels; larger ones are shrunk.
        filmed: see `rectified.stereo_pair`.

    Raises:
        TrainingError: a capture has no target camera between the cameras of a pair, or its target views are too small.
    """

    def __init__(self, files: Files, frames: int, target_size: int, filmed: bool = False):
        self.files, self.frames, self.target_size, self.filmed = files, frames, target_size, filmed
        self._open: dict[int, tuple[store.Reader, store.Reader]] = {}
        self.clips: list[ClipIndex] = []
        self.fingerprints: list[str] = []
        for index, (path, _) in enumerate(files):
            rectified, heatmaps = self._handles(index)
            pairs, total = rectified["sources/images"].shape[:2]
            missing = sorted(set(range(pairs)) - set(rectified["targets/pair"][()].tolist()))
            if missing:
                names = ",".join(store.strings(rectified["sources/pairs"])[missing[0]])
                raise TrainingError(
                    f"no target camera stands between the cameras of pair {names}", code="no-target-between", file=path
                )
            width, height = self._size(*rectified["targets/images"].shape[3:1:-1])
            if min(width, height) < LEAST_COMPARED:
                what = f"target views of {width} x {height} pixels are too small to compare"
                hint = f"both sides need {LEAST_COMPARED}: raise `rectify.target_size` or `train.target_size`"
                raise TrainingError(what, code="small-targets", file=path, hint=hint)
            firsts = range(max(total - frames + 1, 1))
            self.clips += [ClipIndex(index, pair, first) for pair in range(pairs) for first in firsts]
            self.fingerprints += [f"{f.attrs['settings']}{f.attrs['inputs']}" for f in (rectified, heatmaps)]
        self.close()

    def require_truth(self) -> None:
        """Raise a TrainingError for the first capture without true disparity."""
        for index, (path, _) in enumerate(self.files):
            if "disparity" not in self._handles(index)[0]["sources"]:
                raise TrainingError(
                    "phase depth needs true disparity, which this capture lacks", code="no-true-disparity", file=path
                )
        self.close()

    def close(self) -> None:
        """Close the files; they are opened again when they are read."""
        for rectified, heatmaps in self._open.values():
            rectified.close()
            heatmaps.close()
        self._open.clear()

    def read(self, index: ClipIndex, choice: int) -> Batch:
        """A clip as a batch of its frames; a capture that is shorter than a clip repeats its last frame.

        Args:
            index: of the clip.
            choice: any number; its remainder chooses among the target cameras of the pair.
        """
        rectified, heatmaps = self._handles(index.capture)
        targets = np.flatnonzero(rectified["targets/pair"][()] == index.pair)
        target = int(targets[choice % len(targets)])
        last = rectified["frames"].shape[0] - 1
        frames = [min(index.frame + t, last) for t in range(self.frames)]
        batches = [self._frame(rectified, heatmaps, index.pair, frame, target) for frame in frames]
        return replace(concatenate(batches), frames=self.frames)

    def _frame(self, rectified: store.Reader, heatmaps: store.Reader, pair: int, frame: int, target: int) -> Batch:
        stereo = read_pair(rectified, heatmaps, pair, frame, self.filmed)
        disparity = torch.zeros_like(stereo.masks[:, :, 0])
        valid = torch.zeros_like(disparity)
        if "disparity" in rectified["sources"]:
            disparity = torch.from_numpy(rectified["sources/disparity"][pair, frame])[None]
            valid = (torch.from_numpy(rectified["sources/valid"][pair, frame])[None] > 0).float()
        return Batch(
            stereo, disparity, valid, *self._shrunk(*read_target(rectified, target, frame)), stereo.images.shape[-1]
        )

    def _shrunk(self, image: Tensor, mask: Tensor, camera: Camera) -> tuple[Tensor, Tensor, Camera]:
        width, height = self._size(camera.width, camera.height)
        if (width, height) == (camera.width, camera.height):
            return image, mask, camera
        image, mask = (F.interpolate(x, size=(height, width), mode="area") for x in (image, mask))
        return image, mask, camera.resized(width, height)

    def _size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of target views whose images have these."""
        longer = max(width, height)
        most = min(longer, self.target_size)
        return round(width * most / longer), round(height * most / longer)

    def _handles(self, index: int) -> tuple[store.Reader, store.Reader]:
        if index not in self._open:
            rectified, heatmaps = self.files[index]
            self._open[index] = (
                store.open_checked(rectified, store.RECTIFIED),
                store.open_checked(heatmaps, store.HEATMAPS),
            )
        return self._open[index]


class CapturedBatches(BatchSource):
    """Batches of clips from captures, in shuffled epochs: item i is batch i.

    Args:
        captures: with the clips.
        clips: per batch.
        seed: of the order, of the target cameras and of the augmentation.
        heatmap_dropout: see `drop_pose`.
    """

    def __init__(self, captures: Captures, clips: int, seed: int, heatmap_dropout: float):
        self.captures, self.clips, self.seed, self.heatmap_dropout = captures, clips, seed, heatmap_dropout

    def __getitem__(self, index: int) -> Batch:
        # The second number separates the generators of one seed: 0 the order, 1 a batch, 2 and 4 the stream, 3 the mix.
        random = np.random.default_rng((self.seed, 1, index))
        positions = range(index * self.clips, (index + 1) * self.clips)
        batch = concatenate([self.captures.read(self.clip_at(p), int(random.integers(1 << 30))) for p in positions])
        pair = drop_pose(batch.pair, batch.frames, self.heatmap_dropout, random)
        return crop_to_person(replace(batch, pair=pair), random)

    def close(self) -> None:
        """Close the files."""
        self.captures.close()

    def clip_at(self, position: int) -> ClipIndex:
        """The clip at a position of the endless sequence of shuffled epochs."""
        clips = self.captures.clips
        epoch, index = divmod(position, len(clips))
        return clips[np.random.default_rng((self.seed, 0, epoch)).permutation(len(clips))[index]]


def validation_batches(captures: Captures, count: int) -> list[Batch]:
    """Batches of one clip each, spread evenly over the captures, without augmentation: always the same."""
    spread = np.linspace(0, len(captures.clips) - 1, min(count, len(captures.clips))).round().astype(int)
    return [captures.read(captures.clips[i], 0) for i in spread]
