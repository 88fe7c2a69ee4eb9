"""R-hat: do the chains agree? And the halves and ranks of draws that it looks at.

Arrays are (chain, draw, ...); every trailing entry is a quantity of its own. A quantity
on which chains disagree for ever (a weight, whose hidden unit may sit anywhere) can be
useless to ask about; the network's outputs are what predictions are made of.
"""

import numpy as np
import scipy
from scipy.special import ndtri

from minibnn.equations import equation
from minibnn.types import ArrayLike, FloatArray
from minibnn.validation.arguments import as_float_array
from minibnn.validation.doors import door

LEAST_DRAWS = 8  # per chain: halves need a few pairs of lags


@equation("E96")
def potential_reduction(draws):
    """How much wider the pooled draws are than a single chain.

    (E96)  R̂ = √(V/W),   V = (n - 1)/n W + B/n,
           W = mean of the chains' variances, B/n = variance of the chains' means
    Derivation.  If chains agree, W and V both estimate the variance of the target: the
        mean of n independent draws has variance σ²/n, which B/n adds to (n-1)/n σ².
        While chains sit in different places each sees too little (W small) and their
        means differ (B large), so R̂ > 1. On halves it also sees a drift; on normal
        scores of ranks no tail is too heavy for it.
    Source.  Gelman & Rubin 1992; Vehtari et al. 2021, eqs. 1-4 and 14.
    Shapes.  (chain, draw, ...) -> (...)
    """
    within, total = variances(draws)
    stuck = within <= 0
    ratio = np.sqrt(total / np.where(stuck, 1.0, within))
    return np.where(stuck, np.where(total > 0, np.inf, 1.0), ratio)


@door
def r_hat(draws: ArrayLike) -> FloatArray:
    """Rank-normalised split R-hat of every quantity, (chain, draw, ...) -> (...).

    The larger of the R-hats of ranks (do chains agree on location?) and of folded ranks
    (on spread?). Near 1 is good, 1.01 is a common limit; inf where halves are constant
    and differ.

    Parameters
    ----------
    draws : array (chain, draw, ...)

    Raises
    ------
    ValueError
        For fewer than 8 draws a chain, or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from minibnn.mcmc.r_hat import r_hat
    >>> draws = np.random.default_rng(0).normal(size=(4, 250))
    >>> apart = draws + 3 * np.arange(4)[:, None]
    >>> bool(r_hat(draws) < 1.02), bool(r_hat(apart) > 1.5)
    (True, True)
    """
    halves = split(checked_draws(draws))
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    ranks = (rank_normalise(halves), rank_normalise(folded))
    return np.maximum(*(potential_reduction(z) for z in ranks))


def checked_draws(draws: ArrayLike) -> FloatArray:
    """Draws (chain, draw, ...) in double precision, enough of them, no NaN."""
    draws = as_float_array("draws", draws, dtype=np.float64)
    if draws.ndim < 2 or draws.shape[1] < LEAST_DRAWS:
        raise ValueError(
            f"draws must have shape (chain, draw, ...) with at least {LEAST_DRAWS} "
            f"draws, got {draws.shape}"
        )
    return draws


def split(draws):
    """Both halves of every chain as chains of their own; a middle draw is left out."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def rank_normalise(draws):
    """Normal scores of the ranks among all draws: any monotone rescaling keeps them."""
    flat = draws.reshape(-1, *draws.shape[2:])
    ranks = scipy.stats.rankdata(flat, axis=0)
    scores = ndtri((ranks - 0.375) / (len(flat) + 0.25))
    return scores.reshape(draws.shape)


def variances(draws):
    """Within-chain variance W and the pooled estimate V, per quantity."""
    n = draws.shape[1]
    within = draws.var(1, ddof=1).mean(0)
    between = draws.mean(1).var(0, ddof=1) if len(draws) > 1 else 0.0
    return within, (n - 1) / n * within + between
