"""What all settings are built from: strict dataclasses, bounded numbers, and cross-checks that name the key."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Protocol, runtime_checkable

from pydantic import ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError, model_validator
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError, PydanticKnownError, core_schema

from posegaussian.registry import RASTERIZERS, Entry

STRICT = ConfigDict(extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)
NonNegative = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Fps = Annotated[int, Field(gt=0, le=1000)]
"""Frames per second, up to those of high-speed cameras; MP4 takes 31 bits, and people are posed in each frame."""
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""Seed of random numbers: what both NumPy (not negative) and PyTorch (63 bits and a sign) take."""
_LARGEST = 16384
"""Longest side of an image, pixels: such a square takes 0.8 GB, and OpenCV resamples at most 32,767 pixels a side."""
Sixteens = Annotated[int, Field(gt=0, multiple_of=16, le=_LARGEST)]
Side = Annotated[int, Field(gt=0, le=_LARGEST)]
Size = tuple[Side, Side]
LEAST_COMPARED = 16
"""Shortest side of images that losses compare, pixels: SSIM's windows have 11."""
ComparedSide = Annotated[int, Field(ge=LEAST_COMPARED, le=_LARGEST)]


class NameOf:
    """Marks a text as a name of a table of the registry.

    Settings and schemas read the table when they are made, so that an entry that is added at run time counts.

    Args:
        table: the entries by name.
        words: further words that are accepted, with their descriptions.
    """

    def __init__(self, table: Mapping[str, Entry], **words: str):
        self.table, self.words = table, words

    def known(self) -> dict[str, str]:
        """All names with their descriptions."""
        return {**self.words, **{name: entry.about for name, entry in self.table.items()}}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        known = self.known()
        return {**handler(schema), "enum": [*known], "enumDescriptions": [*known.values()]}  # editors show the latter

    def _checked(self, name: str) -> str:
        known = [repr(each) for each in self.known()]
        if repr(name) not in known:
            expected = " or ".join(part for part in (", ".join(known[:-1]), known[-1]) if part)
            raise PydanticKnownError("literal_error", {"expected": expected})
        return name


Backend = Annotated[str, NameOf(RASTERIZERS, auto="the first that is installed and takes what is rendered")]

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
