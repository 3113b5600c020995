"""Names that people give to cameras and files: their natural order, and the known name that was probably meant."""

import re
from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import chain, takewhile

_LIKELY = 0.6
"""Least similarity (difflib's ratio) of a misspelt name to the one that was meant; difflib's own default."""


def natural_order(name: str) -> tuple:
    """Key that sorts names as people count: c2 before c10, and 01 before 1 where only the zeros differ.

    Examples:
        >>> sorted(["c10", "c2", "c1"], key=natural_order)
        ['c1', 'c2', 'c10']
    """
    # A number is compared by its length without leading zeros, then by its digits: it may be longer than int() reads.
    # The mark of the end comes before every number.
    text, *rest = re.split(r"([0-9]+)", name)
    numbers = [number.lstrip("0") for number in rest[::2]]
    marks = [*((len(number), number) for number in numbers), (-1, "")]
    return (*chain.from_iterable(zip([text, *rest[1::2]], marks, strict=True)), name)


@lru_cache(maxsize=4096)
def words(name: str) -> tuple[str, ...]:
    """Letters and numbers of a name, without case, separators and leading zeros: `Cam-01` and `cam1` are the same."""
    return tuple(part.lstrip("0") or "0" for part in re.findall(r"[0-9]+|[^\W\d_]+", name.casefold()))


def likely_meant(name: str, known: Collection[str]) -> str | None:
    """The known name that a wrong one was probably meant to be.

    It is the same except for case, separators and leading zeros, or else the most similar one. None where no name is
    similar or several are equally so, or where only the numbers differ, which is no misspelling.
    """
    same = [other for other in known if words(other) == words(name)]
    if same:
        return same[0]
    first = next(iter(known), "")
    start, end = shared_start(known), shared_start([other[::-1] for other in known])
    prefix, suffix = first[:start], first[len(first) - end :]

    def own(text: str) -> str:
        """A name without the parts that all known names share."""
        return text.removeprefix(prefix).removesuffix(suffix)

    alike = [
        (SequenceMatcher(None, own(name), own(other), autojunk=False).ratio(), other)
        for other in known
        if _letters(other) != _letters(name)
    ]
    best = max((ratio for ratio, _ in alike), default=0.0)
    found = [other for ratio, other in alike if ratio == best]
    return found[0] if best >= _LIKELY and len(found) == 1 else None


def did_you_mean(name: str, known: Collection[str]) -> str | None:
    """A hint for an error about a name that is not known; None where no known name is similar."""
    meant = likely_meant(name, known)
    return None if meant is None else f"did you mean {meant}?"


def shared_start(rows: Collection[Sequence]) -> int:
    """Length of the start that all texts, or lists of words, have in common; 0 where there are less than two."""
    if len(rows) < 2:
        return 0
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False)))


def _letters(name: str) -> str:
    return re.sub(r"[0-9]+", "0", name)
