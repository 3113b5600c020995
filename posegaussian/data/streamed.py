"""Batches of streamed synthetic people, with heatmaps that have the errors of the detector."""

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from posegaussian.config import MatteErrorSettings, StreamSettings, StreamVariantSettings, TrainSettings
from posegaussian.data.augmentation import crop_to_person, drop_pose
from posegaussian.data.batch import Batch
from posegaussian.data.found_mattes import MatteFinder
from posegaussian.data.matte_errors import draw_matte_errors, erroneous_mattes
from posegaussian.data.prefetching import BatchSource
from posegaussian.geometry.as_filmed import near_matte
from posegaussian.geometry.unmixing import person_on_black
from posegaussian.pose.detector_noise import ErrorModel, read_error_model, simulate_detector
from posegaussian.synthetic.dataset.sample import Sample
from posegaussian.synthetic.dataset.stream import SyntheticStream
from posegaussian.types import StereoPair

_UNUSED_SIZE = (16, 16)
"""Size of the target views in phase depth, which has no use for them: small, since they are rendered anyway."""
AHEAD = 3
"""Steps whose random parameters are drawn in advance; chosen by hand: one more than the processes that draw."""


def stream_seed(phase: str, seed: int, rank: int = 0) -> int:
    """The seed of the stream: every phase and process has people of its own."""
    return int(np.random.SeedSequence([seed, rank, phase == "full"]).generate_state(1)[0])


class StreamedBatches(BatchSource):
    """Batches of streamed people, made on the device: item i is batch i.

    Args:
        phase: `depth` or `full`.
        settings: of the stream, its variants, the errors of its heatmaps, and the size of a batch.
        device: of the batches.
        rank: of this process; a step uses the same variant on all ranks, with different people.
        filmed: see `batch_from_sample`.
    """

    def __init__(self, phase: str, settings: TrainSettings, device: torch.device, rank: int = 0, filmed: bool = False):
        self.settings, self.filmed = settings, filmed
        self.seed = stream_seed(phase, settings.seed, rank)
        rest = 1 - sum(variant.share for variant in settings.stream_variants)
        self.variants = [*settings.stream_variants, StreamVariantSettings(share=max(rest, 0.0))]
        self.streams = [_varied(settings.synthetic, variant, phase) for variant in self.variants]
        self.errors = read_error_model(settings.heatmap_errors)
        self.stream = SyntheticStream(settings.synthetic, self.seed, device)
        finds = any(stream.matte.found for stream in self.streams)
        self.finder = MatteFinder(device) if finds else None

    def __getitem__(self, index: int) -> Batch:
        return self.with_errors(self.sample(index), index, np.random.default_rng((self.seed, 2, index)))

    def sample(self, index: int) -> Sample:
        """What batch `index` shows, without errors."""
        for coming in range(index + 1, index + 1 + AHEAD):
            self.stream.expect(*self._of_stream(coming))
        return self.stream.batch(*self._of_stream(index))

    def with_errors(self, sample: Sample, index: int, random: np.random.Generator) -> Batch:
        """Batch `index` from its sample, with random errors of mattes and joints, cropped."""
        chosen, (_, _, frames, stream) = self.settings, self._of_stream(index)
        noise, matte = chosen.heatmap_noise, stream.matte
        batch = batch_from_sample(sample, frames, self.errors, random, noise, matte, self.filmed, self.finder)
        pair = drop_pose(batch.pair, frames, chosen.heatmap_dropout, random)
        return crop_to_person(replace(batch, pair=pair), random)

    def _of_stream(self, index: int) -> tuple[int, int, int, StreamSettings]:
        """Arguments of `SyntheticStream.batch` for a batch."""
        number = self.variant(index)
        variant = self.variants[number]
        frames = variant.frames or self.settings.frames
        return index, (variant.batch_size or self.settings.batch_size) // frames, frames, self.streams[number]

    def variant(self, index: int) -> int:
        """The index of the stream variant of a batch; the last one is the stream without changes."""
        draw = np.random.default_rng((self.settings.seed, 4, index)).random()
        ends = np.cumsum([variant.share for variant in self.variants])
        return min(int(np.searchsorted(ends, draw, "right")), len(self.variants) - 1)

    def close(self) -> None:
        """End the processes that prepare people."""
        self.stream.close()


