"""The batches of a run: from captures, from streamed people, or from both."""

from posegaussian.config import TrainSettings
from posegaussian.data.captured import CapturedBatches, Captures, Files
from posegaussian.data.prefetching import Prefetcher
from posegaussian.errors import TrainingError
from posegaussian.training.distributed import Runtime


def training_captures(phase: str, files: Files, settings: TrainSettings, filmed: bool = False) -> Captures | None:
    """The captures to train on; None where all steps use streamed people.

    Raises:
        TrainingError: there are no captures, or they lack the true disparity that phase depth needs.
    """
    if settings.stream == 1:
        return None
    if not files:
        hint = "give --rectified, or set train.stream: 1"
        raise TrainingError("there are no captures to train on", code="no-training-data", hint=hint)
    captures = Captures(files, settings.frames, settings.target_size, filmed)
    if phase == "depth":
        captures.require_truth()
    return captures


def make_prefetcher(
    phase: str, captures: Captures | None, settings: TrainSettings, runtime: Runtime, filmed: bool = False
) -> Prefetcher:
    """The prefetcher of this process, with batches from captures and streamed people in their shares.

    Args:
        phase: `depth` or `full`.
        captures: to train on.
        settings: of training.
        runtime: of this process.
        filmed: whether streamed images are as filmed around the mattes; `captures` decide for themselves.
    """
    rank, world = runtime.rank, runtime.world
    captured = streamed = None
    if captures is not None:
        clips = settings.batch_size // settings.frames
        captured = CapturedBatches(captures, clips, settings.seed, settings.heatmap_dropout)
    if settings.stream > 0:
        from posegaussian.data.streamed import StreamedBatches  # Takes more than a second to import.

        streamed = StreamedBatches(phase, settings, runtime.device, rank, filmed)
    return Prefetcher(captured, streamed, settings.stream, settings.seed, runtime.device, rank, world)
