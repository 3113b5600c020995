"""What the settings are built from: strict dataclasses and bounded numbers."""

from typing import Annotated

from pydantic import ConfigDict, Field

STRICT = ConfigDict(extra="forbid")
NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Sixteens = Annotated[int, Field(gt=0, multiple_of=16)]
Size = tuple[Positive, Positive]
