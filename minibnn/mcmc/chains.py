"""What HMC returns: draws, what they predict, and whether to believe them."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from minibnn.mcmc.ess import ess
from minibnn.mcmc.r_hat import r_hat
from minibnn.model import Model
from minibnn.prediction.prediction import predict
from minibnn.rng import seed_sequence
from minibnn.validation.arguments import as_inputs, check_all, check_int, check_rows
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays
from minibnn.validation.pieces import in_turn

ACTIVATIONS = 500_000  # draws x rows x units of one forward pass


@np.errstate(all="ignore")  # an overflow is told by whoever asks
def outputs(model, weights, A):
    """Network outputs of draws (C, n, P) on features (N, D+1), (C, n, N, K)."""
    w = weights.reshape(-1, weights.shape[-1])[:, : model.net.n_weights]
    size = ACTIVATIONS // (max(1, len(A)) * max(model.net.sizes))
    F = in_turn(lambda w: model.net.apply(w, A)[0], w, size)
    return F.reshape(weights.shape[:2] + F.shape[1:])


@door
@dataclass
class Chains:
    """Draws from the posterior by several Hamiltonian Monte Carlo chains.

    A reference, asymptotically exact: how exact is told by ``r_hat``, ``ess``,
    ``divergences`` and ``floor``.

    Attributes
    ----------
    weights : (chain, draw, P)
    accept_rate : (chain,)
        Mean acceptance probability after warm-up.
    divergences : int
        Transitions after warm-up whose energy error passed 1000 nats; where they happen
        the posterior is sharper than the step size resolves, and draws are missing.
    step_size : (chain,)
        Leapfrog step in units of ``scale``.
    scale : (chain, P)
        The scale learned for every weight.
    stats : dict of arrays (chain, draw)
        "lp", "energy", "acceptance_rate", "diverging", "n_steps".
    stop_reason : str
        Why there are no more draws: "ess" (they suffice), "max_draws" (they do not, as
        far as has been seen), "n_draws" (so many were asked for), "interrupted".
    """

    model: Model = field(repr=False)
    weights: np.ndarray = field(repr=False)
    step_size: np.ndarray
    scale: np.ndarray = field(repr=False)
    stats: dict = field(repr=False)
    prediction_seed: np.random.SeedSequence = field(repr=False)
    stop_reason: str = "n_draws"

    __post_init__ = keep_arrays

    def __repr__(self):
        n_chains, n_draws, _ = self.weights.shape
        return (
            f"Chains({n_chains} chains of {n_draws} draws, "
            f"{self.divergences} divergences, "
            f"acceptance {self.accept_rate.mean():.2f}, "
            f"stop_reason={self.stop_reason!r})"
        )

    @property
    def accept_rate(self):
        """Mean acceptance probability of each chain, (chain,)."""
        return self.stats["acceptance_rate"].mean(1)

    @property
    def divergences(self):
        """Number of divergent transitions in all chains."""
        return int(self.stats["diverging"].sum())

    def predict(self, X, n_samples=None, rng=None):
        """Posterior predictive at X (N, D); see :class:`minibnn.Prediction`.

        By default every draw is used; ``n_samples`` takes that many, evenly spaced.
        ``rng`` matters to intervals of noisy targets only.
        """
        return self._predict(self.weights, X, n_samples, rng)

    def outputs(self, X):
        """Network outputs at X (N, D) for every draw, (chain, draw, N[, C])."""
        F = outputs(self.model, self.weights, self.model.features(X, ndim=2))
        check_all("outputs", F, np.isfinite(F), "finite; X or a weight is too large")
        return F[..., 0] if F.shape[-1] == 1 else F

    def r_hat(self, X=None):
        """Rank-normalised split R-hat (E96): of every weight, or of the outputs at X.

        Hidden units may swap places, so chains that give the same predictions can
        disagree on every single weight: judge by function space, ``r_hat(X)``.

        Returns (P,), or (N,) or (N, C) with X.
        """
        return r_hat(self._quantity(X))

    def ess(self, X=None):
        """Bulk effective sample size (E97): of every weight, or of the outputs at X.

        Returns (P,), or (N,) or (N, C) with X.
        """
        return ess(self._quantity(X))

    def _quantity(self, X):
        return self.weights if X is None else self.outputs(check_rows("X", as_inputs(X)))

    def floor(self, X):
        """Mean |p - p'| of the predictive means of either half of the chains.

        What two references of half the size differ by; print it beside every distance
        to this one. With one chain the halves are its first and second half.
        """
        n_chains, n_draws, _ = self.weights.shape
        if n_chains * n_draws < 2:
            raise ValueError("a floor needs at least 2 draws or 2 chains, got 1")
        if n_chains > 1:
            half = n_chains // 2
            halves = self.weights[:half], self.weights[-half:]
        else:
            half = n_draws // 2
            halves = self.weights[:, :half], self.weights[:, -half:]
        X = check_rows("X", as_inputs(X))
        a, b = (self._predict(part, X).mean for part in halves)
        return float(np.abs(a - b).mean())

    def _predict(self, weights, X, n_samples=None, rng=None):
        X = as_inputs(X, dtype=np.float64)
        w = weights.reshape(-1, weights.shape[-1])
        count = len(w)
        if n_samples is not None:
            count = check_int("n_samples", n_samples, maximum=len(w))
        w = w[np.arange(count) * len(w) // count]
        chunks = partial(in_chunks, w)
        seed = self.prediction_seed if rng is None else seed_sequence(rng)
        return predict(self.model, chunks, X, count, seed)

    def to_dict(self):
        """Draws and statistics by group: ``arviz.from_dict(chains.to_dict())``.

        ArviZ before 1.0 wants ``from_dict(**chains.to_dict())``.
        """
        step = np.broadcast_to(self.step_size[:, None], self.weights.shape[:2])
        return {
            "posterior": {"w": self.weights.copy()},
            "sample_stats": {key: value.copy() for key, value in self.stats.items()}
            | {"step_size": step.copy()},
        }


def in_chunks(w, seed, n_samples, size):
    """Yield weights (S, P) some at a time; of the module, so that predictions pickle."""
    yield from (w[i : i + size] for i in range(0, len(w), size))
