"""Damaged copies of files: a seed and a number name one copy.

Written here and not with Hypothesis or Atheris: Hypothesis makes values, not files, and shrinks in the process that a
native crash ends; Atheris needs Clang and instrumented libraries. Two thousand copies of a small file, most of them
with one or two kinds of damage, need neither.
"""

import re
import struct
import zlib
from collections.abc import Callable
from random import Random

_HEADER = 256
"""Half of the damage to bytes falls into the first bytes, where formats keep their sizes. Chosen by hand."""
_NUMBERS = (
    *("-1", "0", "1", "0.5", "127", "255", "256", "65535", "65536", "2147483647", "2147483648", "4294967296"),
    *("9223372036854775807", "1e308", "-1e308", "1e-320", "1e999", "nan", "NaN", ".nan", "inf", "-Infinity", "0x10"),
    *("1_000", "01", "1e5000", "9" * 400, "9" * 5000, "''"),
)
_WORDS = (
    *("", "null", "true", "~", "{}", "[]", "[[]]", "{a: 1}", '""', "''", '"', "'", ":", ",", "-", "#", "\\", "/", "|"),
    *("..", "../../stray", "../../../../stray", "/", "\x00", "\t", " ", "é", "\U0001f600", "\u202e", "%s", "!!int x"),
    *("2001-99-99", "!!python/object:os.system", "<<: *x", "*x", "&x", "? [a]", "<!ENTITY a 'b'>", "a" * 300),
    *("b" * 20_000, "NaN NaN", "\n", "\r\n", "\ufeff"),
)
_NESTS = (("[", 20_000), ("{a: ", 3_000), ('{"a":', 20_000), ("(", 5_000), ("<a>", 20_000), ("- ", 5_000))
_WORD, _NUMBER = re.compile(rb"[\w.+-]+|[^\w\s]"), re.compile(rb"-?\d[\d.eE+-]*")
_INTEGERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, (1 << 63) - 1)
_FLOATS = (0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e308, 1e-308, 1e38)


def damaged(data: bytes, random: Random, *, text: bool, repair: Callable[[bytes], bytes] | None = None) -> bytes:
    """A damaged copy of a file's bytes.

    Args:
        data: the file.
        random: makes the choices.
        text: whether the file is text: then most of the damage is to its words and lines.
        repair: renews the checksums of a format, which would otherwise catch most of the damage; used half of the time.
    """
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5))):
        operations = _TEXT if text and random.random() < 0.75 else _BYTES
        data = random.choice(operations)(data, random)
    return repair(data) if repair and random.random() < 0.5 else data


def png_checksums(data: bytes) -> bytes:
    """A .png whose chunks have right checksums, as far as their lengths lead."""
    parts, place = [data[:8]], 8
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        body = data[place + 4 : place + 8 + length]
        parts += [data[place : place + 4], body, struct.pack(">I", zlib.crc32(body))]
        place += 12 + length
    return b"".join(parts)


def _place(data: bytes, random: Random) -> int:
    return random.randrange(min(len(data), _HEADER) if random.random() < 0.5 else len(data)) if data else 0


def _slice(data: bytes, random: Random) -> tuple[int, int]:
    """Start and end of some bytes: mostly few."""
    start = _place(data, random)
    return start, min(len(data), start + 1 + int(len(data) * random.random() ** 4))


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 8, 64)) if data else 0):
        changed[_place(data, random)] ^= 1 << random.randrange(8)
    return bytes(changed)


def _overwrite(data: bytes, random: Random) -> bytes:
    """An extreme number in the place of some bytes."""
    order = random.choice("<>")
    if random.random() < 0.2:
        new = struct.pack(order + random.choice("fd"), _float_or_largest(random))
    else:
        size = random.choice((1, 2, 4, 8))
        new = (random.choice(_INTEGERS) & ((1 << 8 * size) - 1)).to_bytes(size, "little" if order == "<" else "big")
    place = _place(data, random)
    return data[:place] + new + data[place + len(new) :]


def _float_or_largest(random: Random) -> float:
    value = random.choice(_FLOATS)
    return value if abs(value) < 3e38 or value in (float("inf"), float("-inf")) else 3e38


