"""The learning rate over the steps: warm-up, constant, cool-down.

Until the cool-down begins nothing depends on how many steps there will be: a run that is prolonged before, or from the
state kept at that moment, is the same as one that was long from the start.
"""

from posegaussian.config import TrainSettings


def cooldown_start(steps: int, settings: TrainSettings) -> int:
    """Steps before the learning rate begins to fall."""
    return steps - round(settings.cooldown * steps)


def learning_rate(step: int, steps: int, settings: TrainSettings, time_used: float = 0.0) -> float:
    """The rate of a step (numbered from 0): linearly up, constant, linearly down to nothing.

    Args:
        step: which.
        steps: of the whole run.
        settings: peak, warm-up and cool-down.
        time_used: share of the time budget that has passed; the rate falls by time where that runs out first.
    """
    up = (step + 1) / max(settings.warm_up, 1)
    down = (steps - step) / max(steps - cooldown_start(steps, settings), 1)
    in_time = (1 - time_used) / settings.cooldown if settings.cooldown else 1.0
    return settings.learning_rate * max(0.0, min(1.0, up, down, in_time))
