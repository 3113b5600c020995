"""A capture whose text files were saved by Windows programs is the same capture."""

from pathlib import Path

import helpers
import layouts
import numpy as np
import pytest

from posegaussian.captures.reading import read_capture

ENCODINGS = ("utf-8-sig", "utf-16", "cp1252")
TEXTS = ("*.yml", "*.json", "*.toml")


def write_easymocap(root: Path) -> Path:
    lenses = helpers.default_rig((40, 32))
    helpers.write_sphere_capture(root, 1, cameras={"Läufer": lenses["00"], "b": lenses["01"]}, samples=1)
    (root / "rig.json").write_text('{"sources": ["Läufer", "b"]}', encoding="utf-8")
    return root


WRITERS = {"easymocap": write_easymocap, "nerfstudio": layouts.write_nerfstudio, "toml": layouts.write_toml}


def save_again(root: Path, encoding: str) -> None:
    """Save every text file of a capture in another encoding, with the line ends of Windows."""
    files = [path for pattern in TEXTS for path in root.rglob(pattern)]
    assert files
    for path in files:
        path.write_bytes(path.read_text(encoding="utf-8").replace("\n", "\r\n").encode(encoding))


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("layout", WRITERS)
@pytest.mark.filterwarnings("ignore:.*read as Windows-1252")
def test_the_capture_is_the_same_in_every_encoding(tmp_path, layout, encoding):
    root = WRITERS[layout](tmp_path / layout)
    expected = read_capture(root)
    save_again(root, encoding)
    found = read_capture(root)
    assert (found.sources, found.frames, found.pairs) == (expected.sources, expected.frames, expected.pairs)
    for name, camera in expected.cameras.items():
        np.testing.assert_array_equal(found.cameras[name].intrinsics, camera.intrinsics)
        np.testing.assert_array_equal(found.cameras[name].world_to_camera, camera.world_to_camera)
    if expected.joints_file:
        np.testing.assert_array_equal(found.joints(), expected.joints())
