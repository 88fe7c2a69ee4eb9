"""The three-constant physics rule of `rupture_data.log_odds` as a row of the study.

Exploratory: the form of the rule was chosen with all rows in view, test rows included.
"""

import numpy as np
import scipy

from minibnn.datasets.rupture_data import log_odds
from minibnn.numerics import sigmoid


class Rule:
    """The three-constant rule; ``scaler`` (mean, sd) leads back to physical units."""

    def __init__(self, constants, scaler):
        self.constants, self.scaler = constants, scaler

    def predict(self, X, n_samples=1000, rng=None):
        """What the rule says at standardised X."""
        mean, sd = self.scaler
        return RulePrediction(log_odds(X * sd + mean, **self.constants))


class RulePrediction:
    """Probabilities of a rule that knows no uncertainty of its own."""

    def __init__(self, logits):
        self.logits, self.mean = logits, sigmoid(logits)

    def log_prob(self, y):
        """Log probability of every label."""
        return -np.logaddexp(0.0, np.where(y == 1, -self.logits, self.logits))


def fitted_rule(raw, y):
    """The rule with b, k and C by maximum likelihood on rows in physical units."""

    def constants(theta):
        return {"b": theta[0], "k": np.exp(theta[1]), "C": np.exp(theta[2])}

    def loss(theta):
        prediction = RulePrediction(log_odds(raw, **constants(theta)))
        return -prediction.log_prob(y).mean()

    start = np.array([0.3, np.log(2.0), np.log(50.0)])
    options = {"xatol": 1e-5, "fatol": 1e-9, "maxiter": 2000}
    best = scipy.optimize.minimize(loss, start, method="Nelder-Mead", options=options)
    scaler = raw.mean(0), raw.std(0)
    return Rule({k: float(v) for k, v in constants(best.x).items()}, scaler)
