import helpers
import pytest

from posegaussian.errors import TrainingError
from posegaussian.training.checkpoint import load_state, save_state


def test_state_is_saved_whole(tmp_path):
    save_state(tmp_path / "a" / "s", "key", {"done": 3})
    assert load_state(tmp_path / "a" / "s", "key")["done"] == 3
    assert load_state(tmp_path / "a" / "s", "other") is None
    assert load_state(tmp_path / "none", "key") is None
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["s"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"rubbish"])
def test_a_damaged_state_is_refused(tmp_path, content):
    (tmp_path / "s").write_bytes(content)
    with helpers.refuses(TrainingError, "unreadable-state", file=tmp_path / "s"):
        load_state(tmp_path / "s", "key")
