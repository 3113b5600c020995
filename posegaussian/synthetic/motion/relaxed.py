"""Smooth curves of time, and the relaxed arms, trunk and head that all movements start from."""

from collections.abc import Callable

import numpy as np

from posegaussian.synthetic.motion.poses import Angles


def waves(rng: np.random.Generator, rate: float, size: float) -> Callable[[float], float]:
    """A random smooth periodic curve: three harmonics of a rate (radians per second), at most `size` high."""
    share = rng.dirichlet([3, 2, 1])
    phase = rng.uniform(0, 2 * np.pi, 3)
    return lambda time: size * float(share @ np.sin(rate * np.arange(1, 4) * time + phase))


def relaxed(rng: np.random.Generator) -> Callable[[float], Angles]:
    """Hanging arms, half-open hands, breathing and a moving head: the base of all movements."""
    middle = {"elbow": 0.35, "raise": 0.16, "swing": 0.05, "twist": 0.0, "curl": 0.35, "wrist": 0.0}
    spread = {"elbow": 0.2, "raise": 0.08, "swing": 0.12, "twist": 0.25, "curl": 0.25, "wrist": 0.15}
    moving = {"elbow": 0.05, "raise": 0.02, "swing": 0.04, "twist": 0.06, "curl": 0.12, "wrist": 0.08}
    trunk = {"lean": (0.03, 0.015), "bend": (0, 0.02), "turn": (0, 0.04), "nod": (0.02, 0.12), "look": (0, 0.3)}
    curves: dict[str, tuple[float, Callable[[float], float]]] = {}
    for side in ("left", "right"):
        for name in middle:
            base = middle[name] + spread[name] * rng.uniform(-1, 1)
            curves[f"{side}_{name}"] = (base, waves(rng, rng.uniform(0.7, 1.6), moving[name]))
    for name, (base, size) in trunk.items():
        curves[name] = (base, waves(rng, rng.uniform(0.6, 1.4), size))
    breath, phase = rng.uniform(1.3, 2.0), rng.uniform(0, 6.3)

    def angles(time):
        values = {name: base + curve(time) for name, (base, curve) in curves.items()}
        values["lean"] -= 0.012 * float(np.sin(breath * time + phase))
        return values

    return angles
