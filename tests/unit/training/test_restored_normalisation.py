"""Training the matting network on from its file, in which the normalisation is merged into the convolutions."""

from pathlib import Path

import pytest
import torch

from posegaussian.model.unet import STRIDE
from posegaussian.preparation.mattes.network_weights import load_matting_network, write_matting_network

ROOT = Path(__file__).parents[3]


@pytest.fixture
def restored(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    from restored_normalisation import with_normalisation  # pyright: ignore[reportMissingImports]

    inputs = 2 * torch.rand(4, 5, 2 * STRIDE, 3 * STRIDE, generator=torch.Generator().manual_seed(0)) - 1
    return with_normalisation(load_matting_network(), inputs), inputs


def test_it_computes_the_same_also_on_other_inputs(restored):
    network, _ = restored
    seen = torch.rand(1, 5, STRIDE, 2 * STRIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network(seen), load_matting_network()(seen), atol=1e-3, rtol=1e-3)


def test_normalising_by_the_batch_changes_nothing_where_the_batch_is_that_of_the_statistics(restored):
    network, inputs = restored
    with torch.no_grad():
        torch.testing.assert_close(network.train()(inputs), load_matting_network()(inputs), atol=2e-2, rtol=2e-2)


def test_it_can_be_trained_and_written_again(restored, tmp_path):
    network, inputs = restored
    network.train()(inputs).sum().backward()
    assert all(each.grad is not None and each.grad.isfinite().all() for each in network.parameters())
    write_matting_network(tmp_path / "again", network, {})
    with torch.no_grad():
        torch.testing.assert_close(
            load_matting_network(tmp_path / "again")(inputs), network.eval()(inputs), atol=2e-2, rtol=2e-2
        )
