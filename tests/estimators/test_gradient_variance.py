"""How noisy the estimators are: the order that theory gives, on real data."""

import numpy as np
import pytest

import minibnn as mb
from minibnn.objective import objective

DRAWS, ROWS = 300, 128


def trained_energy_network(shared_data, n_hidden=50):
    """A fitted [8, 50, 1] network with learned noise on standardised energy data."""
    with np.load(shared_data / "uci" / "energy.npz") as data:
        X, y = (
            data["X"].astype(float),
            data["y"].astype(float).reshape(len(data["X"]), -1),
        )
    X, y = (X - X.mean(0)) / X.std(0), (y[:, 0] - y[:, 0].mean()) / y[:, 0].std()
    model = mb.Model(
        mb.MLP([8, n_hidden, 1]), mb.Gaussian("learned"), mb.GaussianPrior()
    )
    result = mb.fit(model, mb.MeanField(scale="exp"), X, y, rng=0, max_steps=2000)
    rows = np.random.default_rng(1).choice(len(X), ROWS, replace=False)
    return model, result, *model.batch(X[rows], y[rows]), len(X)


def noise_variance(model, result, A, y, n_data, estimator, per_point=False):
    """Mean variance over noise of the data term's gradient: (means, log sds)."""
    rng, n = np.random.default_rng(2), model.net.n_weights
    if per_point:  # every row is a batch of its own with weights of its own
        A, y, n_data = A[:, None, :], y[:, None, :], n_data / ROWS
    sums = {"mu": [], "rho": []}
    for _ in range(DRAWS):
        shape = estimator.noise_shape(model, result.family, 1, A.shape[-2])
        noise = rng.normal(size=A.shape[:-2] + shape)
        fixed = (noise, A, y, n_data, 0.0, estimator)
        grads = objective(model, result.family, result.params, *fixed)[1]()
        for key, kept in sums.items():
            g = grads[key][..., :n]
            kept.append(g.sum(0) if per_point else g)
    return [np.var(kept, axis=0, ddof=1).mean() for kept in sums.values()]


@pytest.mark.slow
def test_local_beats_per_point_beats_per_batch_on_energy_data(shared_data):
    problem = trained_energy_network(shared_data)
    table = {
        "local": noise_variance(*problem, mb.LocalReparam()),
        "flipout": noise_variance(*problem, mb.Flipout()),
        "per point": noise_variance(*problem, mb.Pathwise(), per_point=True),
        "per batch": noise_variance(*problem, mb.Pathwise()),
    }
    for name, values in table.items():
        ratios = np.array(values) / table["local"]
        print(f"{name:15s} mean {ratios[0]:12.2f}   log sd {ratios[1]:12.2f}")
    local, point, batch = (table[k][1] for k in ("local", "per point", "per batch"))
    assert point >= 3 * local
    assert batch >= 10 * local
