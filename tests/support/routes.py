"""Routes that share nothing with the package: a density, two slopes, nodes of a mean."""

import numpy as np


def normal(z, mean=0.0, sd=1.0):
    """The normal density."""
    return np.exp(-0.5 * ((z - mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))


def slope(function, at):
    """The derivative by the complex step."""
    return function(at + 1e-30j).imag / 1e-30


def difference(f, x, h=1e-3):
    """The derivative by a central difference of fourth order."""
    return (8 * (f(x + h) - f(x - h)) - f(x + 2 * h) + f(x - 2 * h)) / (12 * h)


def hermite(n):
    """Nodes and weights of a mean over a standard normal epsilon."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()
