"""Shapes in annotations are checked while the tests run; every test starts from the same seeds."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from jaxtyping import install_import_hook

install_import_hook("posegaussian", "beartype.beartype")

import numpy as np
import pytest
import torch


@pytest.fixture(autouse=True)
def seeds():
    np.random.seed(0)
    torch.manual_seed(0)
