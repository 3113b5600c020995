import torch

from posegaussian.model import correlation
from posegaussian.model.correlation import CorrelationPyramid, correlate, expected_match, local_correlation, unit
from posegaussian.model.upsampling import ConvexUpsampling, bilinear


def test_correlation_is_one_at_the_match():
    left = unit(torch.randn(1, 16, 3, 20))
    volume = correlate(left, torch.roll(left, -4, -1))
    for x in range(4, 20):
        assert volume[0, :, x].argmax(-1).eq(x - 4).all()
        assert torch.allclose(volume[0, :, x, x - 4], torch.ones(3), atol=1e-5)


def test_without_evidence_the_prior_remains():
    prior = torch.full((1, 2, 40), 3.3)
    mean, deviation = expected_match(torch.zeros(1, 2, 40, 40), prior, torch.full_like(prior, 1.5))
    inside = slice(12, 32)
    assert torch.allclose(mean[..., inside], prior[..., inside], atol=1e-3)
    assert torch.allclose(deviation[..., inside], torch.tensor(1.5), atol=1e-3)


def test_evidence_overrules_a_wide_prior():
    evidence = torch.full((1, 1, 20, 20), -50.0)
    cells = torch.arange(20)
    evidence[0, 0, cells[5:], cells[:-5]] = 0.0
    mean, deviation = expected_match(evidence, torch.full((1, 1, 20), 3.0), torch.full((1, 1, 20), 4.0))
    assert torch.allclose(mean[..., 5:], torch.tensor(5.0), atol=1e-3)
    assert deviation[..., 5:].max() < 0.01


def test_lookup_agrees_with_a_plain_one():
    reference, other = torch.randn(2, 1, 5, 2, 10)
    volume, q = correlate(reference, other), 6 * torch.rand(1, 2, 10) - 2
    found = CorrelationPyramid(reference, other, levels=2, radius=2)(q)
    coarse = torch.nn.functional.avg_pool2d(volume, (1, 2))
    for level, values in enumerate((volume, coarse)):
        for y in range(2):
            for x in range(10):
                match = (x - q[0, y, x].item() + 0.5) / 2**level - 0.5
                for k in range(-2, 3):
                    first = int(torch.tensor(match + k).floor())
                    share = match + k - first
                    row = values[0, y, x]
                    ends = [row[i].item() if 0 <= i < len(row) else 0.0 for i in (first, first + 1)]
                    expected = (1 - share) * ends[0] + share * ends[1]
                    assert abs(found[0, 5 * level + k + 2, y, x].item() - expected) < 1e-4


def test_local_correlation_agrees_with_the_volume():
    reference, other = unit(torch.randn(8, 8, 5, 13)).chunk(2)
    q = 16 * torch.rand(4, 5, 13) - 5
    expected = CorrelationPyramid(reference, other, levels=1, radius=3)(q)
    assert torch.allclose(local_correlation(reference, other, q, radius=3), expected, atol=1e-5)
    last = torch.channels_last
    for gradients in (True, False):  # Without them it goes strip by strip.
        with torch.set_grad_enabled(gradients):
            found = local_correlation(reference.to(memory_format=last), other.to(memory_format=last), q, radius=3)
        assert torch.allclose(found, expected, atol=1e-5)


@torch.no_grad()
def test_strips_fit_together(monkeypatch):
    reference, other = unit(torch.randn(4, 8, 7, 13)).chunk(2)
    q = 16 * torch.rand(2, 7, 13) - 5
    whole = local_correlation(reference, other, q, radius=2)
    monkeypatch.setattr(correlation, "_STRIP", 2 * 2 * 13**2)  # Two rows of both images.
    assert torch.equal(local_correlation(reference, other, q, radius=2), whole)


def test_upsampling_is_convex_and_starts_near_bilinear():
    layer = ConvexUpsampling(8, 4)
    features, full = torch.randn(1, 8, 6, 7), torch.ones(1, 6, 7)
    constant = layer(torch.full((1, 6, 7), 2.5), features, full)
    assert torch.allclose(constant, torch.full((1, 24, 28), 10.0), atol=1e-5)
    q = torch.randn(1, 6, 7)
    assert layer(q, features, full).abs().max() <= 4 * q.abs().max() + 1e-5
    ramp = torch.arange(7.0).expand(1, 6, 7)
    torch.nn.init.zeros_(layer.weights[-1].weight)
    assert (layer(ramp, features, full) - bilinear(ramp, 4))[..., 4:-4].abs().max() < 0.6


def test_upsampling_ignores_the_background():
    layer = ConvexUpsampling(8, 4)
    torch.nn.init.zeros_(layer.weights[-1].weight)
    cover = torch.zeros(1, 5, 6)
    cover[..., :3] = 1
    q = torch.where(cover > 0, 2.0, -30.0)
    person = layer(q, torch.zeros(1, 8, 5, 6), cover)[..., :12]
    assert (person - 8).abs().max() < 2.5
    assert (bilinear(q, 4)[..., :12] - 8).abs().max() > 30


def test_background_has_no_direction_in_half_precision():
    features = torch.zeros(1, 8, 2, 2, dtype=torch.float16)
    features[..., 0] = 3.0
    assert torch.allclose(unit(features).float().norm(dim=1), torch.tensor([[[1.0, 0.0]] * 2]), atol=1e-3)
