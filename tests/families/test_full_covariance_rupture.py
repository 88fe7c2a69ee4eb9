"""The rupture network with a full covariance: what correlations are worth in nats."""

import pytest

import minibnn as mb


@pytest.mark.slow
def test_full_covariance_reaches_its_goal_on_repaired_labels(shared_data):
    """8-12-1 ReLU, Bernoulli, N(0, 1): mean field ends near -453, this near -402."""
    data = mb.datasets.rupture(shared_data / "rupture", labels="repaired")
    X = (data.X - data.X.mean(0)) / data.X.std(0)
    model = mb.Model(mb.MLP([8, 12, 1]), mb.Bernoulli(), mb.GaussianPrior(0.0, 1.0))
    result = mb.fit(
        model, mb.FullCovariance(), X, data.y, rng=0, n_samples=8, max_steps=8000
    )
    print(f"fresh-noise ELBO {result.elbo:.2f} (se {result.elbo_se:.2f})")
    assert result.elbo >= -410
