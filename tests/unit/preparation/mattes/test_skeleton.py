"""Pixels near the bones: a figure whose landmarks are known."""

from dataclasses import replace

import numpy as np
import pytest
from ball_rig import RIG, around, disc

from posegaussian.preparation.mattes.skeleton import near_skeleton


def window_of(points):
    """A window of 300 pixels, with these landmarks; the others lie at a shoulder."""
    window = around(RIG["a"], disc(RIG["a"]))
    placed = np.tile(np.array(points[11], float), (33, 1))
    for landmark, place in points.items():
        placed[landmark] = place
    placed = placed / window.pitch + window.box[:2]
    landmarks = np.column_stack([placed, np.zeros(33)]).astype(np.float32)
    return replace(window, person=replace(window.person, points=landmarks))


FIGURE = {7: (140, 60), 8: (160, 60), 11: (130, 100), 12: (170, 100), 23: (135, 180), 24: (165, 180), 13: (60, 100)}
"""Ears, shoulders and hips of an upright figure, and an elbow to the left."""


@pytest.mark.parametrize(
    ("place", "near"),
    [
        ((150, 140), True),  # between shoulders and hips
        ((90, 105), True),  # on the upper arm
        ((90, 120), False),  # 20 pixels beside it, 0.07 of 300
        ((150, 30), True),  # the top of the head
        ((150, 20), False),  # above it
        ((250, 140), False),
    ],
)
def test_pixels_near_the_bones(place, near):
    assert near_skeleton(window_of(FIGURE))[place[1], place[0]] == near


def test_landmarks_far_outside_the_image_do_no_harm():
    far = near_skeleton(window_of(FIGURE | {13: (-1e7, 100)}))
    assert far[100, 90] and not far[30, 30]
