"""Filters as products of band matrices, which a GPU computes: SciPy is the independent reference."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from posegaussian.evaluation.filters import by_matrices, separable


@pytest.mark.parametrize(("padding", "mode"), [("replicate", "nearest"), ("reflect", "mirror")])
@pytest.mark.parametrize("size", [(40, 25), (11, 60)])
def test_both_are_the_correlation_with_a_separable_kernel(padding, mode, size):
    random = np.random.default_rng(0)
    image, across, down = random.random((3, *size)), random.random(9), random.random(9)
    rows = ndimage.correlate1d(image, across, axis=2, mode=mode)
    expected = ndimage.correlate1d(rows, down, axis=1, mode=mode)
    for function in (separable, by_matrices):
        found = function(torch.from_numpy(image), torch.from_numpy(across), torch.from_numpy(down), padding)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)
