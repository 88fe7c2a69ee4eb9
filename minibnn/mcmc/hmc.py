"""Hamiltonian Monte Carlo: the reference that variational posteriors are judged by."""

from __future__ import annotations

from time import perf_counter
from typing import Literal

import numpy as np

from minibnn.inputs import named_data
from minibnn.mcmc.adaptation import StepSearch, first_step, window_ends, window_scales
from minibnn.mcmc.chains import Chains
from minibnn.mcmc.density import LogJoint
from minibnn.mcmc.enough import Enough, evenly
from minibnn.mcmc.leapfrog import State, transition
from minibnn.model import Model
from minibnn.progress import Progress
from minibnn.rng import seed_sequence
from minibnn.types import ArrayLike, Rng
from minibnn.validation.arguments import (
    as_float_array,
    check_bool,
    check_instance,
    check_int,
    check_number,
    check_positive,
    check_rows,
    check_shape,
)
from minibnn.validation.columns import columns_of
from minibnn.validation.describe import largest
from minibnn.validation.doors import door

FEWEST = 20  # draws that Ctrl-C leaves as a result
MOST = 10_000_000  # chains, or draws of a chain: all are kept


@door
def hmc(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    *,
    rng: Rng = None,
    n_chains: int = 4,
    n_draws: int | Literal["auto"] = "auto",
    max_draws: int = 3000,
    watch: ArrayLike | None = None,
    n_warmup: int = 500,
    path_length: float = 2.5,
    max_leapfrog: int = 1000,
    target_accept: float = 0.8,
    init: ArrayLike | None = None,
    verbose: bool = False,
) -> Chains:
    """Draw weights from the posterior by Hamiltonian Monte Carlo (E94).

    All chains advance together as one batch. During warm-up every chain learns its own
    step size (E95) and its own scale for every weight (a diagonal
    mass) in windows that double. Path lengths are jittered, uniform between 0 and twice
    ``path_length``, so that no direction is always followed for full periods.

    Parameters
    ----------
    model : Model
    X, y : arrays (N, D) and (N,) or (N, K)
        Computed in double precision.
    rng : int, SeedSequence, Generator or None
        Equal seeds give equal chains.
    n_chains, n_warmup : int
        ``n_warmup`` transitions are thrown away; at least 20.
    n_draws : "auto" or int
        How many draws of each chain are kept. "auto": until those of all chains are
        worth 400 independent ones (bulk ESS), at an R-hat of 1.02 or less, in every
        output of the network at the rows watched, and in the likelihood's own weights.
    max_draws : int
        The end of "auto", however many are wanted.
    watch : array (M, D), optional
        The rows that "auto" goes by, all of them. By default the training rows; of more
        than 2000, so many evenly spaced.
    path_length : float
        Mean length of a path in standard deviations of the weights.
    max_leapfrog : int
        Most leapfrog steps of one path.
    target_accept : float in (0, 1)
        Acceptance probability to aim for; larger means smaller steps.
    init : array (n_chains, P), optional
        Where to start; by default each chain like a new network.
    verbose : bool
        Report progress on standard error.

    Returns
    -------
    Chains
        Its ``stop_reason`` says whether "auto" found what it looked for. After Ctrl-C
        while drawing with the draws so far, if there are 20; earlier there is nothing to
        return.

    Raises
    ------
    ValueError, TypeError
        Before anything runs, naming the argument that does not fit; or if the joint
        density is not finite at a starting point.

    Notes
    -----
    Duane et al. 1987; Neal 2011; windows and first steps after Hoffman & Gelman 2014
    and Stan.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.linear(n=50, d=2, noise=0.1)
    >>> model = mb.Model(mb.MLP([2, 1]), mb.Gaussian(0.1), mb.GaussianPrior(0.0, 1.0))
    >>> chains = mb.hmc(
    ...     model, data.X, data.y, rng=0, n_chains=2, n_draws=50, n_warmup=50
    ... )
    >>> chains.weights.shape, chains.divergences, chains.stop_reason
    ((2, 50, 3), 0, 'n_draws')
    >>> exact = mb.exact_posterior(model, data.X, data.y)
    >>> bool(abs(chains.weights.mean((0, 1)) - exact.mean).max() < 0.02)
    True
    """
    began = perf_counter()
    check_instance("model", model, Model)
    A, y = model.batch(X, y, ndim=2, dtype=np.float64)
    n_chains = check_int("n_chains", n_chains, maximum=MOST)
    verbose = check_bool("verbose", verbose)
    most, enough = check_draws(model, A, n_draws, max_draws, watch)
    seed = seed_sequence(rng)
    run_seed, prediction_seed = seed.spawn(2)
    sampler = Sampler(
        LogJoint(model, A, y),
        np.random.default_rng(run_seed),
        check_int("n_warmup", n_warmup, minimum=20),
        check_positive("path_length", path_length),
        check_int("max_leapfrog", max_leapfrog),
        check_number("target_accept", target_accept, 0.0, 1.0, strict=True),
        verbose,
        (A, y),
    )
    sampler.start(starting_points(model, n_chains, init, sampler.rng))
    sampler.warm_up()
    draws, stats = sampler.sample(most, enough)
    learned = sampler.steps.final, sampler.scale
    return Chains(
        model,
        draws,
        *learned,
        stats,
        prediction_seed,
        sampler.stop_reason,
        columns_of(X),
        perf_counter() - began,
    )


