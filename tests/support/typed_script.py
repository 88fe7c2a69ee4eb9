"""A user's script, for tests/test_types.py: type checkers read it, and it runs."""

import numpy as np

import minibnn as mb

data = mb.datasets.cubic(n=20, rng=0).standardised(targets=True)
X, y = data.X, data.y
net = mb.MLP([1, 8, 1], activation="tanh")
model = mb.Model(net, mb.Gaussian(scale="learned"), mb.GaussianPrior(0.0, 1.0))
family = mb.MeanField(scale="softplus")
params = family.init(model, rng=0)
optimizer = mb.Adam(lr=0.01)
result = mb.fit(model, family, X, y, rng=0, optimizer=optimizer, max_steps=50)
steps: int = len(result.history["elbo"])
names: list[str] = sorted(result.params)
pred = result.predict(X, n_samples=50, rng=1)
low, high = pred.interval(0.95)
width = np.mean(high - low) + np.mean(pred.std)
score: float = mb.metrics.rmse(y, pred.mean)
chains = mb.hmc(model, X, y, rng=0, n_chains=2, n_warmup=20, n_draws=20)
shape: tuple[int, ...] = chains.weights.shape
report = mb.check_gradient(lambda x: float(x @ x), lambda x: 2 * x, np.ones(3))
verdict: str = report.verdict
