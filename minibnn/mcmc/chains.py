"""What HMC returns: draws, what they predict, and whether to believe them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from minibnn.mcmc.ess import ess
from minibnn.mcmc.r_hat import LEAST_DRAWS, r_hat
from minibnn.model import Model
from minibnn.prediction.inference_dict import inference_dict
from minibnn.prediction.prediction import Prediction, predict
from minibnn.recipe import plain
from minibnn.rng import seed_sequence
from minibnn.tables import Summary, Table
from minibnn.types import Array, ArrayLike, FloatArray, Rng
from minibnn.validation.arguments import as_inputs, check_all, check_int, check_rows
from minibnn.validation.columns import check_columns
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays
from minibnn.validation.pieces import in_turn

ACTIVATIONS = 500_000  # draws x rows x units of one forward pass


@np.errstate(all="ignore")  # an overflow is told by whoever asks
def outputs(model: Model, weights: Array, A: Array) -> Array:
    """Network outputs of draws (C, n, P) on features (N, D+1), (C, n, N, K)."""
    w = weights.reshape(-1, weights.shape[-1])[:, : model.net.n_weights]
    size = ACTIVATIONS // (max(1, len(A)) * max(model.net.sizes))
    F = in_turn(lambda w: model.net.apply(w, A)[0], w, size)
    return F.reshape(weights.shape[:2] + F.shape[1:])


@door
@dataclass
class Chains:
    """Draws from the posterior by several Hamiltonian Monte Carlo chains.

    ``minibnn.hmc`` makes them. A reference, asymptotically exact: how exact is told by
    ``r_hat``, ``ess``, ``divergences`` and ``floor``.

    Parameters
    ----------
    model : Model
        Whose weights they are.
    weights : array (chain, draw, P)
        The draws.
    step_size : array (chain,)
        Leapfrog step in units of ``scale``.
    scale : array (chain, P)
        The scale learned for every weight.
    stats : dict of arrays (chain, draw)
        "lp" (log joint in nats), "energy" (nats), "acceptance_rate", "diverging",
        "n_steps".
    prediction_seed : SeedSequence
        Where predictions draw their noise from unless told otherwise.
    stop_reason : str
        Why there are no more draws: "ess" (they suffice), "max_draws" (they do not, as
        far as has been seen), "n_draws" (so many were asked for), "interrupted".
    columns : list of str, or None
        The names of the columns of X where it was a frame; a frame given later must
        have the same in the same order.
    seconds : float or None
        How long ``hmc`` took by the clock on the wall. Equal runs differ in it, and in
        nothing else.

    Attributes
    ----------
    accept_rate : array (chain,)
        Mean acceptance probability after warm-up.
    divergences : int
        Transitions after warm-up whose energy error passed 1000 nats; where they happen
        the posterior is sharper than the step size resolves, and draws are missing.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.linear(rng=0)
    >>> net = mb.MLP([data.X.shape[1], 1])
    >>> model = mb.Model(net, mb.Gaussian(0.5), mb.GaussianPrior())
    >>> chains = mb.hmc(model, data.X, data.y, rng=0, n_draws=50, n_warmup=50)
    >>> chains.weights.shape == (4, 50, model.n_weights)
    True
    >>> chains.divergences
    0
    """

    model: Model = field(repr=False)
    weights: FloatArray = field(repr=False)
    step_size: FloatArray
    scale: FloatArray = field(repr=False)
    stats: dict[str, Array] = field(repr=False)
    prediction_seed: np.random.SeedSequence = field(repr=False)
    stop_reason: str = "n_draws"
    columns: list[str] | None = field(default=None, repr=False)
    seconds: float | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Keep arrays of its own."""
        keep_arrays(self)

    def __repr__(self) -> str:
        n_chains, n_draws, _ = self.weights.shape
        return (
            f"Chains({n_chains} chains of {n_draws} draws, "
            f"{self.divergences} divergences, "
            f"acceptance {self.accept_rate.mean():.2f}, "
            f"stop_reason={self.stop_reason!r})"
        )

    @property
    def accept_rate(self) -> FloatArray:
        """Mean acceptance probability of each chain, (chain,)."""
        rate: FloatArray = self.stats["acceptance_rate"].mean(1)
        return rate

    @property
    def divergences(self) -> int:
        """Number of divergent transitions in all chains."""
        return int(self.stats["diverging"].sum())

    def predict(
        self, X: ArrayLike, n_samples: int | None = None, rng: Rng = None
    ) -> Prediction:
        """Posterior predictive at X; see :class:`minibnn.Prediction`.

        Parameters
        ----------
        X : array (N, D)
            In the units the chains were given.
        n_samples : int, optional
            So many draws, evenly spaced; by default all of them.
        rng : int, SeedSequence, Generator or None
            Matters to intervals of noisy targets only; None is the chains' own stream,
            from its beginning.

        Returns
        -------
        Prediction

        Raises
        ------
        ValueError, TypeError
            If X does not fit the model, has other columns than the frame that was
            fitted, or ``n_samples`` is more than there are draws.
        """
        return self._predict(self.weights, X, n_samples, rng)

    def outputs(self, X: ArrayLike) -> FloatArray:
        """Network outputs of every draw.

        Parameters
        ----------
        X : array (N, D)

        Returns
        -------
        array (chain, draw, N) or, of C > 1 outputs, (chain, draw, N, C)

        Raises
        ------
        ValueError, TypeError
            If X does not fit the model, or an output is not finite.
        """
        A = self.model.features(self._rows(X), ndim=2)
        F = outputs(self.model, self.weights, A)
        check_all("outputs", F, np.isfinite(F), "finite; X or a weight is too large")
        return F[..., 0] if F.shape[-1] == 1 else F

    def r_hat(self, X: ArrayLike | None = None) -> FloatArray:
        """Rank-normalised split R-hat (E96): of every weight, or of the outputs at X.

        Hidden units may swap places, so chains that give the same predictions can
        disagree on every single weight: judge by function space, ``r_hat(X)``. It is the
        number that ArviZ prints.

        Parameters
        ----------
        X : array (N, D), optional

        Returns
        -------
        array (P,), or (N,) or (N, C) with X
            Near 1 is good, 1.01 a common limit.

        Raises
        ------
        ValueError
            For fewer than 8 draws a chain, or if X does not fit the model.
        """
        return r_hat(self._quantity(X))

    def ess(self, X: ArrayLike | None = None) -> FloatArray:
        """Bulk effective sample size (E97): of every weight, or of the outputs at X.

        Where chains agree it is the number that ArviZ prints; where they do not,
        ``minibnn.mcmc.ess`` says how the two differ.

        Parameters
        ----------
        X : array (N, D), optional

        Returns
        -------
        array (P,), or (N,) or (N, C) with X
            In draws.

        Raises
        ------
        ValueError
            For fewer than 8 draws a chain, or if X does not fit the model.
        """
        return ess(self._quantity(X))

    def _quantity(self, X):
        return self.weights if X is None else self.outputs(check_rows("X", self._rows(X)))

    def _rows(self, X, dtype=None):
        """Checked inputs (N, D)."""
        check_columns("X", X, self.columns, "chains.columns")
        return as_inputs(X, dtype=dtype)

    def floor(self, X: ArrayLike) -> float:
        """Mean |p - p'| of the predictive means of either half of the chains.

        What two references of half the size differ by; print it beside every distance
        to this one. With one chain the halves are its first and second half.

        Parameters
        ----------
        X : array (N, D)

        Returns
        -------
        float
            In the units of the predictive mean.

        Raises
        ------
        ValueError
            For a single draw, or if X does not fit the model.
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
        X = check_rows("X", self._rows(X))
        a, b = (self._predict(part, X).mean for part in halves)
        return float(np.abs(a - b).mean())

    def _predict(self, weights, X, n_samples=None, rng=None):
        X = self._rows(X, np.float64)
        w = weights.reshape(-1, weights.shape[-1])
        count = len(w)
        if n_samples is not None:
            count = check_int("n_samples", n_samples, maximum=len(w))
        w = w[np.arange(count) * len(w) // count]
        chunks = partial(in_chunks, w)
        seed = self.prediction_seed if rng is None else seed_sequence(rng)
        return predict(self.model, chunks, X, count, seed)

    def summary(self, X: ArrayLike | None = None) -> Summary:
        """Whether to believe the chains, on half a page: a text, in a notebook a table.

        Parameters
        ----------
        X : array (N, D), optional
            As in :meth:`to_dict`, which holds the same as numbers.

        Raises
        ------
        ValueError, TypeError
            If X does not fit the model.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.linear(rng=0)
        >>> net = mb.MLP([data.X.shape[1], 1])
        >>> model = mb.Model(net, mb.Gaussian(0.5), mb.GaussianPrior())
        >>> chains = mb.hmc(model, data.X, data.y, rng=0, n_draws=50, n_warmup=50)
        >>> print(chains.summary(data.X))
        4 chains of 50 draws of 4 weights
        R-hat        ... at most, of the outputs; from 1.02 on they disagree
        ESS          ... at least, of 200 draws
        divergences  0
        acceptance   ...
        stopped      n_draws, after ... s
        """
        told = self.to_dict(X)
        n_chains, n_draws = told["n_chains"], told["n_draws"]
        r, size = told["r_hat"], told["ess"]
        what, rates = told["judged"], told["accept_rate"]
        after = "" if self.seconds is None else f", after {self.seconds:.3g} s"
        agree = f"{r:.3f} at most, of the {what}; from 1.02 on they disagree" if r else "-"
        rows = [
            ["R-hat", agree],
            ["ESS", f"{size:.0f} at least, of {n_chains * n_draws} draws" if size else "-"],
            ["divergences", str(told["divergences"])],
            ["acceptance", f"{min(rates):.2f} to {max(rates):.2f}"],
            ["stopped", f"{self.stop_reason}{after}"],
        ]
        head = f"{n_chains} chains of {n_draws} draws of {told['n_weights']} weights"
        return Summary([head, Table([], rows, "<<")], told)

    def to_dict(self, X: ArrayLike | None = None) -> dict[str, Any]:
        """The summary of the chains as plain numbers and strings, ready for JSON.

        Draws with their names: :meth:`to_inference_dict`.

        Parameters
        ----------
        X : array (N, D), optional
            Rows at whose outputs R-hat and ESS are judged; without X they are those of
            the weights, which say less (see :meth:`r_hat`).

        Returns
        -------
        dict
            "n_chains", "n_draws" (of each), "n_weights", "stop_reason", "seconds",
            "divergences", "accept_rate" and "step_size" of every chain, "judged"
            ("outputs" or "weights"), and of them "r_hat", the largest, and "ess", the
            smallest. None where they cannot be told: fewer than 8 draws, or an R-hat of
            inf.

        Raises
        ------
        ValueError, TypeError
            If X does not fit the model.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.linear(rng=0)
        >>> net = mb.MLP([data.X.shape[1], 1])
        >>> model = mb.Model(net, mb.Gaussian(0.5), mb.GaussianPrior())
        >>> chains = mb.hmc(model, data.X, data.y, rng=0, n_draws=50, n_warmup=50)
        >>> found = chains.to_dict(data.X)
        >>> found["n_chains"], found["n_draws"], found["divergences"]
        (4, 50, 0)
        >>> found["judged"], found["r_hat"] < 1.2
        ('outputs', True)
        """
        n_chains, n_draws, n_weights = self.weights.shape
        judged, enough = self._quantity(X), n_draws >= LEAST_DRAWS
        facts = {
            "n_chains": n_chains,
            "n_draws": n_draws,
            "n_weights": n_weights,
            "stop_reason": self.stop_reason,
            "seconds": self.seconds,
            "divergences": self.divergences,
            "accept_rate": self.accept_rate,
            "step_size": self.step_size,
            "judged": "weights" if X is None else "outputs",
            "r_hat": r_hat(judged).max() if enough else None,
            "ess": ess(judged).min() if enough else None,
        }
        found: dict[str, Any] = plain(facts)
        return found

    def to_inference_dict(
        self, X: ArrayLike | None = None, y: ArrayLike | None = None, rng: Rng = None
    ) -> dict[str, dict[str, Any]]:
        """All draws with names, and what they say of data: the dict that ArviZ reads.

        ``az.from_dict(**d)`` in ArviZ before 1.0; from 1.0 on
        ``az.from_dict(d, coords=d.pop("coords"), dims=d.pop("dims"))``. Then
        ``az.summary``, ``az.loo`` and the plots.

        Parameters
        ----------
        X, y : arrays (N, D) and (N,) or (N, K), optional
            The data: chains keep none. Both or neither.
        rng : int, SeedSequence, Generator or None
            Of the rows drawn anew; None is the chains' own stream, from its beginning.

        Returns
        -------
        dict of dicts of arrays (chain, draw, ...)
            "posterior": the weights of layer i as "Wi" (from, to) and "bi" (to), and
            "log_noise_scale" where it is learned. "sample_stats": ``stats`` and the step
            size. With data also "log_likelihood" and "posterior_predictive", "y": log
            p(y | w) of every row, in nats, and a row drawn anew. "observed_data" and
            "constant_data" are y and X, "coords" and "dims" the names of all axes.

        Raises
        ------
        ValueError, TypeError
            If X or y is alone, or does not fit the model.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.linear(rng=0)
        >>> net = mb.MLP([data.X.shape[1], 1])
        >>> model = mb.Model(net, mb.Gaussian(0.5), mb.GaussianPrior())
        >>> chains = mb.hmc(model, data.X, data.y, rng=0, n_draws=50, n_warmup=50)
        >>> found = chains.to_inference_dict(data.X, data.y)
        >>> found["log_likelihood"]["y"].shape == (4, 50, len(data.y))
        True
        >>> found["dims"]["W1"]
        ['input', 'output']
        """
        n_chains, n_draws, n_weights = self.weights.shape
        found = inference_dict(
            self.model,
            self.weights.reshape(-1, n_weights),
            lambda draws: draws.reshape(n_chains, n_draws, *draws.shape[1:]),
            lambda X: self.predict(X, rng=rng),
            X,
            y,
            self.columns,
        )
        step = np.broadcast_to(self.step_size[:, None], (n_chains, n_draws)).copy()
        stats = {key: value.copy() for key, value in self.stats.items()}
        return found | {"sample_stats": stats | {"step_size": step}}


def in_chunks(w, seed, n_samples, size):
    """Yield weights (S, P) some at a time; of the module, so that predictions pickle."""
    yield from (w[i : i + size] for i in range(0, len(w), size))
