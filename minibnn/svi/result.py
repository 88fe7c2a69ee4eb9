"""What a fit returns: the posterior, how it was reached, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.optim.stopping import in_words
from minibnn.prediction.inference_dict import inference_dict
from minibnn.prediction.prediction import MOST_SAMPLES, Prediction, predict
from minibnn.prediction.raw_units import in_raw_units
from minibnn.prediction.replica_prediction import ReplicaPrediction, rows_for
from minibnn.rng import seed_sequence
from minibnn.standardise import Standardiser
from minibnn.svi.draws import Draws
from minibnn.svi.one_replica import parts_of
from minibnn.svi.saved import read_result, write_result
from minibnn.svi.summary import summary_of, with_error
from minibnn.tables import Summary
from minibnn.types import ArrayLike, FloatArray, Params, Path, Rng
from minibnn.validation.arguments import check_int
from minibnn.validation.columns import check_columns
from minibnn.validation.own import keep_arrays


@dataclass(repr=False)
class FitResult:
    """A fitted variational posterior; made by :func:`minibnn.fit` and by :meth:`load`.

    Parameters
    ----------
    model : Model
    family : MeanField, Point, ...
    params : dict of arrays
        Parameters of q; a leading axis R with replicas.
    history : dict of arrays (steps,) or (steps, R)
        "loss", "elbo" (KL weight 1), "nll" and "kl" in nats, "kl_weight" and "lr" of every
        step; the last two are (steps,) with replicas too. Where replicas of unequal
        length have taken unequal steps all are (steps, R), nan after a replica's last.
    elbo, elbo_se : float or array (R,), or None
        ELBO of all rows and its standard error, from fresh noise. Where a tenth of what
        the steps have evaluated is less than all rows twice, it is estimated from some of
        them, and the standard error includes that. None for a point, and where
        ``elbo_samples=0`` has left it out.
    stop_reason : str, or array (R,)
        "max_steps", "plateau", "stop" (a rule of your own), "callback", "interrupted", or
        "diverged". With Ctrl-C in the closing estimate ``elbo`` is what had been
        estimated by then, nan if nothing. An array (R,) where replicas of unequal length
        have ended for different reasons.
    prediction_seed : SeedSequence
        The stream that ``predict`` and ``sample_weights`` begin anew without ``rng``.
    restarts : list of (elbo, elbo_se)
        Those of every restart, in order; this result is the one with the highest. Empty
        with one run and with replicas.
    converged : bool or array (R,)
        Whether the ELBO had come to rest: the rule of the default or a ``Plateau`` ended
        the run ("plateau"), or rise + rise_se is at most a nat, or N/1000 nats if that is
        more. Else fit again with more ``max_steps``. A loss without noise (``Point``,
        ``Exact()``): whether it is at a minimum to a slope of 1e-6.
    rise, rise_se : float or array (R,), or None
        By how much the ELBO still rose while the step size was large, in nats, and its
        standard error: between the last two quarters of the steps before it fell (of the
        first half of them with a ``Cosine``). None for a point, or less than 8 steps.
    diverged : bool or array (R,)
        The steps went away from where they began: on the same fresh noise the last state
        is worse than the start by more than a tenth of what separates the start from
        plain initial values, three times the scatter of one sample, and a nat; or loss
        or gradient stopped being finite. ``stop_reason`` is "diverged" if all did. Not
        asked about the literal update, ``scale="identity"``.
    returned : "last", "start" or array (R,)
        Which state ``params`` are: the last one, or that before the first step, where the
        last is worse by more than three standard errors on the same fresh noise. Always
        "last" with the literal update, and where ``max_steps`` and ``start`` were given.
    standardiser : Standardiser or None
        The units of the data where ``fit(standardise=...)`` was asked for: ``predict``
        takes and gives raw ones. ``elbo`` is that of standardised targets; that of the raw
        ones is ``elbo - N * standardiser.log_volume`` for N rows.
    columns : list of str, or None
        The names of the columns of X where it was a frame: a frame given to ``predict``
        must have the same in the same order, as ``X[result.columns]`` has. An array is
        taken as it comes.
    n_rows : int, array (R,) or None
        N, how many rows the fit has seen; an array where the replicas' data sets are of
        unequal length.
    seconds : float or None
        How long ``fit`` took by the clock on the wall, all restarts and replicas
        together; after going on from a checkpoint, since then. Equal runs differ in it,
        and in nothing else.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
    >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
    >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
    >>> result
    FitResult(MeanField(scale='softplus', sigma=0.05), ELBO ... nats, 50 steps, ...)
    >>> result.params["mu"].shape, result.history["elbo"].shape
    ((2,), (50,))
    """

    model: Model
    family: Any
    params: Params
    history: dict[str, FloatArray]
    elbo: Any
    elbo_se: Any
    stop_reason: Any
    prediction_seed: np.random.SeedSequence
    restarts: list[tuple[Any, Any]] = field(default_factory=list)
    converged: Any = False
    diverged: Any = False
    returned: Any = "last"
    rise: Any = None
    rise_se: Any = None
    standardiser: Standardiser | None = None
    columns: list[str] | None = None
    n_rows: Any = None
    seconds: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        keep_arrays(self)

    def __repr__(self) -> str:
        parts = [repr(self.family)]
        if self.elbo is not None:
            parts.append(f"ELBO {with_error(self.elbo, self.elbo_se)}")
        if self.history:
            reasons = "/".join(dict.fromkeys(map(str, np.ravel(self.stop_reason))))
            state = in_words(self.converged, self.rise, self.rise_se)
            parts.append(f"{len(self.history['loss'])} steps, {reasons}: {state}")
        return f"FitResult({', '.join(parts)})"

    def summary(self) -> Summary:
        """What there is to know of the fit, on one page.

        The ELBO with its error in nats and per row, whether it has come to rest or by how
        much it still rose, why the steps ended and how long they took; how many hidden
        units are in use, that is have an outgoing weight whose mean is more than two
        standard deviations from zero; quantiles, over all weights, of sigma and of |mu| /
        sigma, the certainty of a weight's sign. With replicas a line for each of them.

        Returns
        -------
        Summary
            Prints as text and shows as HTML in a notebook; ``summary().to_dict()`` is
            :meth:`to_dict`.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> print(result.summary())
        MeanField(scale='softplus', sigma=0.05) fitted to 3 rows: 10 weights
        likelihood    Gaussian(scale=0.5)
        prior         GaussianPrior(0, 1)
        ELBO          ... nats; ... a row
        state         ...
        stopped       max_steps after 50 steps, ... s
        hidden units  ... of 3 in use, by an outgoing weight |mu| > 2 sigma
        of all weights ...
        sigma         ...
        |mu| / sigma  ...
        """
        return summary_of(self)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain numbers, strings, lists and dicts, ready for JSON.

        Not the posterior itself, which :meth:`save` writes. What is not finite is None;
        with replicas numbers of each are lists of R.

        Returns
        -------
        dict
            "family", "model" (text), "n_weights", "n_rows", "standardised"; "elbo",
            "elbo_se", "elbo_per_row", "loss" (of the last step), "rise", "rise_se", all in
            nats; "converged", "diverged", "returned", "stop_reason", "steps", "seconds";
            "replicas" and "tasks" (how many, or None), "restarts" ([elbo, error] of each);
            "hidden_units" (widths), "active_units" (how many of them are in use), "sigma"
            and "signal_to_noise", |mu| / sigma (quantile -> value, over all weights of
            all replicas). The last three are None for a point.

        Examples
        --------
        >>> import json
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> facts = result.to_dict()
        >>> facts["n_rows"], facts["steps"], facts["hidden_units"]
        (3, 50, [3])
        >>> json.loads(json.dumps(facts)) == facts
        True
        """
        return self.summary().to_dict()

    @property
    def q(self) -> Normal:
        """The posterior as a Gaussian over weights (mean, sigma, log_sigma, low).

        Returns
        -------
        Normal
            mean, sigma, log_sigma (..., P); low (..., P, P), or None where weights are
            independent. A ``Point`` has a mean alone.
        """
        return self.family.natural(self.params)[0]

    def at(self, context: ArrayLike) -> FitResult:
        """What an inference network infers from another context, in one forward pass.

        Parameters
        ----------
        context : array (C,)
            What the network reads of a new data set; (T, C) for T of them.

        Returns
        -------
        FitResult
            One like this, with that posterior, without history or ELBO.

        Raises
        ------
        ValueError
            The family reads no context, or one of another length.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> family = mb.InferenceNetwork(mb.MLP([2, 4]), [0.5, 1.0])
        >>> result = mb.fit(model, family, [[1.0]], [1.0], rng=0, max_steps=5)
        >>> result.at([0.0, 2.0]).q.mean.shape
        (2,)
        """
        if not self.family.reads_context:
            raise ValueError(f"family {self.family!r} reads no context")
        family = self.family.at(context)
        names = ("elbo", "elbo_se", "n_rows", "seconds")
        unknown: dict[str, Any] = dict.fromkeys(names)
        return replace(self, family=family, history={}, **unknown)

    def replica(self, i: int) -> FitResult:
        """Replica i alone, with its history and ELBO: a run, a fold, a member.

        ``predict`` mixes all replicas, unless each is given rows of its own, X (R, n, D);
        held-out rows of fold i are for ``result.replica(i).predict`` as well. All replicas
        predict with the same noise, unless ``predict`` is given another ``rng``.

        Parameters
        ----------
        i : int
            0 to R - 1.

        Returns
        -------
        FitResult
            Its ``seconds`` are those of all replicas.

        Raises
        ------
        ValueError
            There is no replica i.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> family, X, y = mb.MeanField(), [[0.0], [1.0]], [0.1, 0.9]
        >>> result = mb.fit(model, family, X, y, rng=0, max_steps=5, replicas=3)
        >>> result.elbo.shape, bool(result.replica(2).elbo == result.elbo[2])
        ((3,), True)
        """
        lead = () if self.family.tasks else self.q.mean.shape[:-1]
        if not lead:
            raise ValueError("result has no replicas; fit(..., replicas=R) makes some")
        i = check_int("i", i, minimum=0, maximum=lead[0] - 1)
        return replace(self, **parts_of(self, i))

    def save(self, path: Path) -> None:
        """Write the fitted posterior to an .npz file without pickle.

        Parameters
        ----------
        path : str or path
            An existing file is replaced once the new one is whole.

        Raises
        ------
        TypeError
            Model or family is not made of minibnn's own classes (see ``rebuildable``).
        StorageError
            The file cannot be written; a ValueError.

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> result = mb.fit(model, mb.MeanField(), [[1.0]], [1.0], rng=0, max_steps=5)
        >>> result.save("fit.npz")
        >>> mb.FitResult.load("fit.npz").elbo == result.elbo
        True
        """
        write_result(self, path)

    @classmethod
    def load(cls, path: Path) -> FitResult:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : str or path

        Returns
        -------
        FitResult
            It predicts the same numbers to the bit. What a file of an older version
            lacks, such as ``seconds``, is None.

        Raises
        ------
        StorageError
            There is no such file, or it is damaged; a ValueError.
        """
        return read_result(cls, path)

    def sample_weights(self, n_samples: int, rng: Rng = None) -> FloatArray:
        """Draw weights from the posterior; replicas are pooled, taken in turn.

        Parameters
        ----------
        n_samples : int
            S.
        rng : int, SeedSequence, Generator or None
            None begins the fit's own prediction stream anew: equal calls, equal draws.

        Returns
        -------
        array (S, P)

        Raises
        ------
        ValueError
            ``n_samples`` is no positive whole number.
        """
        n_samples = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
        seed = self._seed(rng)
        return np.concatenate(list(self._draws.chunks(seed, n_samples, n_samples)))

    def predict(
        self,
        X: ArrayLike,
        n_samples: int = 1000,
        rng: Rng = None,
        verbose: bool = False,
    ) -> Prediction:
        """What the posterior says of new rows.

        With R replicas X (N, D) is predicted by all of them, pooled into one mixture: of
        the n_samples in all they are taken in turn. With X (R, n, D) replica i predicts
        block i alone, by n_samples of its own: the held-out rows of fold i, say. Answers
        are then (R, n), equal to those of ``replica(i).predict(X[i])``; held-out rows of
        unequal number are for the latter.

        Parameters
        ----------
        X : array (N, D), or (R, n, D) with replicas
            In the units of the X of the fit.
        n_samples : int
            S, weights drawn from the posterior. A point has one set of weights, and
            ``n_samples`` says how many targets intervals are read off.
        rng : int, SeedSequence, Generator or None
            None begins the fit's own prediction stream anew: equal calls, equal answers.
        verbose : bool
            Report progress on standard error.

        Returns
        -------
        Prediction

        Raises
        ------
        ValueError, TypeError
            X has other columns than the fit had, or is not finite; outputs overflow; or
            q holds several posteriors (``at`` chooses one).

        Examples
        --------
        >>> import minibnn as mb
        >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> X, y = [[0.0], [1.0], [2.0]], [0.1, 0.9, 2.1]
        >>> result = mb.fit(model, mb.MeanField(), X, y, rng=0, max_steps=50)
        >>> pred = result.predict([[0.5], [1.5]], n_samples=200)
        >>> pred
        Prediction of 2 rows by 200 samples
        >>> pred.mean.shape, pred.interval(0.9)[0].shape
        ((2,), (2,))
        """
        self._check_one("predict(X)")
        check_columns("X", X, self.columns)
        rows = rows_for(X, self.q.mean.shape[:-1], self.model.net.n_inputs)
        seed = self._seed(rng)
        if rows.ndim == 3:
            pairs = zip(map(self.replica, range(len(rows))), rows, strict=True)
            return ReplicaPrediction(
                [run.predict(own, n_samples, seed, verbose) for run, own in pairs]
            )
        draws = self._draws
        n_draws = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
        if not self.family.noise_size(self.model):  # a point says the same every time
            n_samples = min(n_draws, draws.n_replicas)
        model, rows = in_raw_units(
            self.standardiser, self.model, rows, draws.q.mean.dtype
        )
        return predict(model, draws.chunks, rows, n_samples, seed, verbose, n_draws)

    def to_inference_dict(
        self,
        X: ArrayLike | None = None,
        y: ArrayLike | None = None,
        n_samples: int = 1000,
        rng: Rng = None,
    ) -> dict[str, dict[str, Any]]:
        """Draws with names, and what they say of data: the dict that ArviZ reads.

        ``az.from_dict(**d)`` in ArviZ before 1.0; from 1.0 on
        ``az.from_dict(d, coords=d.pop("coords"), dims=d.pop("dims"))``.

        Parameters
        ----------
        X, y : arrays (N, D) and (N,) or (N, K), optional
            The data, in raw units: a fit keeps none. Both or neither.
        n_samples : int
            Draws; with R replicas of each, and every replica is a chain.
        rng : int, SeedSequence, Generator or None
            None starts the fit's own prediction stream from its beginning.

        Returns
        -------
        dict of dicts of arrays (chain, draw, ...)
            "posterior": the weights of layer i as "Wi" (from, to) and "bi" (to), and
            "log_noise_scale" where it is learned; of standardised data where the fit
            was. With data also "log_likelihood" and "posterior_predictive", "y" in raw
            units: log p(y | w) of every row, and a row drawn anew. "observed_data" and
            "constant_data" are y and X, "coords" and "dims" the names of all axes.

        Raises
        ------
        ValueError, TypeError
            If X or y is alone or does not fit the model, or q holds several posteriors.

        Examples
        --------
        >>> import minibnn as mb
        >>> data = mb.datasets.blundell(rng=0).standardised()
        >>> model = mb.Model(mb.MLP([1, 3, 1]), mb.Gaussian(0.5), mb.GaussianPrior())
        >>> result = mb.fit(model, mb.MeanField(), data.X, data.y, rng=0, max_steps=9)
        >>> found = result.to_inference_dict(data.X, data.y, n_samples=50)
        >>> found["posterior"]["W1"].shape, found["dims"]["W1"]
        ((1, 50, 1, 3), ['input', 'hidden1'])
        >>> found["log_likelihood"]["y"].shape == (1, 50, len(data.y))
        True
        """
        self._check_one("to_inference_dict(X, y)")
        n, replicas = check_int("n_samples", n_samples), self._draws.n_replicas
        n = n if self.family.noise_size(self.model) else 1  # a point: always the same
        seed, total = self._seed(rng), n * replicas

        def by_chain(draws):
            return draws.reshape(n, replicas, *draws.shape[1:]).swapaxes(0, 1)

        def predicted(X):
            return self.predict(X, total, seed)

        weights = self.sample_weights(total, seed)
        told = by_chain, predicted, X, y, self.columns
        return inference_dict(self.model, weights, *told)

    def _check_one(self, call):
        """Raise unless q is one posterior."""
        if self.family.tasks:
            raise ValueError(
                f"q holds {self.family.tasks[0]} posteriors, one per context: choose "
                f"one with result.at(context).{call}"
            )

    def _seed(self, rng: Rng) -> np.random.SeedSequence:
        return self.prediction_seed if rng is None else seed_sequence(rng)

    @property
    def _draws(self) -> Draws:
        return Draws(self.model, self.family, self.q)
