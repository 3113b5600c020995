import pytest
from rectified_disc import write_captures


@pytest.fixture
def make_captures():
    return write_captures