def check_draws(model, A, n_draws, max_draws, watch):
    """How many draws at most, and what says that there are enough, or None."""
    max_draws = check_int("max_draws", max_draws, maximum=MOST)
    if watch is None:
        rows = evenly(A)
    else:
        watch = as_float_array("watch", watch, ndim=2, allow_bool=True, dtype=np.float64)
        check_shape("watch", watch, (len(watch), model.net.n_inputs))
        rows = model.net.features(check_rows("watch", watch))
    if isinstance(n_draws, str) and n_draws == "auto":
        return max_draws, Enough(model, rows)
    return check_int("n_draws", n_draws, maximum=MOST), None


def starting_points(model, n_chains, init, rng):
    """(n_chains, P): as given, or as many new networks."""
    if init is None:
        return np.stack([model.initial_weights(rng) for _ in range(n_chains)])
    init = as_float_array("init", init, ndim=2, dtype=np.float64)
    return check_shape("init", init, (n_chains, model.n_weights)).copy()


class Sampler:
    """All chains at once, and what they have learned so far."""

    def __init__(
        self, log_density, rng, n_warmup, path_length, max_leapfrog, target, verbose, data
    ):
        self.data = data  # to say what is too large
        self.log_density, self.rng = log_density, rng
        self.n_warmup, self.path_length = n_warmup, path_length
        self.max_leapfrog, self.target, self.verbose = max_leapfrog, target, verbose

    def start(self, w):
        """Begin at w (C, P) with unit scales and a step size found by doubling."""
        with np.errstate(all="ignore"):
            self.state = State(w, *self.log_density(w))
        if not (np.isfinite(self.state.log_joint).all()):
            raise ValueError(
                "init must have a finite log joint in every chain, got "
                f"{self.state.log_joint}; "
                f"{largest([('init', w), *named_data(*self.data)])}"
            )
        self.scale = np.ones_like(w)
        self.settle()
        self.steps = StepSearch(self._first_step(), self.target)

    def _first_step(self):
        return first_step(
            self.log_density, self.state, self.scale, self.rng, transition
        )

    def warm_up(self):
        """Learn step sizes all the time and scales at the end of every window."""
        with Progress(self.verbose, "warm-up", self.n_warmup, "moves") as progress:
            self.learn(progress)

    def learn(self, progress):
        """The warm-up, watched."""
        ends, window = window_ends(self.n_warmup), []
        for i in range(self.n_warmup):
            # short paths until the first window has given the scales
            limit = self.max_leapfrog if i >= ends[1] else self.max_leapfrog // 8 + 1
            move, _ = self.advance(self.steps.step, limit)
            self.steps.update(move.accept)
            if ends[0] <= i < ends[-1]:
                window.append((self.state.w, self.state.gradient))
            if i + 1 in ends[1:]:
                self.scale = window_scales(*map(np.array, zip(*window, strict=True)))
                window = []
                self.settle()
                self.steps.restart(self._first_step())
            progress(i + 1, self.words)

    def settle(self):
        """Look whether forces are precise enough for the scales."""
        if self.log_density.settle(self.state.w, self.scale):
            with np.errstate(all="ignore"):
                self.state = State(self.state.w, *self.log_density(self.state.w))

    def advance(self, step, limit):
        """One transition of all chains; returns what it did and its number of steps."""
        length = 2 * self.path_length * self.rng.random()
        n_steps = int(np.clip(np.ceil(length / step.mean()), 1, limit))
        args = (self.state, step[:, None], self.scale, n_steps, self.rng)
        self.state, move = transition(self.log_density, *args)
        return move, n_steps

    def sample(self, n_draws, enough=None):
        """Draws (C, n, P) and statistics (C, n) with everything learned held fixed.

        So many draws, or until there are ``enough(draws so far, n_draws)``.
        """
        rows = []
        try:
            with Progress(self.verbose, "sampling", n_draws, "draws") as progress:
                self.stop_reason = self.draw(rows, n_draws, enough, progress)
        except KeyboardInterrupt:
            if len(rows) < FEWEST:
                raise
            self.stop_reason = "interrupted"
        draws, log_joint, accept, diverged, energy, counts = (
            np.stack(part, 1) for part in zip(*rows, strict=True)
        )
        stats = {
            "lp": log_joint, "energy": energy, "acceptance_rate": accept,
            "diverging": diverged, "n_steps": counts,
        }
        return draws, stats

    def draw(self, rows, n_draws, enough, progress):
        """Append what becomes of each transition to rows; returns why it ends."""
        step, weights = self.steps.final, []
        for i in range(n_draws):
            move, n_steps = self.advance(step, self.max_leapfrog)
            counts = np.full(len(step), n_steps)
            rows.append((self.state.w, self.state.log_joint, *move, counts))
            progress(i + 1, lambda _: self.words() + (f", {enough.said}" if enough else ""))
            if enough is None:
                continue
            weights.append(self.state.w)
            if enough(weights, n_draws):
                return "ess"
        return "n_draws" if enough is None else "max_draws"

    def words(self, _=0):
        """What progress says beside the count."""
        return f"mean log joint {self.state.log_joint.mean():.2f}"