def _truncate(data: bytes, random: Random) -> bytes:
    return data[: _place(data, random)]


def _delete(data: bytes, random: Random) -> bytes:
    start, end = _slice(data, random)
    return data[:start] + data[end:]


def _duplicate(data: bytes, random: Random) -> bytes:
    start, end = _slice(data, random)
    return data[:end] + data[start:end] * random.choice((1, 1, 2, 50)) + data[end:]


def _splice(data: bytes, random: Random) -> bytes:
    """Bytes of one place written over those of another."""
    (start, end), place = _slice(data, random), _place(data, random)
    return data[:place] + data[start:end] + data[place + end - start :]


def _insert(data: bytes, random: Random) -> bytes:
    place = _place(data, random)
    return data[:place] + random.randbytes(random.choice((1, 2, 16, 300))) + data[place:]


def _zero(data: bytes, random: Random) -> bytes:
    start, end = _slice(data, random)
    return data[:start] + bytes(end - start) + data[end:]


def _rare(data: bytes, random: Random) -> bytes:
    """What happens to whole files: nothing left, zeros, something else, rubbish behind the end."""
    return random.choice((b"", bytes(len(data)), b"<html>404</html>", data + random.randbytes(500), data + data))


def _match(pattern: re.Pattern[bytes], data: bytes, random: Random) -> re.Match[bytes] | None:
    """A match behind a random place, or the first one."""
    return pattern.search(data, random.randrange(len(data) + 1)) or pattern.search(data)


def _put(data: bytes, match: re.Match[bytes] | None, new: str) -> bytes:
    """The data with other text in the place of a match; behind the end where there is none."""
    start, end = match.span() if match else (len(data), len(data))
    return data[:start] + new.encode("utf-8", "surrogatepass") + data[end:]


def _number(data: bytes, random: Random) -> bytes:
    return _put(data, _match(_NUMBER, data, random), random.choice(_NUMBERS))


def _word(data: bytes, random: Random) -> bytes:
    return _put(data, _match(_WORD, data, random), random.choice(_WORDS))


def _swap(data: bytes, random: Random) -> bytes:
    """Two words change places."""
    first, second = _match(_WORD, data, random), _match(_WORD, data, random)
    if first is None or second is None or first.end() > second.start():
        return data
    middle = data[first.end() : second.start()]
    return data[: first.start()] + second[0] + middle + first[0] + data[second.end() :]


def _lines(data: bytes, random: Random) -> bytes:
    """A line is missing, repeated, in another place, or ends otherwise."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    kind, index = random.randrange(5), random.randrange(len(lines))
    if kind == 0:
        del lines[index]
    elif kind == 1:
        lines.insert(random.randrange(len(lines)), lines[index])
    elif kind == 2:
        lines[index] = lines[index].rstrip(b"\r\n") + random.choice((b"\r\n", b"\t\t\n", b"  \n", b"", b"\r", b",,\n"))
    elif kind == 3:
        lines[index] = random.choice((b" ", b"\t", b"    ", b"#", b"- ")) + lines[index]
    else:
        random.shuffle(lines)
    return b"".join(lines)


def _nest(data: bytes, random: Random) -> bytes:
    """Brackets within brackets within brackets."""
    text, times = random.choice(_NESTS)
    return _put(data, _match(_WORD, data, random), text * times)


def _encoding(data: bytes, random: Random) -> bytes:
    """The bytes that editors of other systems write."""
    text = data.decode("utf-8", "replace")
    kind = random.randrange(5)
    if kind == 0:
        return b"\xef\xbb\xbf" + data
    if kind == 1:
        return text.encode("utf-16")
    if kind == 2:
        return text.replace("\n", "\r\n").encode()
    place = _place(data, random)
    return data[:place] + random.choice((b"\xe9", b"\xff", b"\x93", b"\xc3", b"\xed\xa0\x80", b"\x00")) + data[place:]


_BYTES = (
    _flip,
    _flip,
    _overwrite,
    _overwrite,
    _overwrite,
    _truncate,
    _delete,
    _duplicate,
    _splice,
    _insert,
    _zero,
    _rare,
)
_TEXT = (_number, _number, _number, _word, _word, _word, _swap, _lines, _lines, _nest, _encoding)
