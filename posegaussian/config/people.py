"""The keys `people`: which synthetic people may be drawn, and which seeds are people."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from posegaussian.config.base import STRICT, Fraction, Problem, without_problems
from posegaussian.config.ranges import between

Garment = Literal[
    "tshirt", "shirt", "sweater", "hoodie", "vest", "jacket", "coat", "trousers", "shorts", "skirt", "dress"
]
"""Tops (first five), outer garments (jacket, coat), garments on the legs, and the dress, which is both top and legs."""
Hair = Literal[
    "bald", "crop", "short", "curly", "bob", "long", "ponytail", "bun", "cap", "beanie", "loose", "hat", "helmet"
]
Fabric = Literal[
    "flat", "knit", "rib", "denim", "corduroy", "leather", "twill", "stripes", "plaid", "checks", "dots", "floral",
    "print", "camouflage", "lettering", "logo",
]  # fmt: skip
Thing = Literal["glasses", "sunglasses", "backpack", "shoulder_bag", "box", "ball", "phone", "stick", "board"]
"""What is worn before the eyes (first two), on the back (next two), and held in the hands."""
Movement = Literal["walk", "turn", "wave", "squat", "dance", "stand", "still", "gesture"]

HELD_OUT = range(1, 300)
"""Seeds of the people that are never used for training: demo, `val` and `test` (synthetic/people/splits.py)."""
FIRST_TRAIN_SEED = 1000
"""The lowest seed of the stream's people; no person has a seed between the two."""
MARKERS = 250
"""Number of markers of OpenCV's dictionary DICT_4X4_250."""


@dataclass(frozen=True, config=STRICT)
class BoardSettings:
    """A calibration board; with `things: [board]`, people hold it in front of them."""

    kind: Literal["checkerboard", "charuco"] = "charuco"
    """`checkerboard`, or `charuco` with markers of OpenCV's dictionary DICT_4X4_250 of 3/4 of a square."""
    columns: Annotated[int, Field(ge=3, le=30)] = 7
    """Number of squares across."""
    rows: Annotated[int, Field(ge=3, le=30)] = 5
    """Number of squares down."""
    square: Annotated[float, Field(ge=0.01, le=0.2)] = 0.06
    """Side of a square, metres."""

    _consistent = without_problems

    def problems(self) -> Iterator[Problem]:
        """A board that nobody can hold, or whose markers are too few."""
        width, height = self.columns * self.square, self.rows * self.square
        if self.kind == "charuco" and (markers := self.columns * self.rows // 2) > MARKERS:
            yield ("columns",), f"a charuco board of {self.columns} x {self.rows} takes {markers} markers of {MARKERS}"
        if width > 0.8 or height > 0.7:
            yield ("square",), f"a board of {width:.2f} x {height:.2f} m is too large to be held: at most 0.8 x 0.7 m"


@dataclass(frozen=True, config=STRICT)
class PeopleSettings:
    """Which synthetic people are drawn; null allows every kind."""

    garments: tuple[Garment, ...] | None = None
    """Kinds of garments. Top and legs of which no kind is named wear anything; jackets and coats only when named."""
    hair: tuple[Hair, ...] | None = None
    """Shapes of hair, and headgear; `loose`, `hat` and `helmet` only when named."""
    fabrics: tuple[Fabric, ...] | None = None
    """Families of textures of the garments."""
    motions: tuple[Movement, ...] | None = None
    """Kinds of movement; `still` is exactly frozen; `gesture`, hands before face and chest, only when named."""
    height: between(1.4, 2.05) = (1.52, 1.92)
    """Shortest and tallest person from sole to crown, metres."""
    things: tuple[Thing, ...] = ()
    """Things that are worn and held. Of each of eyes, back and hands, one kind at most is drawn among those named."""
    things_share: Fraction = 1.0
    """Share of people who wear or hold something, for each of eyes, back and hands."""
    board: BoardSettings = BoardSettings()
    """The calibration board of people who hold one."""
    gloss: between(0, 5) = (1.0, 1.0)
    """Factor of the highlights of skin, hair and clothes, drawn for each of them: 0 is matt, 3 is sweat and satin."""
