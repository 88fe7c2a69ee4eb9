"""What a fit returns: the posterior, how it was reached, and how good it is."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from minibnn.model import Model
from minibnn.optim.stopping import in_words
from minibnn.prediction.inference_dict import inference_dict
from minibnn.prediction.prediction import MANY, MOST_SAMPLES, predict
from minibnn.prediction.raw_units import in_raw_units
from minibnn.prediction.replica_prediction import ReplicaPrediction
from minibnn.recipe import from_recipe, seed_facts, seed_from, to_recipe
from minibnn.rng import Normals, seed_sequence
from minibnn.standardise import check_units, of_replica
from minibnn.storage import as_written, check_path, read, with_prefix, write
from minibnn.svi.elbo import check_params, lead_of
from minibnn.svi.history import history_of
from minibnn.tape import Repeated
from minibnn.types import ArrayLike, Rng
from minibnn.validation.arguments import (
    as_float_array,
    as_inputs,
    check_instance,
    check_int,
    check_names,
    check_protocol,
    check_shape,
)
from minibnn.validation.columns import check_columns
from minibnn.validation.own import keep_arrays

SAVED = "model family elbo elbo_se stop_reason restarts".split()
LATER = "converged diverged returned rise rise_se standardiser columns".split()


@dataclass(repr=False)
class FitResult:
    """A fitted variational posterior.

    Attributes
    ----------
    params : dict of arrays
        Parameters of q; a leading axis R with replicas.
    history : dict of arrays (steps,) or (steps, R)
        "loss", "elbo" (KL weight 1), "nll", "kl", "kl_weight", "lr" of every step; the
        last two are (steps,) with replicas too. Where replicas of unequal length have
        taken unequal steps all are (steps, R), nan after a replica's last.
    elbo, elbo_se : float or array (R,), or None
        ELBO of all rows and its standard error, from fresh noise. Where a tenth of what
        the steps have evaluated is less than all rows twice, it is estimated from some of
        them, and the standard error includes that. None for a point, and where
        ``elbo_samples=0`` has left it out.
    stop_reason : str or array (R,)
        "max_steps", "plateau", "stop" (a rule of your own), "callback", "interrupted", or
        "diverged". With Ctrl-C in the closing estimate ``elbo`` is what had been
        estimated by then, nan if nothing. An array (R,) where replicas of unequal length
        have ended for different reasons.
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
    """

    model: Model = field(repr=False)
    family: Any
    params: dict = field(repr=False)
    history: dict = field(repr=False)
    elbo: Any
    elbo_se: Any
    stop_reason: str
    prediction_seed: Any = field(repr=False)
    restarts: list = field(default_factory=list)
    converged: Any = False
    diverged: Any = False
    returned: Any = "last"
    rise: Any = None
    rise_se: Any = None
    standardiser: Any = field(default=None, repr=False)
    columns: list[str] | None = field(default=None, repr=False)

    __post_init__ = keep_arrays

    def __repr__(self):
        steps, known = len(self.history["loss"]), self.elbo is not None
        elbo = f", ELBO {mean_of(self.elbo)} ± {mean_of(self.elbo_se, 2)}" if known else ""
        return (
            f"FitResult({self.family!r}{elbo}, {steps} steps, {self.stop_reason}: "
            f"{in_words(self.converged, self.rise, self.rise_se)})"
        )

    @property
    def q(self):
        """The posterior as a Gaussian over weights (mean, sigma, log_sigma, low)."""
        return self.family.natural(self.params)[0]

    def at(self, context):
        """What an inference network infers from another context, in one forward pass.

        A result like this one, with that posterior, without history or ELBO. Raises
        ValueError for a family that reads no context.
        """
        if not self.family.reads_context:
            raise ValueError(f"family {self.family!r} reads no context")
        family = self.family.at(context)
        return replace(self, family=family, history={}, elbo=None, elbo_se=None)

    def replica(self, i):
        """Replica i alone, with its history and ELBO: a run, a fold, a member.

        ``predict`` mixes all replicas, unless each is given rows of its own, X (R, n, D);
        held-out rows of fold i are for ``result.replica(i).predict`` as well. All replicas
        predict with the same noise, unless ``predict`` is given another ``rng``. Raises
        ValueError where there is no replica i.
        """
        lead = () if self.family.tasks else self.q.mean.shape[:-1]
        if not lead:
            raise ValueError("result has no replicas; fit(..., replicas=R) makes some")
        i = check_int("i", i, minimum=0, maximum=lead[0] - 1)
        known = self.elbo is not None

        def one(values):
            return values[i] if np.ndim(values) else values

        return replace(
            self,
            params={key: array[i] for key, array in self.params.items()},
            history=history_of(self.history, i),
            elbo=float(self.elbo[i]) if known else None,
            elbo_se=float(self.elbo_se[i]) if known else None,
            stop_reason="diverged" if one(self.diverged) else str(one(self.stop_reason)),
            converged=bool(one(self.converged)),
            diverged=bool(one(self.diverged)),
            returned=str(one(self.returned)),
            rise=None if self.rise is None else float(one(self.rise)),
            rise_se=None if self.rise is None else float(one(self.rise_se)),
            standardiser=of_replica(self.standardiser, i),
        )

    def save(self, path):
        """Write the fitted posterior to an .npz file without pickle.

        Raises TypeError if model or family is not made of minibnn's own classes, and
        StorageError (a ValueError) if the file cannot be written.
        """
        facts = {name: to_recipe(getattr(self, name)) for name in SAVED + LATER}
        facts["seed"] = seed_facts(self.prediction_seed)
        arrays = {f"params.{key}": value for key, value in self.params.items()}
        arrays |= {f"history.{key}": value for key, value in self.history.items()}
        write(check_path("path", path), "posterior", facts, arrays)

    @classmethod
    def load(cls, path):
        """Read what :meth:`save` wrote; StorageError (a ValueError) if it is damaged."""
        facts, arrays = read(path, "posterior")
        with as_written(path):
            names = SAVED + [name for name in LATER if name in facts]
            known = {name: from_recipe(facts[name]) for name in names}
            known["restarts"] = [tuple(pair) for pair in known["restarts"]]
            known["params"] = with_prefix("params.", arrays)
            known["history"] = with_prefix("history.", arrays)
            result = cls(**known, prediction_seed=seed_from(facts["seed"]))
            check_result(result)
        return result

    def sample_weights(self, n_samples, rng=None):
        """Draw weights (S, P) from the posterior; replicas are pooled, taken in turn.

        ``rng=None`` starts the fit's own prediction stream from its beginning.
        """
        n_samples = check_int("n_samples", n_samples, maximum=MOST_SAMPLES)
        seed = self._seed(rng)
        return np.concatenate(list(self._weight_chunks(seed, n_samples, n_samples)))

    def predict(self, X, n_samples=1000, rng=None, verbose=False):
        """Posterior predictive at X (N, D); see :class:`minibnn.Prediction`.

        ``rng=None`` starts the fit's own prediction stream from its beginning, so equal
        calls give equal answers. ``verbose`` reports progress on standard error.

        With R replicas X (N, D) is predicted by all of them, pooled into one mixture: of
        the n_samples in all they are taken in turn. With X (R, n, D) replica i predicts
        block i alone, by n_samples of its own: the held-out rows of fold i, say. Answers
        are then (R, n), equal to those of ``replica(i).predict(X[i])``; held-out rows of
        unequal number are for the latter.
        """
        self._check_one("predict(X)")
        X, seed = self._inputs(X), self._seed(rng)
        if X.ndim == 3:
            runs = [self.replica(i) for i in range(len(X))]
            pairs = zip(runs, X, strict=True)
            return ReplicaPrediction(
                [run.predict(own, n_samples, seed, verbose) for run, own in pairs]
            )
        if not self.family.noise_size(self.model):  # a point says the same every time
            n_samples = min(check_int("n_samples", n_samples), self._n_replicas)
        model, X = in_raw_units(self.standardiser, self.model, X, self.q.mean.dtype)
        return predict(model, self._weight_chunks, X, n_samples, seed, verbose)

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
        n, replicas = check_int("n_samples", n_samples), self._n_replicas
        n = n if self.family.noise_size(self.model) else 1  # a point: always the same
        seed, total = self._seed(rng), n * replicas

        def by_chain(draws):
            return draws.reshape(n, replicas, *draws.shape[1:]).swapaxes(0, 1)

        def predicted(X):
            return self.predict(X, total, seed)

        weights = self.sample_weights(total, seed)
        return inference_dict(
            self.model, weights, by_chain, predicted, X, y, self.columns
        )

    def _check_one(self, call):
        """Raise unless q is one posterior."""
        if self.family.tasks:
            raise ValueError(
                f"q holds {self.family.tasks[0]} posteriors, one per context: choose "
                f"one with result.at(context).{call}"
            )

    def _inputs(self, X):
        """Checked X: rows for all replicas, (N, D), or a block for each, (R, n, D)."""
        check_columns("X", X, self.columns)
        lead = self.q.mean.shape[:-1]
        if not lead:
            return as_inputs(X)
        blocks = X if isinstance(X, list | tuple) else []
        lengths = [len(block) for block in blocks if getattr(block, "ndim", 0) == 2]
        if len(set(lengths)) > 1:
            raise ValueError(
                f"X must have blocks of equal length, got {lengths} rows; where they "
                "differ call result.replica(i).predict(X[i]) for each"
            )
        X = as_inputs(X, ndim=(2, 3))
        if X.ndim == 3:  # a block of rows for each replica
            check_shape("X", X, (lead[0], "n", self.model.net.n_inputs))
        return X

    @property
    def _n_replicas(self):
        return int(np.prod(self.q.mean.shape[:-1]))

    def _seed(self, rng):
        return self.prediction_seed if rng is None else seed_sequence(rng)

    def _weight_chunks(self, seed, n_samples, size):
        """Yield weights (s, P), s about ``size``, in an order that no size changes.

        Where there are many, each holds until the next.
        """
        q, lead = self.q, self.q.mean.shape[:-1]
        normals = Normals(np.random.default_rng(seed), q.mean.dtype)
        replicas, n_noise = self._n_replicas, self.family.noise_size(self.model)
        draw = Repeated(partial(self._weights, q), repeats=n_samples // size >= MANY)
        left = n_samples
        while left > 0:
            rounds = min(-(-left // replicas), max(1, size // replicas))
            eps = draw.room((rounds, *lead, n_noise), q.mean.dtype)
            normals.fill(eps)
            yield draw(eps)[:left]
            left -= rounds * replicas

    def _weights(self, q, eps):
        """Noise (rounds, ..., M) -> weights (s, P), the replicas taken in turn."""
        w, _ = self.family.sample(q, np.moveaxis(eps, 0, -2))  # (..., rounds, P)
        return np.moveaxis(w, -2, 0).reshape(-1, w.shape[-1])


def mean_of(value, digits=6):
    """A number, or the mean of those of all replicas, as text."""
    return f"{np.mean(value):.{digits}g}" + (" on average" if np.ndim(value) else "")


def check_result(result):
    """Raise ValueError unless the parts of a result belong to one another."""
    check_instance("model", result.model, Model)
    check_protocol("family", result.family, "natural")
    params = check_params(result.family, result.model, result.params)
    for key, array in result.params.items():
        check_instance(f"params[{key!r}]", array.flat[0], np.floating, "real")
    lead = lead_of(result.family, params)
    for name in ("elbo", "elbo_se"):
        value = getattr(result, name)
        if value is not None:
            check_shape(name, as_float_array(name, value, finite=False), lead)
    reasons = np.asarray(result.stop_reason)
    check_instance("stop_reason", reasons.flat[0], str)
    check_shape("stop_reason", reasons, lead if reasons.ndim else ())
    if result.standardiser is not None:
        check_units(result.standardiser, result.model, lead)
    if result.columns is not None:
        check_names("columns", result.columns, result.model.net.n_inputs)
    if len({len(array) for array in result.history.values()}) > 1:
        raise ValueError("the arrays of history must have one length")
