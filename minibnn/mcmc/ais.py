"""Annealed importance sampling: the log evidence, from below and from above.

A chain of distributions p(w) L(w)^beta leads from prior to posterior. Forward runs give
a lower bound of log p(D) in expectation. On simulated data the weights that made it are
an exact posterior draw; runs that start there and go back give an upper bound.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from minibnn.equations import equation
from minibnn.mcmc.density import CACHE
from minibnn.mcmc.leapfrog import State, transition
from minibnn.model import Model
from minibnn.prediction.predictive import log_mean_exp
from minibnn.progress import SILENT, Progress
from minibnn.rng import seed_sequence
from minibnn.types import ArrayLike, FloatArray, Rng
from minibnn.validation.arguments import (
    as_float_array,
    check_bool,
    check_instance,
    check_int,
    check_shape,
)
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays
from minibnn.validation.pieces import in_turn


@equation("E99")
@np.errstate(all="ignore")
def anneal(parts, w, path, n_leapfrog, rng, reverse=False, progress=SILENT):
    """Log importance weights of annealing runs, forward or in reverse.

    (E99)  log v = Σ_t (β_t - β_{t-1}) log L(w_{t-1}),   E[v] = p(D)
    Derivation.  Let w_0 ~ p(w) and let w_t come from w_{t-1} by a kernel that leaves
        π_t ∝ p L^β_t invariant. Against the same path read backwards from w_T ~ π_T by
        the reversed kernels, all kernels cancel but for their invariance ratios, and
        the density ratio of the two laws of the path is v / p(D). The mean of a density
        ratio is 1: E[v] = p(D) forwards, E[1/v] = 1/p(D) backwards, and by Jensen's
        inequality E[log v] <= log p(D) <= E_backwards[log v]. HMC is reversible, so the
        reversed kernel is the kernel itself.
    Source.  Neal 2001, eqs. 3-11; Grosse, Ancha & Roy 2016 (reverse runs).
    Shapes.  w (S, P), path of T + 1 temperatures -> (S,)
    """
    betas, order = path.betas, range(1, len(path.betas))
    log_weights = np.zeros(len(w))
    for count, t in enumerate(reversed(order) if reverse else order):
        gap = betas[t] - betas[t - 1]
        if not reverse:
            log_weights += gap * parts(w)[2]
        density = tempered(parts, betas[t])
        n_steps = int(rng.integers(1, 2 * n_leapfrog + 1))
        args = (path.steps[t], path.scales[t], n_steps, rng)
        w = transition(density, State(w, *density(w)), *args)[0].w
        if reverse:
            log_weights += gap * parts(w)[2]
        progress(count + 1, lambda _, t=t: f"beta {betas[t]:.4f}")
    return log_weights


MOST = 10_000_000  # particles or temperatures
TARGET_ACCEPT = 0.8
PILOT_MOVES = 4  # transitions of the pilot at each of its temperatures
MOST_TEMPERATURES = 2000  # of the pilot, before it is called hopeless
PILOT_SPREAD = 1.0  # standard deviation, in nats, of the pilot's weight increments


@door
@dataclass(frozen=True)
class Evidence:
    """What annealing says of log p(D), in nats.

    Attributes
    ----------
    log_evidence, se : float
        Forward estimate, low in expectation, and its standard error by the delta
        method (optimistic while ``n_effective`` is small). It exceeds log p(D) by more
        than k nats with a probability below e^-k.
    upper : float or None
        Reverse estimate, high in expectation; only with ``generating_weights``.
    n_effective : float
        Effective number of the forward importance weights.
    log_weights, reverse_log_weights : (S,)
        Of every particle; the reverse ones None without ``generating_weights``.

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> mb.mcmc.Evidence(-12.5, 0.1, -12.2, 30.0, np.zeros(32), np.zeros(32)).bracket
    (-12.5, -12.2)
    """

    log_evidence: float
    se: float
    upper: float | None
    n_effective: float
    log_weights: FloatArray = field(repr=False)
    reverse_log_weights: FloatArray | None = field(repr=False)

    def __post_init__(self) -> None:
        keep_arrays(self)

    def __repr__(self) -> str:
        upper = "" if self.upper is None else f", at most about {self.upper:.6g}"
        return (
            f"Evidence({self.log_evidence:.6g} ± {self.se:.2g} nats{upper}, from "
            f"{self.n_effective:.3g} effective of {len(self.log_weights)} particles)"
        )

    @property
    def bracket(self) -> tuple[float, float]:
        """(lower, upper) in nats; upper is inf without reverse runs."""
        return self.log_evidence, np.inf if self.upper is None else self.upper


@door
def ais(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    rng: Rng = None,
    n_particles: int = 32,
    n_temperatures: int = 500,
    n_leapfrog: int = 20,
    generating_weights: ArrayLike | None = None,
    verbose: bool = False,
) -> Evidence:
    """Estimate the log evidence by annealed importance sampling with HMC moves (E99).

    A pilot run chooses temperatures, step sizes and scales, which the runs that count
    then leave as they are.

    Parameters
    ----------
    model : Model
    X, y : arrays (N, D) and (N,) or (N, K)
    rng : int, SeedSequence, Generator or None
        Equal seeds give equal estimates.
    n_particles : int
        S, independent runs, at least 4.
    n_temperatures : int
        Steps from prior to posterior; the bias falls as they grow in number.
    n_leapfrog : int
        Mean number of leapfrog steps at each temperature.
    generating_weights : array (P,), optional
        Weights drawn from the prior that y was then simulated with: an exact posterior
        draw, from which reverse runs start. With any other weights the upper bound
        means nothing.
    verbose : bool
        Report progress on standard error.

    Returns
    -------
    Evidence
        Without the upper bound after Ctrl-C in the reverse runs.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that does not fit.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.linear(n=20, d=1)
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior(0.0, 1.0))
    >>> found = mb.ais(
    ...     model, data.X, data.y, rng=0, n_particles=8, n_temperatures=50, n_leapfrog=3
    ... )
    >>> exact = mb.exact_posterior(model, data.X, data.y).log_evidence
    >>> abs(found.log_evidence - exact) < 2.0  # nats
    True
    """
    check_instance("model", model, Model)
    A, y = model.batch(X, y, ndim=2, dtype=np.float64)
    n_particles = check_int("n_particles", n_particles, 4, MOST)
    n_temperatures = check_int("n_temperatures", n_temperatures, 2, MOST)
    n_leapfrog = check_int("n_leapfrog", n_leapfrog)
    verbose = check_bool("verbose", verbose)
    rngs = [np.random.default_rng(seed) for seed in seed_sequence(rng).spawn(3)]
    parts, shape = joint_parts(model, A, y), (n_particles, model.n_weights)
    if generating_weights is not None:
        w = as_float_array("generating_weights", generating_weights, dtype=np.float64)
        check_shape("generating_weights", w, shape[1:])
    if not hasattr(model.prior, "draw"):
        raise ValueError(f"model.prior must have draw(shape, rng), got {model.prior!r}")
    pilot_start = model.weight_prior.draw((max(32, n_particles), shape[1]), rngs[0])
    with Progress(verbose, "choosing temperatures", unit="moves") as progress:
        path = pilot(parts, pilot_start, n_leapfrog, rngs[0], progress)
    path = path.resampled(n_temperatures)
    start = model.weight_prior.draw(shape, rngs[1])
    with Progress(verbose, "forward", n_temperatures, "temperatures") as progress:
        args = (parts, start, path, n_leapfrog, rngs[1])
        forward = anneal(*args, progress=progress)
    backward = None
    if generating_weights is not None:
        copies = np.tile(w, (n_particles, 1))
        args = (parts, copies, path, n_leapfrog, rngs[2])
        # Ctrl-C: the forward runs are a whole result
        with suppress(KeyboardInterrupt), Progress(
            verbose, "reverse", n_temperatures, "temperatures"
        ) as progress:
            backward = anneal(*args, reverse=True, progress=progress)
    return evidence(forward, backward)


def evidence(forward, backward):
    """The :class:`Evidence` in log weights of forward and reverse runs."""
    weights = np.exp(forward - forward.max())
    n, total = len(weights), weights.sum()
    upper = None if backward is None else -float(log_mean_exp(-backward))
    return Evidence(
        float(log_mean_exp(forward)),
        float(weights.std(ddof=1) / weights.mean() / np.sqrt(n)),
        upper,
        float(total**2 / (weights**2).sum()),
        forward,
        backward,
    )


def joint_parts(model, A, y):
    """``f(w) -> log prior, its gradient, log likelihood, its gradient``."""
    size = CACHE // (8 * A.shape[-2] * max(model.net.sizes))

    def some(w):
        nll, pull = model.nll(w, A, y)
        return *model.weight_prior.log_prob(w), -nll, -pull()

    return lambda w: in_turn(some, w, size)


def tempered(parts, beta):
    """Log density of p(w) L(w)^beta without its constant, and its gradient."""

    def f(w):
        prior, g_prior, likelihood, g_likelihood = parts(w)
        return prior + beta * likelihood, g_prior + beta * g_likelihood

    return f


@dataclass(frozen=True)
class Path:
    """Inverse temperatures from 0 to 1, with a step size and scales for each."""

    betas: FloatArray
    steps: FloatArray
    scales: FloatArray

    def resampled(self, n: int) -> Path:
        """The same path with n + 1 temperatures, as dense as before everywhere."""
        old, new = np.linspace(0, 1, len(self.betas)), np.linspace(0, 1, n + 1)
        betas, log_steps = (
            np.interp(new, old, v) for v in (self.betas, np.log(self.steps))
        )
        scales = np.stack([np.interp(new, old, v) for v in self.scales.T], 1)
        return Path(betas, np.exp(log_steps), scales)


@np.errstate(all="ignore")  # a far draw overflows; its weight is then e^-inf = 0
def pilot(parts, w, n_leapfrog, rng, progress=SILENT):
    """Choose a path: the next beta spreads the log weights by one nat."""
    beta, step = 0.0, 0.3
    rows = [(beta, step, w.std(0))]
    while beta < 1:
        prior, g_prior, likelihood, g_likelihood = parts(w)
        possible = np.isfinite(likelihood)
        stuck = len(rows) > (100 if beta < 1e-12 else MOST_TEMPERATURES)
        if stuck or not possible.any():
            raise ValueError(
                "X and y must be likelier under the prior: annealing got stuck at beta "
                f"{beta:.1e}, where the log likelihood is {likelihood.max():.1e}"
            )
        spread = np.std(likelihood[possible])
        beta = min(1.0, beta + min(PILOT_SPREAD / max(spread, 1e-12), 0.2))
        density, scale = tempered(parts, beta), np.maximum(w.std(0), 1e-10)
        state = State(w, prior + beta * likelihood, g_prior + beta * g_likelihood)
        for _ in range(PILOT_MOVES):
            n_steps = int(rng.integers(1, 2 * n_leapfrog + 1))
            state, move = transition(density, state, step, scale, n_steps, rng)
            step = step * np.exp(0.5 * (move.accept.mean() - TARGET_ACCEPT))
        w = state.w
        rows.append((beta, step, np.maximum(w.std(0), 1e-10)))
        progress((len(rows) - 1) * PILOT_MOVES, lambda _, beta=beta: f"beta {beta:.4f}")
    return Path(*(np.array(column) for column in zip(*rows, strict=True)))
