"""Shapes in annotations are checked while the tests run; every test starts from the same seeds."""

import numpy as np
import pytest
import torch
from jaxtyping import install_import_hook

install_import_hook("posegaussian", "beartype.beartype")


@pytest.fixture(autouse=True)
def seeds():
    torch.set_num_threads(1)
    np.random.seed(0)
    torch.manual_seed(0)
