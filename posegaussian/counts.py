"""Numbers of things, for messages."""


def counted(number: int, thing: str) -> str:
    """A number with its noun, in the singular for one; the noun is the first word of the thing."""
    noun, _, more = thing.partition(" ")
    return f"{number} {noun}{'' if number == 1 else 's'} {more}".rstrip()
