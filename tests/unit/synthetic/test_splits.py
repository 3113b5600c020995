"""Seeds and shape codes by split."""

import helpers

from posegaussian.errors import ConfigError
from posegaussian.synthetic.people.splits import shape_codes, split_of


def test_splits():
    assert [split_of(seed) for seed in (1, 99, 100, 199, 200, 299, 1000, 10**9)] == [
        "demo", "demo", "val", "val", "test", "test", "train", "train",
    ]  # fmt: skip
    for seed in (0, 300, 999):
        with helpers.refuses(ConfigError, "unknown-seed") as error:
            split_of(seed)
        assert str(seed) in error.value.what
    assert not set(shape_codes(150, 600)) & set(shape_codes(1000, 600))
