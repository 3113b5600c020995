from posegaussian.training.divergence import DivergenceGuard


def test_a_loss_that_explodes_stops_the_run():
    guard = DivergenceGuard()
    assert all(guard.problem(1.0 + 0.5 * (i % 2), 1.0) is None for i in range(60))
    assert DivergenceGuard(guard.state()).problem(40.0, 1.0) is None
    assert "its loss is 200" in guard.problem(200.0, 1.0)
    assert "its gradient is inf" in guard.problem(1.0, float("inf"))
    assert guard.problem(40.0, 1.0, limit=30.0) and 45 < guard.limit < 80
    assert DivergenceGuard().problem(1e9, 1.0) is None
