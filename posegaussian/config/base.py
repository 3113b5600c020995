"""What all settings are built from: strict dataclasses, bounded numbers, and cross-checks that name the key."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, Protocol, runtime_checkable

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True)
NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Sixteens = Annotated[int, Field(gt=0, multiple_of=16)]
Size = tuple[Positive, Positive]
Backend = Literal["auto", "numba", "gsplat", "inria", "torch"]

CROSS_CHECK = "cross_check"
"""Type of the errors that `refuse_problems` raises."""
Problem = tuple[tuple[str | int, ...], str]
"""The path of the key that is wrong, from the settings that are checked, and what is wrong with it."""


@runtime_checkable
class Checked(Protocol):
    """Settings with cross-checks."""

    def problems(self) -> Iterable[Problem]:
        """What is wrong, with the path of its key."""
        ...


def refuse_problems(settings: Checked) -> Any:
    """The settings themselves, where they have no problems.

    Settings know only where a key lies within them; pydantic puts the outer path before it.

    Raises:
        ValidationError: there are problems; it names them all.
    """
    details: list[InitErrorDetails] = [
        {"type": PydanticCustomError(CROSS_CHECK, "{message}", {"message": message}), "loc": path, "input": None}
        for path, message in settings.problems()
    ]
    if details:
        raise ValidationError.from_exception_data("settings", details)
    return settings


without_problems = model_validator(mode="after")(refuse_problems)
"""Assigned in a class of settings, this validator runs the class's cross-checks."""


def unknown(value: str, section: str, known: Iterable[str]) -> str:
    """The message for a name that a section of the configuration does not define."""
    return f"{value!r} is not one of `{section}`: {', '.join(known) or 'none'}"
