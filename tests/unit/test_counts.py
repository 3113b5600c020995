"""Numbers with their nouns."""

from posegaussian.counts import counted


def test_one_is_singular():
    assert [counted(number, "frame") for number in (0, 1, 2)] == ["0 frames", "1 frame", "2 frames"]
    assert counted(1, "view of held-out cameras") == "1 view of held-out cameras"
    assert counted(2, "view of held-out cameras") == "2 views of held-out cameras"
