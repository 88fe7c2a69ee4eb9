"""A full covariance by default is never below mean field, on the generated problems."""

import sys
from pathlib import Path

import numpy as np
import pytest

import minibnn as mb

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from problems import PROBLEMS, SEEDS

LEAST = {"moons 20": 5.0, "moons 50": 3.0}  # nats above mean field, mean of five seeds
NAMES = [*LEAST, "linear", "circles", "two clusters", "sine", "coin", "friedman3", "large"]
SAMPLES, AT_ONCE = 1000, 50


def minus_elbos(model, family, params, A, y):
    """Minus the ELBO at common noises, one by one."""
    rng, (q, _) = np.random.default_rng(0), family.natural(params)
    nll = []
    for _ in range(SAMPLES // AT_ONCE):
        w, _ = family.sample(q, rng.standard_normal((AT_ONCE, model.n_weights)))
        nll.append(model.nll(w, A, y)[0])
    return np.concatenate(nll) + family.kl(q, model.weight_prior)[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::minibnn.FitWarning")
@pytest.mark.parametrize("name", NAMES)
def test_full_covariance_gains_on_a_default_mean_field(name):
    gains, errors = [], []
    for seed in SEEDS:
        rows, model = PROBLEMS[name].draw(seed), PROBLEMS[name].model()
        X, y, family = rows.X, rows.y, mb.FullCovariance()
        mean_field = mb.fit(model, mb.MeanField(), X, y, rng=seed).params
        full = mb.fit(model, family, X, y, rng=seed).params
        states = family.embed(mean_field), full
        before, after = (minus_elbos(model, family, p, *model.batch(X, y)) for p in states)
        gains.append((before - after).mean())
        errors.append((before - after).std() / np.sqrt(SAMPLES))
        print(f"{name} {seed}: {gains[-1]:+.2f} ± {errors[-1]:.2f} nats")
    least = LEAST.get(name, -max(1.0, 3 * np.linalg.norm(errors) / len(errors)))
    assert np.mean(gains) >= least
