"""Values of a file of OpenCV's FileStorage in YAML, `%YAML:1.0` or `%YAML 1.2`.

Read with PyYAML: OpenCV's own parser crashes on deep brackets, never ends on some damaged files, takes the memory that
a damaged matrix promises, and reads a name such as 01 as a number.
"""

import re
from typing import Any

import numpy as np
import yaml
from jaxtyping import Float

_TYPES = {"u": "u1", "c": "i1", "w": "u2", "s": "i2", "i": "i4", "f": "f4", "d": "f8", "h": "f2"}
"""NumPy's types by OpenCV's letters."""


def parse_opencv(text: str) -> dict[str, Any]:
    """Values by name: a matrix is an array, or None where it is broken; everything else consists of texts.

    Raises:
        ValueError: it is no YAML with names.
    """
    lines = "\n".join(line.rstrip() for line in text.split("\n"))  # YAML refuses tabs at their ends
    try:
        values = yaml.load(re.sub(r"\A\s*%YAML.*\n", "", lines), Loader=_Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(values, dict):
        raise ValueError("no names")
    return values


def number(text: Any) -> float:
    """A number as OpenCV writes it; `.Nan`, `.Inf` and `-.Inf` included.

    Raises:
        ValueError, TypeError: it is none.
    """
    return float(re.sub(r"^([+-]?)\.(?=[a-zA-Z])", r"\1", text))


class _Loader(yaml.BaseLoader):
    """PyYAML's loader that leaves every scalar a text, and OpenCV's matrices."""


def _matrix(loader: _Loader, node: yaml.MappingNode) -> Float[np.ndarray, "..."] | None:
    try:
        content = loader.construct_mapping(node, deep=True)
        channels, kind = content["dt"][:-1], content["dt"][-1]
        values = np.array([number(each) for each in content["data"]]).astype(_TYPES[kind])
        shape = int(content["rows"]), int(content["cols"])
        if min(shape) < 0:
            return None
        return values.astype(float).reshape(*shape, *([int(channels)] if channels not in ("", "1") else []))
    except (KeyError, IndexError, ValueError, TypeError, OverflowError):
        return None


_Loader.add_constructor("tag:yaml.org,2002:opencv-matrix", _matrix)
