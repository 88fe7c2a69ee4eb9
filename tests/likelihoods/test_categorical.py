"""One of K classes, against scipy's multinomial; which number draws which class."""

import numpy as np
from scipy import stats

import minibnn as mb

NONE = np.zeros((2, 0))


def test_categorical_is_multinomial_of_one():
    F = np.array(
        [[[0.3, -1.7, 1.0], [9.0, 0.0, -3.0]], [[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]]]
    )
    likelihood, y = mb.Categorical(3), np.array([2, 0])
    p = np.exp(F) / np.exp(F).sum(-1, keepdims=True)
    truth = [[stats.multinomial(1, row) for row in rows] for rows in p]
    want = [[-d.logpmf(np.eye(3)[k]) for d, k in zip(ds, y, strict=True)] for ds in truth]
    np.testing.assert_allclose(likelihood.row_nll(F, y, NONE), want, rtol=1e-12)
    covariance = [[np.diag(d.cov()) for d in row] for row in truth]
    np.testing.assert_allclose(likelihood.variance(F, NONE), covariance, rtol=1e-10)


def test_the_class_drawn_is_the_one_whose_interval_holds_the_number():
    """Classes of 0.2, 0.3, 0.5; of the numbers the first is used."""
    F = np.log([0.2, 0.3, 0.5]) + np.zeros((4, 1, 3))
    u = np.array([[0.1, 0.9, 0.9], [0.3, 0, 0], [0.49, 0.9, 0], [0.6, 0, 0]])[:, None]
    found = mb.Categorical(3).sample(F, np.zeros((4, 0)), u)
    assert found[:, 0, 0].tolist() == [0, 1, 1, 2]