def _varied(settings: StreamSettings, variant: StreamVariantSettings, phase: str) -> StreamSettings:
    """The settings of the stream with the changes of a variant."""
    names = ("size", "target_size", "still", "rig", "sensor", "room", "matte")
    changes = {name: getattr(variant, name) for name in names if getattr(variant, name) is not None}
    changes |= {"target_size": _UNUSED_SIZE} if phase == "depth" else {}
    return replace(settings, **changes)


def batch_from_sample(
    sample: Sample,
    frames: int,
    errors: ErrorModel,
    random: np.random.Generator,
    noise: float = 1.0,
    matte: MatteErrorSettings = MatteErrorSettings(),  # noqa: B008 (frozen)
    filmed: bool = False,
    finder: MatteFinder | None = None,
) -> Batch:
    """A sample of the stream as a batch.

    Args:
        sample: clips of consecutive frames.
        frames: per clip.
        errors: the error model of the detector.
        random: draws the errors.
        noise: multiplies those of the detector.
        matte: errors of the mattes.
        filmed: whether images in rooms are as filmed inside of the mattes and in a band around them, and black beyond;
            otherwise they show the person on black.
        finder: finds mattes in the images; needed where `matte.found` is not 0.
    """
    visible = sample.joint_visible > 0
    own = random.spawn(1)[0]  # Leaves the numbers of `random` as they are.
    pair = _seen(sample, _mattes(sample, frames, matte, own, finder), filmed)
    return Batch(
        pair=simulate_detector(pair, sample.joints2d, visible, frames, errors, random, noise),
        disparity=sample.disparity,
        valid=sample.valid,
        target=sample.target,
        target_mask=sample.target_mask,
        target_camera=sample.target_camera,
        width=sample.pair.images.shape[-1],
        frames=frames,
        coverage=sample.pair.masks[:, :, 0],
    )


def _mattes(
    sample: Sample,
    frames: int,
    settings: MatteErrorSettings,
    random: np.random.Generator,
    finder: MatteFinder | None,
) -> Float[Tensor, "n h w"]:
    """The mattes of all images with their errors; arguments as for `batch_from_sample`."""
    masks, images = sample.pair.masks.flatten(0, 2), _images(sample)
    if settings == MatteErrorSettings():
        return masks
    clips, longer = len(masks) // (2 * frames), max(masks.shape[-2:])
    errors = draw_matte_errors(random, settings, clips, frames, longer, masks.device)
    mattes = erroneous_mattes(masks, images, sample.parts.flatten(0, 1), errors)
    if not settings.found or sample.surroundings is None:
        return mattes
    assert finder is not None, "mattes that are found need a finder"
    chosen = np.repeat(random.random(clips) < settings.found, 2 * frames)
    indices = torch.from_numpy(chosen.nonzero()[0]).to(masks.device)
    found = finder(images[indices], sample.joints2d.flatten(0, 1)[indices], masks[indices])
    return mattes.index_copy(0, indices, found)


def _images(sample: Sample) -> Float[Tensor, "n 3 h w"]:
    """All images as filmed."""
    return (sample.surroundings or sample.pair).images.flatten(0, 1)


def _seen(sample: Sample, mattes: Float[Tensor, "n h w"], filmed: bool) -> StereoPair:
    """The pair as it is seen with some mattes."""
    images, cover = _images(sample), mattes[:, None]
    if sample.surroundings is not None:
        images = near_matte(images, mattes) if filmed else person_on_black(images, cover)
    return replace(sample.pair, images=images.unflatten(0, (-1, 2)), masks=cover.unflatten(0, (-1, 2)))
