"""The viewer's splats carry the shapes that were written; one line names what is missing."""

import sys

import helpers
import numpy as np
import pytest
import torch

from posegaussian.cli import main
from posegaussian.io.ply import write_ply
from posegaussian.pipeline.view import viser_splats
from posegaussian.types import Gaussians


@pytest.fixture
def ply(tmp_path):
    half = 0.5**0.5
    one = Gaussians(
        means=torch.tensor([[1.0, 2.0, 3.0]]),
        quaternions=torch.tensor([[half, 0.0, 0.0, half]]),  # a quarter turn about z
        scales=torch.tensor([[0.1, 0.2, 0.3]]),
        opacities=torch.tensor([0.5]),
        colors=torch.tensor([[0.2, 0.4, 0.6]]),
    )
    write_ply(tmp_path / "one.ply", one)
    return tmp_path / "one.ply"


def test_covariance_is_turned(ply):
    shown = viser_splats(ply)
    np.testing.assert_allclose(shown["covariances"][0], np.diag([0.04, 0.01, 0.09]), atol=1e-6)
    np.testing.assert_allclose(shown["centers"], [[1, 2, 3]])
    np.testing.assert_allclose(shown["rgbs"], [[0.2, 0.4, 0.6]], atol=1e-6)
    np.testing.assert_allclose(shown["opacities"], [[0.5]], atol=1e-6)


def test_missing_viser_and_missing_splats(ply, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "viser", None)
    for source, named in (
        (ply, {"names": ["pip install 'posegaussian[viewer]'"]}),
        (ply.parent / "none", {"file": ply.parent / "none"}),
    ):
        with helpers.exits(capsys, **named):
            main(["view", str(source)])
