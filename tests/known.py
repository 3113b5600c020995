"""What tests know and the checker of types does not."""

from typing import TypeVar

Value = TypeVar("Value")


def known(value: Value | None) -> Value:
    """A value that is not None."""
    assert value is not None
    return value
