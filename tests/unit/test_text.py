"""Text files as Windows, Excel and editors save them hold the same text, or one line says what is wrong."""

import re

import cv2
import numpy as np
import pytest
from helpers import refuses, warns

from posegaussian.errors import UserError
from posegaussian.text import read_text, with_slashes

TEXT = 'names:\n  - "Läufer"\n\n# 3 µm\n'
SAVED = {
    "plain": TEXT.encode(),
    "with a mark": TEXT.encode("utf-8-sig"),
    "UTF-16": TEXT.encode("utf-16"),
    "UTF-16, big end first": "\ufeff".encode("utf-16-be") + TEXT.encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "Windows' ends of lines": TEXT.replace("\n", "\r\n").encode(),
    "the old Mac's ends of lines": TEXT.replace("\n", "\r").encode(),
    "empty": b"",
    "a mark alone": "".encode("utf-8-sig"),
}


@pytest.mark.parametrize("name", SAVED)
def test_the_text_is_the_same_in_every_encoding(tmp_path, name):
    (tmp_path / "a.yml").write_bytes(SAVED[name])
    assert read_text(tmp_path / "a.yml") == ("" if len(SAVED[name]) < 4 else TEXT)


def test_a_code_page_is_read_with_a_warning_that_names_the_line(tmp_path):
    path = tmp_path / "a.yml"
    path.write_bytes(TEXT.encode("cp1252"))
    with warns("code-page", file=path):
        assert read_text(path) == TEXT
    with pytest.warns(match=r"line 2\)"):
        read_text(path)


NO_TEXT = {
    "an image": cv2.imencode(".png", np.zeros((4, 4), np.uint8))[1].tobytes(),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "UTF-16, cut": TEXT.encode("utf-16")[:-1],
    "a code page of Japan": b"names:\n  - " + "ソ表".encode("cp932") + b"\x81\n",
    "UTF-8 with a mark, then other bytes": b"\xef\xbb\xbfnames\xff",
}


@pytest.mark.parametrize("data", NO_TEXT.values(), ids=NO_TEXT)
def test_what_is_no_text_is_refused(tmp_path, data):
    (tmp_path / "a.yml").write_bytes(data)
    with refuses(UserError, "unreadable-text", file=tmp_path / "a.yml") as caught:
        read_text(tmp_path / "a.yml")
    assert "save the file as UTF-8" in str(caught.value)


def test_the_line_of_an_unknown_byte_is_named(tmp_path):
    (tmp_path / "a.yml").write_bytes(b"one\ntwo \x81\n")
    with pytest.raises(UserError, match=re.escape("(line 2)")):
        read_text(tmp_path / "a.yml")


def test_backslashes_separate_folders_unless_a_file_is_named_so(tmp_path):
    assert with_slashes("a/b", tmp_path) == with_slashes("a\\b", tmp_path) == "a/b"
    (tmp_path / "a\\b").touch()
    assert with_slashes("a\\b", tmp_path) == "a\\b"
