"""The learning rate over the steps: warm-up, constant, cool-down."""

from posegaussian.config import TrainSettings

_WARM_UP = 0.05


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """The rate of a step: up in the first 5 %, down to nothing in the last `cooldown` share, linearly."""
    up = (step + 1) / max(_WARM_UP * steps, 1)
    down = (steps - step) / max(settings.cooldown * steps, 1)
    return settings.learning_rate * min(1.0, up, down)
