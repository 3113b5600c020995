"""Time offsets between cameras from their sound: generalised cross-correlation (PHAT; Knapp and Carter, 1976)."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Float32

from posegaussian.preparation.synchronisation import Offset

_REACH = 10.0
"""Largest offset that is looked for, seconds. Chosen by hand."""
_BAND = 200.0, 4000.0
"""Frequencies that are compared, Hz: claps, steps and speech; below is hum, above noise. Chosen by hand."""
_CLEAR = 2.0
"""The peak is this many times as high as any other. Chosen by hand."""
_ASIDE = 0.02
"""Peaks nearer than this to the highest one are parts of it, seconds: echoes of walls 3 m away."""
_LEAST = 2.0
"""Shortest sound that is compared, seconds. Chosen by hand."""
_DEVIATION = 0.002
"""Standard deviation of an offset, seconds: sound takes 3 ms a metre, and microphones hear it at their own places."""
_DRIFT = 0.02
"""Offsets at the beginning and the end that differ by more, seconds, drift. Chosen by hand."""


def sound_offsets(
    sounds: Mapping[str, Float32[np.ndarray, " _"] | None], rate: int, fps: float
) -> dict[str, Offset | None]:
    """How late each camera is against the first one; None where the sound does not determine it.

    Args:
        sounds: mono samples by camera; None where a camera has no sound.
        rate: samples per second.
        fps: frames per second of the cameras.
    """
    names = list(sounds)
    found: dict[str, Offset | None] = dict.fromkeys(names)
    first = sounds[names[0]]
    if first is None:
        return found
    found[names[0]] = Offset(0.0, 0.0)
    for name in names[1:]:
        sound = sounds[name]
        late = None if sound is None else delay(first, sound, rate)
        if sound is not None and late is not None:
            drift = _drift(first, sound, rate, late)
            found[name] = Offset(late * fps, _DEVIATION * fps, None if drift is None else drift * fps)
    return found


def delay(first: Float32[np.ndarray, " _"], second: Float32[np.ndarray, " _"], rate: int) -> float | None:
    """How late what the first sound holds is in the second one, seconds; None where there is no clear answer."""
    if min(len(first), len(second)) < _LEAST * rate:
        return None
    size = 1 << int(np.ceil(np.log2(len(first) + len(second))))
    spectra = [np.fft.rfft(sound, size) for sound in (first, second)]
    cross = spectra[1] * spectra[0].conj()
    frequencies = np.fft.rfftfreq(size, 1 / rate)
    inside = (frequencies > _BAND[0]) & (frequencies < _BAND[1])
    weights = np.where(inside, 1 / np.maximum(abs(cross), 1e-9 * abs(cross).max() + 1e-30), 0)
    reach = min(int(_REACH * rate), size // 2 - 1)
    correlation = np.roll(np.fft.irfft(cross * weights, size), reach)[: 2 * reach + 1]
    best = int(np.argmax(correlation))
    others = np.delete(correlation, slice(max(best - int(_ASIDE * rate), 0), best + int(_ASIDE * rate) + 1))
    if not len(others) or correlation[best] < _CLEAR * others.max() or not 0 < best < 2 * reach:
        return None
    low, middle, high = correlation[best - 1 : best + 2]
    return float(best - reach + 0.5 * (low - high) / (low - 2 * middle + high)) / rate


def _drift(first: Float[np.ndarray, " _"], second: Float[np.ndarray, " _"], rate: int, late: float) -> float | None:
    """Change of the delay from the first to the last third, seconds; None where there is none, or no answer."""
    start = max(round(late * rate), 0), max(-round(late * rate), 0)
    first, second = first[start[1] :], second[start[0] :]
    third = min(len(first), len(second)) // 3
    ends = [delay(first[part], second[part], rate) for part in (slice(0, third), slice(2 * third, 3 * third))]
    if ends[0] is None or ends[1] is None:
        return None
    change = ends[1] - ends[0]
    return change if abs(change) > _DRIFT else None
