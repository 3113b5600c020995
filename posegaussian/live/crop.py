"""The rectification of a pair of live cameras, which follows the person through the images."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import UInt8

from posegaussian.config import RectifySettings
from posegaussian.geometry.lens import SourceCamera
from posegaussian.geometry.masks import is_person
from posegaussian.geometry.rectification import mask_outline
from posegaussian.preparation.color import ColorTransform
from posegaussian.preparation.footage import FrameInMemory
from posegaussian.preparation.rectification_plan import PairPlan, RectificationPlan, plan_pair, with_matched_colors

MARGIN = 0.12
"""Free border around the person when a plan is made, as a share of the image: room to move. Twice that of captures,
whose plan knows all frames. Chosen by hand."""
_SMALL = 0.5
"""A person who fills less of the image than this in both directions gets a new plan. Chosen by hand."""
_PATIENCE = 60
"""Frames in a row in which the person is small before a new plan is made: somebody who crouches stands up again. By
hand."""
_EVERY = 4
"""The mask's outline is looked at in every so many rows. By hand."""

Images = Mapping[str, UInt8[np.ndarray, "_ _ 3"]]
"""RGB, by camera."""
Masks = Mapping[str, UInt8[np.ndarray, "_ _"]]
"""Coverage of the person, 0..255, by camera."""


@dataclass(frozen=True, eq=False)
class NumberedPlan:
    """A plan, and its number from 1: frames of different plans are different sequences for the network."""

    number: int
    plan: PairPlan


class FollowingCrop:
    """Makes a plan for the first frame, and a new one when the person leaves it or becomes small; for many threads.

    Args:
        cameras: two, by name.
        settings: size and margin.
        match_colors: whether to make the cameras' colours alike; estimated on the first frame.
    """

    def __init__(self, cameras: Mapping[str, SourceCamera], settings: RectifySettings, match_colors: bool):
        self._cameras, self._match_colors = cameras, match_colors
        self._settings = settings
        self._lock = threading.Lock()
        self._current: NumberedPlan | None = None
        self._colors: dict[str, ColorTransform] = {}
        self._small = 0

    def plan(self, images: Images, masks: Masks) -> NumberedPlan:
        """The plan for a frame.

        Raises:
            CalibrationError: the pair cannot be rectified.
        """
        with self._lock:
            extent = 1.0 if self._current is None else self._extent(self._current.plan, masks)
            self._small = self._small + 1 if extent < _SMALL else 0
            if self._current is None or not np.isfinite(extent) or self._small > _PATIENCE:
                number = 1 if self._current is None else self._current.number + 1
                self._current, self._small = NumberedPlan(number, self._make(images, masks)), 0
            return self._current

    def _make(self, images: Images, masks: Masks) -> PairPlan:
        first, second = self._cameras
        footage = FrameInMemory(self._cameras, images, masks)
        plan = plan_pair(footage, (first, second), [0], self._settings)
        if not self._match_colors:
            return plan
        if not self._colors:
            self._colors = with_matched_colors(RectificationPlan((plan,)), footage, [0]).colors
        left, right = (replace(view, color=self._colors[view.name]) for view in plan.views)
        return PairPlan((left, right))

    def _extent(self, plan: PairPlan, masks: Masks) -> float:
        """The larger side of the person as a share of the image; infinite where it reaches beyond one of them."""
        shares = []
        for view in plan.views:
            outline = mask_outline(is_person(masks[view.name][::_EVERY])) * (1, _EVERY)
            if not len(outline):
                continue
            places = view.source.seen_from_here(outline, view.camera)
            size = np.array([view.camera.width, view.camera.height])
            if not np.isfinite(places).all() or (places < 0).any() or (places > size).any():
                return np.inf
            shares.append(((places.max(0) - places.min(0)) / size).max())
        return float(max(shares, default=1.0))
