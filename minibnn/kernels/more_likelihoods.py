"""Further likelihoods: noise that depends on the input, counts, and heavy tails."""

import numpy as np
from scipy.special import ndtri, pdtr, pdtrik, stdtrit

from minibnn.kernels.equations import equation
from minibnn.kernels.likelihood_kernels import (
    gaussian_nll,
    largest_exp,
    poisson_nll,
    student_t_nll,
)
from minibnn.kernels.likelihoods import Likelihood, LocationScale
from minibnn.kernels.validate import check_all, check_positive

MANY = 1e5  # a rate from which on a count is as good as normal, to less than one


@equation("E32")
def heteroscedastic_nll(F, y):
    """Gaussian observations whose log standard deviation is an output as well.

    (E32)  nll = Σ t_bk + (r_bk e^-t_bk)²/2 + log(2 pi)/2,  r = m - y,  F = [m, t]
    Derivation.  E31 observation by observation; m and t are different outputs, so the
        gradient of F holds the slopes of E31 in F and in t side by side.
    Shapes.  F (..., S, B, 2K), y (..., B, K)  ->  nll (..., S), g_F (..., S, B, 2K).
    """
    m, t = np.split(F, 2, axis=-1)
    nll, g_m, g_t = gaussian_nll(m, y, t)
    return nll, np.concatenate([g_m, g_t], axis=-1)


class HeteroscedasticGaussian(Likelihood):
    """Normal noise whose standard deviation depends on the input (E32).

    The network needs 2 K outputs for K targets: K means, then K log standard
    deviations.
    """

    location_scale = True

    def __repr__(self):
        return "HeteroscedasticGaussian()"

    def check_width(self, n_outputs):
        """A mean and a log scale for every target."""
        if n_outputs % 2:
            raise ValueError(
                "likelihood HeteroscedasticGaussian() reads an even number of network "
                f"outputs (means, then log scales), the network has {n_outputs}"
            )

    def log_scale_outputs(self, n_outputs):
        """The second half: wild first scales would drown what the means have to learn."""
        return slice(n_outputs // 2, n_outputs)

    def target_shape(self, shape):
        """Half as many targets as outputs."""
        return shape[:-1] + (shape[-1] // 2,)

    def __call__(self, F, y, v):
        """Negative log-likelihood and gradient for both heads."""
        return *heteroscedastic_nll(F, y), None

    def mean(self, F, v):
        """E[y | F]: the first half of the outputs."""
        return np.split(F, 2, axis=-1)[0]

    def variance(self, F, v):
        """Var[y | F] from the second half."""
        return np.exp(2.0 * np.split(F, 2, axis=-1)[1])

    def sample(self, F, v, uniform):
        """A draw of y; of the uniform numbers the first half is used."""
        m, t = np.split(F, 2, axis=-1)
        noise = ndtri(uniform[..., : m.shape[-1]]).astype(F.dtype, copy=False)
        return m + largest_exp(t) * noise


class Poisson(Likelihood):
    """Counts 0, 1, 2, ... with log rate f (E35)."""

    def __repr__(self):
        return "Poisson()"

    def check_values(self, y):
        """Counts are whole and not negative."""
        return check_all("y", y, (y >= 0) & (y == np.floor(y)), "a count 0, 1, 2, ...")

    def __call__(self, F, y, v):
        """Negative log-likelihood and gradient for the log rates."""
        return *poisson_nll(F, y), None

    def mean(self, F, v):
        """The rate."""
        with np.errstate(over="ignore"):
            return np.exp(F)

    def variance(self, F, v):
        """The rate again."""
        return self.mean(F, v)

    def sample(self, F, v, uniform):
        """The smallest count whose cumulated probability reaches the number."""
        rate = self.mean(F, v)
        few = np.minimum(rate, MANY)
        count = np.ceil(pdtrik(uniform, few))
        below = np.maximum(count - 1.0, 0.0)  # pdtrik may err by a rounding upwards
        count = np.where(pdtr(below, few) >= uniform, below, count)
        z = ndtri(uniform)  # Cornish and Fisher: two moments and the skewness
        spread = np.sqrt(np.minimum(rate, 1e30))  # a rate of inf stays inf
        most = np.ceil(rate + spread * z + (z * z - 4.0) / 6.0)
        return np.where(rate > MANY, most, count).astype(F.dtype)


class StudentT(LocationScale):
    """Student-t noise: outliers cost a logarithm, not a square (E36).

    Parameters
    ----------
    df : float
        Degrees of freedom > 0, fixed; infinitely many make a :class:`Gaussian`. Up to 2
        the variance of y is infinite (and so are predictive standard deviations);
        quantiles always exist.
    scale, log_scale_prior
        As for :class:`Gaussian`; scale is not the standard deviation, which is
        scale √(df / (df - 2)).
    """

    def __init__(self, df, scale=1.0, log_scale_prior=(0.0, 1.0)):
        super().__init__(scale, log_scale_prior)
        if isinstance(df, float | np.floating) and df == np.inf:
            raise ValueError("df must be finite, got inf: then it is Gaussian(scale)")
        self.df = check_positive("df", df)

    def __repr__(self):
        return f"StudentT({self.df:g}, scale={self.scale!r})"

    def kernel(self, F, y, t):
        """E36 at these degrees of freedom."""
        return student_t_nll(F, y, t, self.df)

    def variance(self, F, v):
        """Var[y | F] = s² df / (df - 2), infinite up to df = 2."""
        factor = self.df / (self.df - 2.0) if self.df > 2 else np.inf
        variance = (factor * np.exp(2.0 * self.log_scale(v))).astype(F.dtype)
        return np.broadcast_to(variance, F.shape)

    def sample(self, F, v, uniform):
        """A draw of y for each uniform number."""
        noise = np.exp(self.log_scale(v)) * stdtrit(self.df, uniform)
        return F + noise.astype(F.dtype, copy=False)
