"""How sure the masks of a rectified capture are that were found in its images."""

import numpy as np

from posegaussian.io import store
from posegaussian.preparation.mattes.judgement import confidence_line


def found_masks(rectified: store.Reader) -> list[tuple[str, str]]:
    """Camera and confidence of its masks, the mean over all frames, as text; of cameras whose masks were found."""
    values: dict[str, np.ndarray] = {}
    for group, names in (("sources", "pairs"), ("targets", "cameras")):
        cameras, origins = (store.strings(rectified[f"{group}/{name}"]) for name in (names, "mask_origins"))
        for place in np.ndindex(cameras.shape):
            if origins[place] == "found":
                pair, *view = place
                values[str(cameras[place])] = _known(rectified, group, (pair, slice(None), *view))
    return [
        (camera, confidence_line(float(known.mean())) if known.size else "confidence unknown")
        for camera, known in values.items()
    ]


def _known(rectified: store.Reader, group: str, where: tuple[int | slice, ...]) -> np.ndarray:
    """The confidences that the file holds: none where a camera of the group has given masks."""
    if f"{group}/confidence" not in rectified:
        return np.zeros(0)
    found = rectified[f"{group}/confidence"][where]
    return found[np.isfinite(found)]
