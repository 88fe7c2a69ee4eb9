"""The ELBO of rows with codes of their own: what it refuses, and where it is tight."""

import numpy as np
import pytest

import minibnn as mb
from minibnn.exact import row_elbos

W, Y = np.array([[1.0, 0.0], [0.0, -2.0], [0.0, 0.0]]), np.array([[0.4, -1.1, 0.7]])


def test_at_the_posterior_it_is_the_log_evidence():
    """Orthogonal columns: the posterior has independent codes."""
    model = mb.Model(mb.MLP([2, 1], bias=False), mb.Gaussian(0.6), mb.GaussianPrior())
    exact = mb.exact_posterior(model, W, Y[0])
    got = row_elbos(W, Y, 0.6, [exact.mean], [np.sqrt(exact.variances)])
    np.testing.assert_allclose(got, exact.log_evidence, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Y": Y[:, :2]}, "Y must have shape"),
        ({"mean": [0.0, 0.0]}, "mean must have shape"),
        ({"sigma": [[0.1]]}, "sigma must have shape"),
        ({"sigma": [[0.1, 0.0]]}, "sigma must be positive"),
        ({"noise_sd": 0.0}, "noise_sd"),
    ],
)
def test_errors_name_the_argument(change, words):
    good = {"W": W, "Y": Y, "noise_sd": 0.5, "mean": [[0, 0]], "sigma": [[1.0, 1.0]]}
    with pytest.raises(ValueError, match=words):
        row_elbos(**good | change)
