"""Ranges that something is drawn from, evenly: `[low, high]`, or one number that it always is."""

from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


def between(lowest: int | float, highest: int | float) -> Any:
    """The type of a range whose ends lie within these bounds; it accepts a single number as well."""

    def ordered(value: Any) -> tuple[float, float]:
        ends = tuple(value) if isinstance(value, list | tuple) else (value, value)
        numbers = all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends)
        if len(ends) != 2 or not numbers or not lowest <= ends[0] <= ends[1] <= highest:
            raise PydanticCustomError("range", f"expected [low, high] within {lowest:g} .. {highest:g}")  # type: ignore[arg-type]
        return float(ends[0]), float(ends[1])

    number = {"type": "number", "minimum": lowest, "maximum": highest}
    pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    return Annotated[
        tuple[float, float],
        BeforeValidator(ordered),
        WithJsonSchema({"anyOf": [number, pair]}),
    ]
