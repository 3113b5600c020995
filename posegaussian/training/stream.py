"""Clips of streamed synthetic people, with the heatmaps that the detector would have found."""

from dataclasses import replace

import numpy as np
import torch

from posegaussian.captures.synthetic.sample import Sample
from posegaussian.captures.synthetic.stream import SyntheticStream
from posegaussian.config import TrainSettings
from posegaussian.pose.errors import ErrorModel, imitate, read_error_model
from posegaussian.training.augment import crop_to_person, without_some_pose
from posegaussian.training.batches import Steps
from posegaussian.training.clip import Clip


class StreamSteps(Steps):
    """What every step learns from the stream: item i is batch i, made on the device.

    Args:
        settings: the stream's, the errors of its heatmaps, the size of a batch.
        seed: of people, rigs and errors.
        device: where batches are made.
    """

    def __init__(self, settings: TrainSettings, seed: int, device: torch.device):
        self.settings, self.seed = settings, seed
        self.clips = settings.batch_size // settings.frames
        self.errors = read_error_model(settings.heatmap_errors)
        self.stream = SyntheticStream(settings.synthetic, seed, device)

    def __getitem__(self, index: int) -> Clip:
        chosen = self.settings
        random = np.random.default_rng((self.seed, 2, index))
        sample = self.stream.batch(index, self.clips, chosen.frames)
        clip = clip_of(sample, chosen.frames, self.errors, random, chosen.heatmap_noise)
        pair = without_some_pose(clip.pair, chosen.frames, chosen.heatmap_dropout, random)
        return crop_to_person(replace(clip, pair=pair), random)

    def close(self) -> None:
        """End the processes that make people."""
        self.stream.close()


def clip_of(sample: Sample, frames: int, errors: ErrorModel, random: np.random.Generator, noise: float = 1.0) -> Clip:
    """A sample of the stream as a batch to learn from.

    Args:
        sample: clips of consecutive frames.
        frames: of a clip.
        errors: how the detector errs.
        random: draws its errors.
        noise: multiplies them.
    """
    visible = sample.joint_visible > 0
    return Clip(
        pair=imitate(sample.pair, sample.joints2d, visible, frames, errors, random, noise),
        disparity=sample.disparity,
        valid=sample.valid,
        target=sample.target,
        target_mask=sample.target_mask,
        target_camera=sample.target_camera,
        width=sample.pair.images.shape[-1],
        frames=frames,
    )
