"""Training data: clips of consecutive frames from rectified captures and their heatmaps.

What a step sees is a function of the seed and the step's number alone, so that a resumed run continues exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import h5py
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from posegaussian import store
from posegaussian.errors import TrainingError
from posegaussian.rendering.pairs import read_pair, read_target
from posegaussian.types import Camera, StereoPair, _Tensors

Files = Sequence[tuple[Path, Path]]
"""Rectified .h5 and heatmaps .h5 of each capture."""


@dataclass(frozen=True)
class Clip(_Tensors):
    """Consecutive frames of stereo pairs with everything known about them.

    Args:
        pair: the inputs; frames of one clip follow each other.
        disparity: true disparity in pixels.
        valid: where it is known, 1 or 0.
        target: a view from between the cameras, RGB.
        target_mask: coverage of the person in it.
        target_camera: where it was taken from.
    """

    pair: StereoPair
    disparity: Float[Tensor, "b 2 h w"]
    valid: Float[Tensor, "b 2 h w"]
    target: Float[Tensor, "b 3 ht wt"]
    target_mask: Float[Tensor, "b 1 ht wt"]
    target_camera: Camera


@dataclass(frozen=True)
class Place:
    """Where a clip lies: which capture, which pair, its first frame (an index)."""

    capture: int
    pair: int
    frame: int


class Captures:
    """Rectified captures with their heatmaps, opened when first read (each data-loader worker has its own handles).

    Args:
        files: of every capture.
        frames: length of a clip.
        target_size: the longer side of target views, pixels; larger ones are shrunk.

    Raises:
        TrainingError: a capture has no view to compare with between the cameras of a pair.
    """

    def __init__(self, files: Files, frames: int, target_size: int):
        self.files, self.frames, self.target_size = files, frames, target_size
        self._open: dict[int, tuple[h5py.File, h5py.File]] = {}
        self.places: list[Place] = []
        self.fingerprints: list[str] = []
        for index, (path, _) in enumerate(files):
            rectified, heatmaps = self._handles(index)
            pairs, total = rectified["sources/images"].shape[:2]
            lonely = sorted(set(range(pairs)) - set(rectified["targets/pair"][()].tolist()))
            if lonely:
                names = ",".join(store.strings(rectified["sources/pairs"])[lonely[0]])
                raise TrainingError(f"no target camera stands between the cameras of pair {names}", file=path)
            firsts = range(max(total - frames + 1, 1))
            self.places += [Place(index, pair, first) for pair in range(pairs) for first in firsts]
            self.fingerprints += [f"{f.attrs['settings']}{f.attrs['inputs']}" for f in (rectified, heatmaps)]
        self.close()

    def require_truth(self) -> None:
        """Raise a TrainingError that names the first capture without true disparity."""
        for index, (path, _) in enumerate(self.files):
            if "disparity" not in self._handles(index)[0]["sources"]:
                raise TrainingError("stage depth needs true disparity, which this capture lacks", file=path)
        self.close()

    def close(self) -> None:
        """Close the files; they open again when they are read."""
        for rectified, heatmaps in self._open.values():
            rectified.close()
            heatmaps.close()
        self._open.clear()

    def read(self, place: Place, choice: int) -> Clip:
        """A clip, its frames stacked along the batch; `choice` picks one of the pair's target cameras."""
        rectified, heatmaps = self._handles(place.capture)
        targets = np.flatnonzero(rectified["targets/pair"][()] == place.pair)
        target = int(targets[choice % len(targets)])
        last = rectified["frames"].shape[0] - 1
        frames = [min(place.frame + t, last) for t in range(self.frames)]
        return joined([self._moment(rectified, heatmaps, place.pair, frame, target) for frame in frames])

    def _moment(self, rectified: h5py.File, heatmaps: h5py.File, pair: int, frame: int, target: int) -> Clip:
        stereo = read_pair(rectified, heatmaps, pair, frame)
        disparity = torch.zeros_like(stereo.masks[:, :, 0])
        valid = torch.zeros_like(disparity)
        if "disparity" in rectified["sources"]:
            disparity = torch.from_numpy(rectified["sources/disparity"][pair, frame])[None]
            valid = (torch.from_numpy(rectified["sources/valid"][pair, frame])[None] > 0).float()
        return Clip(stereo, disparity, valid, *self._shrunk(*read_target(rectified, target, frame)))

    def _shrunk(self, image: Tensor, mask: Tensor, camera: Camera) -> tuple[Tensor, Tensor, Camera]:
        longer = max(camera.width, camera.height)
        if longer <= self.target_size:
            return image, mask, camera
        width, height = (round(size * self.target_size / longer) for size in (camera.width, camera.height))
        image, mask = (F.interpolate(x, size=(height, width), mode="area") for x in (image, mask))
        return image, mask, camera.resized(width, height)

    def _handles(self, index: int) -> tuple[h5py.File, h5py.File]:
        if index not in self._open:
            rectified, heatmaps = self.files[index]
            self._open[index] = (
                store.open_checked(rectified, store.RECTIFIED),
                store.open_checked(heatmaps, store.HEATMAPS),
            )
        return self._open[index]


class TrainingSteps(Dataset):
    """What every step learns from: item i is the batch of step i.

    Args:
        captures: where clips come from.
        steps: how many items there are.
        clips: per batch.
        seed: of the order, the targets and the dropout.
        heatmap_dropout: share of clips that lose their whole pose, and of joints that are missing in one view.
    """

    def __init__(self, captures: Captures, steps: int, clips: int, seed: int, heatmap_dropout: float):
        self.captures, self.steps, self.clips = captures, steps, clips
        self.seed, self.heatmap_dropout = seed, heatmap_dropout

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> Clip:
        random = np.random.default_rng((self.seed, 1, step))
        clips = []
        for position in range(step * self.clips, (step + 1) * self.clips):
            clip = self.captures.read(self._place(position), int(random.integers(1 << 30)))
            clips.append(replace(clip, pair=without_some_pose(clip.pair, self.heatmap_dropout, random)))
        return joined(clips)

    def _place(self, position: int) -> Place:
        """The clip at a position of the endless sequence of shuffled epochs."""
        places = self.captures.places
        epoch, index = divmod(position, len(places))
        return places[np.random.default_rng((self.seed, 0, epoch)).permutation(len(places))[index]]


def without_some_pose(pair: StereoPair, share: float, random: np.random.Generator) -> StereoPair:
    """Take the whole pose of a clip away with probability `share`, else each joint of each view with half of it."""
    views = pair.images.shape[1]
    if random.random() < share:
        keep = np.zeros((views, 17))
    else:
        keep = random.random((views, 17)) >= share / 2
    keep = torch.from_numpy(keep.astype(np.float32))
    return replace(pair, heatmaps=pair.heatmaps * keep[..., None, None], scores=pair.scores * keep)


def fixed_clips(captures: Captures, count: int) -> list[Clip]:
    """Clips spread evenly over the captures, always the same."""
    spread = np.linspace(0, len(captures.places) - 1, min(count, len(captures.places))).round().astype(int)
    return [captures.read(captures.places[i], 0) for i in spread]


def joined(clips: list):
    """Concatenate Clips, StereoPairs or Cameras along the batch."""
    first = clips[0]
    changes = {}
    for name, value in vars(first).items():
        if isinstance(value, Tensor):
            changes[name] = torch.cat([getattr(clip, name) for clip in clips])
        elif isinstance(value, _Tensors):
            changes[name] = joined([getattr(clip, name) for clip in clips])
    return replace(first, **changes)
