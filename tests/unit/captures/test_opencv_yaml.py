import cv2
import helpers
import numpy as np
import pytest

from posegaussian.captures.formats.opencv_yaml import number, parse_opencv
from posegaussian.captures.reading import read_capture
from posegaussian.errors import CalibrationError


def test_what_opencv_writes_is_read_to_the_last_digit(tmp_path):
    random = np.random.default_rng(0)
    matrices = {f"K_{i}": random.normal(size=(3, 3)) * 10.0 ** random.integers(-12, 12) for i in range(50)}
    matrices["f4"] = random.normal(size=(2, 4)).astype(np.float32)
    matrices["i4"] = random.integers(-9, 9, (2, 2)).astype(np.int32)
    matrices["colours"] = random.integers(0, 255, (4, 5, 3)).astype(np.uint8)
    matrices["odd"] = np.array([[np.nan, np.inf, -np.inf, 0.0, 1e-300]])
    file = cv2.FileStorage(str(tmp_path / "a.yml"), cv2.FILE_STORAGE_WRITE)
    for name, matrix in matrices.items():
        file.write(name, matrix)
    file.release()
    found = parse_opencv((tmp_path / "a.yml").read_text())
    assert found.keys() == matrices.keys()
    for name, matrix in matrices.items():
        np.testing.assert_array_equal(found[name], matrix.astype(float))


def test_names_stay_as_they_are_written():
    text = '%YAML:1.0\n---\nnames:\n  - "01"\n  - 08\n  - 1e3\nW_01: 1920\nH_01: 1.\n'
    found = parse_opencv(text)
    assert found["names"] == ["01", "08", "1e3"]
    assert (number(found["W_01"]), number(found["H_01"])) == (1920, 1)


NOT_CLOSED = "  rows: \ufeff\n---\n%YAML:1.0\n  - 0  - 1\n"


@pytest.mark.parametrize("text", ["", "hello", "- 1", "a: [", "a: " + "[" * 20_000, NOT_CLOSED, "{a: b, *c}"])
def test_other_files_are_refused(text):
    with pytest.raises(ValueError):
        parse_opencv(text)


@pytest.mark.parametrize("spoilt", ["rows: 2147483647", "rows: -1", "rows: x", "dt: q", "data: [1, 2", "data: 7"])
def test_a_broken_matrix_is_named(tmp_path, spoilt):
    helpers.write_sphere_capture(tmp_path, 1, size=(64, 48), samples=1)
    text = (tmp_path / "intri.yml").read_text()
    key = spoilt.partition(":")[0]
    start = text.index(f"  {key}:")
    end = text.index("]" if spoilt == "data: [1, 2" else "\n", start)
    (tmp_path / "intri.yml").write_text(text[:start] + f"  {spoilt}" + text[end:])
    with helpers.refuses(CalibrationError, "invalid-calibration", file="intri.yml", camera="00"):
        read_capture(tmp_path)
