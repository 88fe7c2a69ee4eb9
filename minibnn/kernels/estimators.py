"""Estimators: how E_q[negative log-likelihood] and the KL become numbers and gradients.

Protocol: ``noise_shape(model, family, n_samples, n_rows) -> (S, M)`` and
``(model, family, q, noise, A, y) -> nll (..., S), pull, (kl, g_kl)`` with
``pull(c)`` the cotangent of Σ_s c nll_s. The noise is an argument, so at fixed noise
everything here is an ordinary function of q that can be differenced. The KL is the
estimator's too: some sample it. ``check(model, family)`` names what is missing where
the three do not combine; ``exact`` says that no noise is left.
"""

import numpy as np

from minibnn.kernels.equations import equation
from minibnn.kernels.families import add
from minibnn.kernels.validate import check_bool


def closed_kl(model, family, q):
    """The analytic KL (for a point: the penalty) and its cotangent."""
    return family.kl(q, model.weight_prior)


def needs_samples(model, family):
    """Whether the prior has no closed form under this family."""
    return family.has_elbo and not model.weight_prior.has_closed_kl


def check_independent(estimator, family):
    """Raise ValueError unless the family's weights are independent."""
    if not family.has_moments:
        raise ValueError(
            f"estimator {estimator!r} needs a family with independent weights "
            f"(mean and variance of each), {family!r} has none: use Pathwise()"
        )


def check_density(estimator, family):
    """Raise ValueError unless q has a density."""
    if not family.has_elbo:
        raise ValueError(
            f"estimator {estimator!r} needs a family with a density, "
            f"{family!r} has none: use Pathwise()"
        )


def check_closed_kl(estimator, model, family):
    """Raise ValueError where the KL would have to be sampled."""
    if needs_samples(model, family):
        raise ValueError(
            f"estimator {estimator!r} draws no weights, so prior {model.prior!r} "
            f"needs a closed-form KL and has none: use Pathwise()"
        )


class Estimator:
    """What all estimators share."""

    exact = False

    def __repr__(self):
        return f"{type(self).__name__}()"

    def check(self, model, family):
        """Raise ValueError naming what is missing; by default nothing can be."""

    def noise_shape(self, model, family, n_samples, n_rows):
        """(S, P): one standard normal per weight."""
        return n_samples, family.noise_size(model)


