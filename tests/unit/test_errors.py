"""Errors and warnings of the user's mistakes: their parts, their one line, and that each code is one class's own."""

import ast
import pickle
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import posegaussian
from posegaussian import errors
from posegaussian.errors import CaptureError, CaptureWarning, UserError, warn

PACKAGE = Path(posegaussian.__file__).parent
KINDS = {"UserError", *(kind.__name__ for kind in UserError.__subclasses__())}
PARTS = {"code": "empty-mask", "file": Path("a/b.png"), "camera": "00", "frame": 3, "hint": "give one"}


@pytest.mark.parametrize("kind", [getattr(errors, name) for name in sorted(KINDS)] + [CaptureWarning])
def test_parts_are_kept_also_by_pickle(kind):
    error = kind("the mask is empty", **PARTS)
    for each in (error, pickle.loads(pickle.dumps(error))):
        assert type(each) is kind
        assert {name: getattr(each, name) for name in ("what", *PARTS)} == {"what": "the mask is empty", **PARTS}
        assert str(each) == "a/b.png, camera 00, frame 000003: the mask is empty; give one"


def test_parts_that_are_not_given_are_none():
    error = UserError("wrong", code="wrong-thing")
    assert (error.file, error.camera, error.frame, error.hint) == (None, None, None, None) and str(error) == "wrong"


def test_code_is_required():
    with pytest.raises(TypeError, match="code"):
        UserError("wrong")  # pyright: ignore[reportCallIssue]


def test_line_is_one_line_and_shows_the_file_as_given():
    error = CaptureError(
        "not readable\n  (line 1\r\n line 2)", code="unreadable-image", file="./a.png", hint="mend\nit"
    )
    assert str(error) == "./a.png: not readable (line 1 line 2); mend it"
    assert str(pickle.loads(pickle.dumps(error))) == str(error) and error.file == Path("a.png")


def test_warning_carries_the_same_parts():
    with pytest.warns(CaptureWarning) as caught:
        warn("the mask is empty", **PARTS)
    (found,) = caught
    assert {name: getattr(found.message, name) for name in PARTS} == PARTS
    assert str(found.message) == str(UserError("the mask is empty", **PARTS))


def test_every_message_has_a_code_and_every_code_one_class():
    classes = defaultdict(set)
    for place, kind, code in codes():
        assert code is not None, f"{place}: {kind} without a code"
        if isinstance(code, ast.Constant):
            assert isinstance(code.value, str) and re.fullmatch("[a-z]+(-[a-z]+)*", code.value), place
            classes[code.value].add(kind)
        else:  # chosen before the call
            assert "code" in (getattr(code, "id", ""), getattr(code, "attr", "")), place
    assert len(classes) > 100
    assert {code: kinds for code, kinds in classes.items() if len(kinds) > 1} == {}


def codes() -> Iterator[tuple[str, str, ast.expr | None]]:
    """Place, class and code of each error, warning or finding (which becomes one of them) that the package makes."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                kinds = dict.fromkeys(KINDS, node.func.id) | {"warn": "CaptureWarning"}
                kinds["Finding"] = "CalibrationError" if "serious" in given else "CaptureWarning"
                if node.func.id in kinds:
                    yield f"{file.relative_to(PACKAGE)}:{node.lineno}", kinds[node.func.id], given.get("code")
