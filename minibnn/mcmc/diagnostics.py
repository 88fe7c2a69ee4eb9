"""Have the chains converged, and how many independent draws are they worth?

Arrays are (chain, draw, ...); every trailing entry is a quantity of its own. A quantity
on which chains disagree for ever (a weight, whose hidden unit may sit anywhere) can be
useless to ask about; the network's outputs are what predictions are made of.
"""

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from minibnn.equations import equation
from minibnn.validation.arguments import as_float_array
from minibnn.validation.doors import door

LEAST_DRAWS = 8  # per chain: halves need a few pairs of lags


@door
def r_hat(draws):
    """Rank-normalised split R-hat of every quantity, (chain, draw, ...) -> (...).

    The larger of the R-hats of ranks (do chains agree on location?) and of folded ranks
    (on spread?). Near 1 is good, 1.01 is a common limit; inf where halves are constant
    and differ.

    Raises
    ------
    ValueError
        For fewer than 8 draws a chain, or NaN.
    """
    halves = split(_checked(draws))
    folded = np.abs(halves - np.median(halves, axis=(0, 1)))
    ranks = (rank_normalise(halves), rank_normalise(folded))
    return np.maximum(*(potential_reduction(z) for z in ranks))


@door
def ess(draws):
    """Bulk effective sample size of every quantity, (chain, draw, ...) -> (...).

    Of rank-normalised split chains. It can exceed the number of draws where successive
    draws are anticorrelated. Where chains agree it is the number that Stan and ArviZ
    print. Where they do not, the sum of correlations never ends of itself; those two
    leave out its last three to five lags, and so say more, the more the shorter the
    chains are: 7 % at 50 draws, half as much again at 20. Here every lag counts, as the
    definition says, and the size of chains that are stuck does not depend on how long
    they have been.

    Raises
    ------
    ValueError
        For fewer than 8 draws a chain, or NaN.
    """
    return effective_size(rank_normalise(split(_checked(draws))))


def _checked(draws):
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
    scores = ndtri((rankdata(flat, axis=0) - 0.375) / (len(flat) + 0.25))
    return scores.reshape(draws.shape)


def _variances(draws):
    """Within-chain variance W and the pooled estimate V, per quantity."""
    n = draws.shape[1]
    within = draws.var(1, ddof=1).mean(0)
    between = draws.mean(1).var(0, ddof=1) if len(draws) > 1 else 0.0
    return within, (n - 1) / n * within + between


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
    within, total = _variances(draws)
    stuck = within <= 0
    ratio = np.sqrt(total / np.where(stuck, 1.0, within))
    return np.where(stuck, np.where(total > 0, np.inf, 1.0), ratio)


@equation("E97")
def effective_size(draws):
    """Number of independent draws that would estimate the mean as well.

    (E97)  ESS = m n / τ,   τ = 1 + 2 Σ_t ρ_t,   ρ_t = 1 - (W - mean_c acov_ct) / V
    Derivation.  The variance of a mean of m n draws with autocorrelations ρ_t is
        σ²/(mn) (1 + 2 Σ (1 - t/n) ρ_t), so τ draws are worth one. Using V of E96 for σ²
        counts disagreement between chains as correlation at every lag. Pair sums
        ρ_2k + ρ_2k+1 of a reversible chain are positive and fall: the sum ends at the
        first that is not, and a rising one is replaced by the one before. τ is at least
        1/log10(m n), lest antithetic chains claim too much.
    Source.  Geyer 1992, sec. 3.3; Vehtari et al. 2021, eqs. 10-13.
    Shapes.  (chain, draw, ...) -> (...)
    """
    n, total_draws = draws.shape[1], draws.shape[0] * draws.shape[1]
    within, total = _variances(draws)
    scale = np.where(total > 0, total, 1.0)
    rho = 1 - (within - _autocovariance(draws).mean(0)) / scale
    rho[0] = 1.0
    even, odd = rho[: n - n % 2 : 2], rho[1::2]
    pairs = even + odd
    going = np.logical_and.accumulate(pairs > 0)
    summed = np.where(going, np.minimum.accumulate(pairs), 0.0).sum(0)
    last = np.minimum(going.sum(0), len(pairs) - 1)  # the first pair that is left out
    rest = np.take_along_axis(even, last[None], 0)[0] * ~going[-1]
    tau = np.maximum(2 * summed - 1 + np.maximum(rest, 0), 1 / np.log10(total_draws))
    return total_draws / np.where(total > 0, tau, 1.0)


def _autocovariance(draws):
    """Autocovariances of every chain at lags 0 .. n-1 along axis 1, divided by n."""
    n = draws.shape[1]
    spectrum = np.fft.rfft(draws - draws.mean(1, keepdims=True), 2 * n, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, 2 * n, axis=1)[:, :n] / n
