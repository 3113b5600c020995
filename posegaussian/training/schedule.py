"""The learning rate of every step: warm-up, constant, linear cool-down.

Before the cool-down the rate does not depend on the number of steps. So a run that is extended from a state saved
before the cool-down gives the same bytes as a run that was planned this long.
"""

from posegaussian.config import TrainSettings


def cooldown_start(steps: int, settings: TrainSettings) -> int:
    """The number of steps before the learning rate begins to fall."""
    return steps - round(settings.cooldown * steps)


def learning_rate(step: int, steps: int, settings: TrainSettings, time_used: float = 0.0) -> float:
    """The learning rate of a step: linearly up, constant, linearly down to 0.

    Args:
        step: numbered from 0.
        steps: of the whole run.
        settings: peak, warm-up and cool-down.
        time_used: share of the time budget that has passed; the rate falls with time where the budget ends first.
    """
    up = (step + 1) / max(settings.warm_up, 1)
    down = (steps - step) / max(steps - cooldown_start(steps, settings), 1)
    in_time = (1 - time_used) / settings.cooldown if settings.cooldown else 1.0
    return settings.learning_rate * max(0.0, min(1.0, up, down, in_time))
