"""A calibration board on the floor of a room: its cells are panels, so their edges are exact."""

import numpy as np
from jaxtyping import Float

from posegaussian.synthetic.rooms.palette import Palette
from posegaussian.synthetic.rooms.surfaces import Builder
from posegaussian.synthetic.things.board import BLACK, CELLS, WHITE, Board

LIFTED = 0.004
"""Height of the print above the floor, metres: the thickness of a board."""


def put_down(builder: Builder, palette: Palette, board: Board) -> Float[np.ndarray, "c 3"]:
    """Add a board, its print up and its middle at the origin of the current thing; returns its inner corners there."""
    step, (width, height) = board.square / CELLS, board.size
    white = board.white.ravel()
    rows, columns = (places.ravel() for places in np.indices(board.white.shape))
    origin = np.stack([step * columns - width / 2, height / 2 - step * (rows + 1), 0.0 * rows], axis=1)
    across, up = (np.tile(side, (len(origin), 1)) for side in ([step, 0.0, 0.0], [0.0, step, 0.0]))
    papers = [palette.add("plain", (tone, tone, tone)) for tone in (BLACK, WHITE)]
    builder.many(origin, across, up, np.where(white, papers[1], papers[0]))
    return board.corners * [1, -1, 1] + [-width / 2, height / 2, 0]
