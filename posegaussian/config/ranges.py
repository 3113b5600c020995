"""Ranges that something is drawn from, evenly: `[low, high]`, or one number that it always is."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


def between(lowest: int | float, highest: int | float) -> Any:
    """The type of a range whose ends lie within these bounds; it accepts a single number as well."""

    def both(value: Any) -> Any:
        return (value, value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    def ordered(value: tuple[float, float]) -> tuple[float, float]:
        low, high = value
        if not lowest <= low <= high <= highest:
            raise PydanticCustomError("range", f"expected [low, high] within {lowest:g} .. {highest:g}")  # type: ignore[arg-type]
        return value

    number = {"type": "number", "minimum": lowest, "maximum": highest}
    pair = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
    return Annotated[
        tuple[float, float],
        BeforeValidator(both),
        AfterValidator(ordered),
        WithJsonSchema({"anyOf": [number, pair]}),
    ]