class Pathwise(Estimator):
    """One weight sample serves the whole batch: the reparameterization estimator (E61).

    Every family, likelihood and prior combine with it.

    Parameters
    ----------
    antithetic : bool
        Use every noise twice, as eps and as -eps (E68): S (rounded up to even) weight
        samples from S / 2 rows of noise.
    """

    def __init__(self, antithetic=False):
        self.antithetic = check_bool("antithetic", antithetic)

    def __repr__(self):
        return f"Pathwise({'antithetic=True' if self.antithetic else ''})"

    def noise_shape(self, model, family, n_samples, n_rows):
        """(S, P), antithetic half the rows; a point needs one sample and no noise."""
        size = family.noise_size(model)
        rows = -(-n_samples // 2) if self.antithetic else n_samples
        return (rows if size else 1, size)

    @equation("E61")
    def __call__(self, model, family, q, noise, A, y):
        """Unbiased gradients by moving the expectation onto noise that has no parameters.

        (E61)  ∇ E_q[ℓ(w)] = E_eps[∇ ℓ(w(eps))]
        Derivation.  With w = mu + sigma ∘ eps the density of eps does not depend on the
            parameters, so the derivative passes under the integral (ℓ is Lipschitz on
            bounded sets and grows slower than the Gaussian decays) and the chain rule
            through (E14) finishes it. A prior without closed KL is sampled by the same
            w: KL = E_q[log q] - E_eps[log p(w(eps))], its entropy still analytic.
        Source.  Kingma & Welling 2014, sec. 2.4; Blundell et al. 2015, Proposition 1.
        """
        w, pull_w = family.sample(q, mirrored(noise) if self.antithetic else noise)
        nll, pull_nll = model.nll(w, A, y)

        def pull(c):
            return pull_w(pull_nll(c))

        if needs_samples(model, family):
            return nll, pull, sampled_kl(model, family, q, w, pull_w)
        return nll, pull, closed_kl(model, family, q)


@equation("E68")
def mirrored(noise):
    """Antithetic noise: every draw with its mirror image, (..., S/2, M) -> (..., S, M).

    (E68)  E[ℓ] ≈ (ℓ(eps) + ℓ(-eps)) / 2,   its variance Var(even part of ℓ)
    Derivation.  -eps has the same law as eps, so the mean stays what it is. Write ℓ as
        even + odd part in eps; the odd part cancels in each pair. Two independent draws
        would leave (Var even + Var odd)/2: a gain where odd (linear) parts dominate, as
        for ∂/∂mu, a loss where even ones do, as for ∂/∂sigma.
    Source.  Hammersley & Morton 1956.
    """
    return np.concatenate([noise, -noise], axis=-2)


def sampled_kl(model, family, q, w, pull_w):
    """KL = E_q[log q] - mean_s log p(w_s), its cotangent through the same samples."""
    value, cotangent = family.neg_entropy(q)
    log_prior, g_prior = model.weight_prior.log_prob(w)
    n_samples = log_prior.shape[-1]
    through_w = pull_w(-g_prior / n_samples)
    return value - log_prior.mean(-1), add(cotangent, through_w)


class LocalReparam(Estimator):
    """Sample pre-activations, not weights: every row has noise of its own (E62).

    Far less gradient noise than :class:`Pathwise` for the same cost in matrix products.
    Needs a family with independent weights and a prior with a closed KL.
    """

    def check(self, model, family):
        """Raise ValueError naming what is missing."""
        check_independent(self, family)
        check_closed_kl(self, model, family)

    def noise_shape(self, model, family, n_samples, n_rows):
        """(S, B x units + the likelihood's own weights)."""
        units = sum(model.net.sizes[1:])
        return n_samples, n_rows * units + model.likelihood.n_weights

    def __call__(self, model, family, q, noise, A, y):
        """(E62) in every layer of the network and for the likelihood's own weights."""
        return *local_nll(model, family, q, noise, A, y), closed_kl(model, family, q)


def local_nll(model, family, q, noise, A, y):
    """The data term of (E62), nll (..., S), and its pullback."""
    mean, var, pull_moments = family.moments(q)
    dtype = np.result_type(mean, var, A, noise)
    g_mean, g_var = np.empty_like(mean, dtype), np.empty_like(mean, dtype)
    n, net = model.net.n_weights, model.net
    layers, rest = local_layers(net, (mean, var), (g_mean, g_var), A, noise)
    lead = np.broadcast_shapes(mean.shape[:-1] + (1,), noise.shape[:-1])
    F, pull_net = net.run(A, layers, lead, g_mean)
    v, pull_v = local_draw(mean[..., None, n:], var[..., None, n:], rest)
    nll, g_F, g_v = model.likelihood(F, y, v)

    def pull(c):
        pull_net(c * g_F)
        if g_v is not None:
            g_mean[..., n:] = c * g_v.sum(-2)
            g_var[..., n:] = c * pull_v(g_v).sum(-2)
        return pull_moments(g_mean, g_var)

    return nll, pull


def local_layers(net, moments, gradients, A, noise):
    """One local layer per dense layer, each with its share of the noise; and the rest."""
    layers, used, n_rows = [], 0, A.shape[-2]
    blocks = [net.blocks(array) for array in (*moments, *gradients)]
    for mean, var, g_mean, g_var in zip(*blocks, strict=True):
        width = mean.shape[-1]
        eps = noise[..., used : used + width * n_rows]
        used += width * n_rows
        eps = eps.reshape(noise.shape[:-1] + (width, n_rows))
        layers.append(local_dense(mean, var, g_mean, g_var, eps, net.bias))
    return layers, noise[..., used:]


@equation("E62")
def local_draw(mean, var, eps):
    """Draw a Gaussian from its mean and variance instead of from its causes.

    (E62)  z = m + √v ∘ eps
    Derivation.  A pre-activation z_hb = Σ_d w_dh a_db is a sum of independent Gaussians,
        hence Gaussian with m = Σ_d mu_dh a_db and v = Σ_d sigma²_dh a²_db; drawing it
        directly leaves the expected loss as it is. ∂z/∂m = 1, ∂z/∂v = eps / (2 √v).
        Where v = 0 (a dead layer's zero inputs) z = m has no noise and no slope.
    Source.  Kingma, Salimans & Welling 2015, sec. 2.3.
    Shapes.  any, elementwise; pull: g_z -> g_v (g_m is g_z itself)
    """
    sd = np.sqrt(var)

    def pull(g):
        tiny = np.finfo(sd.dtype).tiny  # below it 1/√v = √v/v has its slope 0 at v = 0
        return 0.5 * g * eps * sd / np.maximum(var, tiny)

    return mean + sd * eps, pull


def local_dense(mean, var, g_mean, g_var, eps, bias):
    """A dense layer (E21) on means and, with squared inputs, on variances; then (E62).

    mean, var and their gradients (..., D+1, H), eps (..., S, H, B).
    """
    n_in = mean.shape[-2] - bias
    mean_T, var_T = (a[..., None, :, :].swapaxes(-1, -2) for a in (mean, var))

    def layer(A, out):
        squares = A * A
        Z, pull_draw = local_draw(mean_T @ A, var_T @ squares, eps)
        out[...] = Z

        def pull(g, input_wanted):
            g_v = pull_draw(g)
            g_mean[...] = (A @ g.swapaxes(-1, -2)).sum(-3)
            g_var[...] = (squares @ g_v.swapaxes(-1, -2)).sum(-3)
            if not input_wanted:
                return None
            back_m = mean[..., None, :n_in, :] @ g
            back_v = var[..., None, :n_in, :] @ g_v
            return back_m + 2.0 * A[..., :n_in, :] * back_v

        return pull

    return layer
