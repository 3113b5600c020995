"""The structure of the code that import-linter cannot see: private names stay in their module, files stay short."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("posegaussian", "tools", "benchmarks") for path in ROOT.glob(f"{folder}/**/*.py"))
LONGEST = 300
"""Lines of a library file: one idea that can be read in a sitting."""


def _modules(tree: ast.Module) -> set[str]:
    """Local names of our own modules and of what comes from them."""
    return {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "posegaussian"
        for alias in node.names
    }


def private_uses(text: str) -> list[str]:
    """Private names of our own modules that a file imports, or reaches for through a module or class."""
    tree = ast.parse(text)
    ours = _modules(tree)
    found = [name for name in sorted(ours) if name.startswith("_") and not name.startswith("__")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ours:
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            found += [f"{node.value.id}.{node.attr}"] if private else []
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_private_names_stay_in_their_module(path):
    assert private_uses(path.read_text(encoding="utf-8")) == []


def test_private_uses_are_found():
    text = """
from posegaussian.a import b, _c
from posegaussian import d as e
import os
b._x()
e._y
os._exit(b.__doc__)
"""
    assert sorted(private_uses(text)) == ["_c", "b._x", "e._y"]


def test_library_files_are_short():
    long = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n") for path in FILES}
    assert {name: lines for name, lines in long.items() if lines > LONGEST and name.startswith("posegaussian/")} == {}
