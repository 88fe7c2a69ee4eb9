"""Stochastic variational inference: ``fit``, the door to the six steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import Any, Literal

import numpy as np

from minibnn.estimators.base import Estimator
from minibnn.families.base import Family
from minibnn.model import Model, checked_data, data_of, weighted_data
from minibnn.optim.base import Optimizer
from minibnn.rng import run_seeds
from minibnn.standardise import Scaled, Standardiser, standardised
from minibnn.svi.batches import held
from minibnn.svi.begin import Beginning
from minibnn.svi.best_start import best_starts, choose
from minibnn.svi.checkpoint import Checkpoint
from minibnn.svi.closing import not_begun
from minibnn.svi.elbo import check_combination, default_estimator
from minibnn.svi.fit_warning import doubts, tell
from minibnn.svi.folds import are_unequal, fit_folds
from minibnn.svi.history import StepInfo
from minibnn.svi.interrupt import was_interrupted
from minibnn.svi.job import Job
from minibnn.svi.options import check_options, fit_to_data
from minibnn.svi.result import FitResult
from minibnn.types import ArrayLike, Path, Rng
from minibnn.validation.arguments import check_instance, check_protocol
from minibnn.validation.columns import check_same_rows, columns_of
from minibnn.validation.doors import door

NO_OPTIONS = {"model", "family", "X", "y", "rng", "estimator"}


@door
def fit(
    model: Model,
    family: Family,
    X: ArrayLike,
    y: ArrayLike,
    *,
    rng: Rng = None,
    n_samples: int = 1,
    batch_size: int | None = None,
    optimizer: Optimizer | None = None,
    max_steps: int | Literal["auto"] = "auto",
    start: Literal["auto", "lbfgs"] | Mapping[str, ArrayLike] | None = "auto",
    stop: Callable[[dict[str, list[Any]]], bool] | None = None,
    estimator: Estimator | None = None,
    kl_weight: float = 1.0,
    kl_warmup: float = 0.0,
    restarts: int = 1,
    replicas: int | None = None,
    clip: float | None = None,
    callback: Callable[[StepInfo], object] | None = None,
    checkpoint: Path | Checkpoint | None = None,
    elbo_samples: int | None = None,
    verbose: bool = False,
    standardise: bool | Standardiser = False,
    sample_weight: ArrayLike | None = None,
) -> FitResult:
    """Fit q(w) to the posterior by stochastic descent on the negative ELBO.

    The six steps: (1) initialise q(w; mu, sigma); (2) the objective, -ELBO; (3) sample
    w = mu + sigma eps and run forward; (4) its gradients for mu and sigma; (5) update
    them; (6) repeat until ``max_steps`` or until the ELBO has converged. Then the last
    state is compared with the first on fresh noise, and the better one is returned (see
    ``FitResult.returned``). At last the ELBO is estimated from fresh noise, at a tenth of
    what the steps have cost (see ``elbo_samples``). Ctrl-C ends the steps, and then the
    estimate, and returns what there is. With a ``batch_size`` X is read a batch at a time
    and never copied: it may be mapped from a file, ``np.load(path, mmap_mode="r")``.

    Parameters
    ----------
    model : Model
    family : MeanField, Point, ...
    X, y : arrays (N, D) and (N,) or (N, K), lists, or frames of numbers and booleans
        Text, categories and gaps in a frame are refused by column. float32 X gives a
        float32 run: its loss agrees with a float64 run's to about 1e-6, its gradient to
        1e-5, relative to the largest. With
        ``replicas=R`` also (R, N, D) and (R, N).
    rng : int, SeedSequence, Generator or None
        Equal seeds give equal runs.
    n_samples : int
        S, Monte Carlo samples per step.
    batch_size : int, optional
        B; by default all rows up to 2048 of them, and 512 a step of more.
    optimizer : Optimizer, optional
        SGD, Momentum, Adam or NaturalGradient; default ``Adam(Cosine(0.02))``, for a full
        covariance with a start ``Adam(Cosine(0.01 / P))``.
    max_steps : int or "auto"
        Stochastic steps; the start is not counted. "auto": until a quarter of the steps
        has brought less than a nat, or a thousandth of a nat a row, and then as many
        again with step sizes that fall to zero; at most 10,000, fewer (2000 at least) for
        large batches and networks; 1000 where the loss has no noise, and at most so many
        for a full covariance, whose start does most of it. Where it is left open,
        and ``start`` too, a bad result is told by a ``FitWarning``, a run that stops
        being finite returns what it had before, and a loss without noise (``Point``,
        ``Exact()``) is brought to its minimum after the steps, to a slope of 1e-6 where
        it is smooth.
    start : "auto", "lbfgs", None or dict
        "auto": sigmas of 0.001 or less, so that the means find their places before noise
        prunes hidden units; the family's own with an optimizer of yours or less than 1000
        steps, in which sigmas so small may not grow again. Where the problem is small,
        L-BFGS at 16 fixed noises is tried too, from sigmas of 0.05 or more, and the start
        that ends at the higher ELBO is kept: narrow networks need it, on wide ones it fits
        the 16 noises and little else. What it finds is used only if it is better than
        plain initial values on fresh noise, beyond doubt, and keeps half of the gain it
        had on its own. A callback sees one run after the other, and a checkpoint saves the
        second in a file beside the first, ``run.small.npz`` or ``run.plain.npz``. A full
        covariance starts from mean-field fits and the curvature of the model (E79), and
        with ``Exact()`` L-BFGS climbs the ELBO itself. None: initial values of the family.
        A dict: params to begin with, for all replicas if they have no axis R.
    stop : Plateau or function, optional
        ``stop(history) -> bool`` after each step, of a dict of lists as ``history`` of the
        result; None runs the steps given. One answer
        ends all replicas; Plateau waits for every one of them, and brings a schedule that
        is spread over the run to its end before it stops.
    estimator : Estimator, optional
        Default: local reparameterization where family and prior allow, else pathwise.
    kl_weight : float >= 0
        With ``Point()``, 1 is maximum a posteriori and 0 maximum likelihood.
    kl_warmup : float in [0, 1]
        Share of the steps during which the KL weight rises from 0 to ``kl_weight``.
    restarts : int
        Independent runs, of which the one with the best fresh-noise ELBO is kept. On
        small networks they are advanced together, unless ``stop``, ``callback`` or
        ``checkpoint`` looks at single runs. Not together with ``replicas``.
    replicas : int, optional
        R independent runs advanced together; parameters get a leading axis R. With X
        (N, D) all see the same rows; with X (R, N, D) and y (R, N) or (R, N, K) run i
        sees X[i], y[i]. Data sets of unequal length are given as lists. So the folds of a
        cross-validation are one call, ``fit(..., [X[i] for i in train], [y[i] for i in
        train], replicas=R)`` with R arrays of row numbers, and ``result.replica(i)`` is
        fold i alone. Run i has the i-th random stream of ``rng``, as restart i has. Of
        unequal ones those of one length go together, one length after the other, each
        looked at, stopped and saved (in a file of its own) by itself.
    clip : float, optional
        With ``scale="identity"``: the smallest sigma a step may reach. Without it a
        sigma that leaves (0, inf) ends the run with an error.
    callback : function, optional
        ``callback(info)`` after each step, of a :class:`~minibnn.svi.StepInfo`; raise
        StopIteration to stop.
    checkpoint : path or Checkpoint, optional
        Save the run to this file as it goes and where it ends, and go on from it if it
        exists: a resumed run is bit-identical to one never stopped. A path alone saves
        every 100 steps. See :class:`Checkpoint` for going on with more steps.
    elbo_samples : int, optional
        Samples of fresh noise for every row in the closing estimate of the ELBO. By
        default as many as it takes for a standard error of 1e-4 of its two parts, |nll| +
        |KL|, but no more rows than a tenth of those the steps have evaluated (32 values
        at least); where that is less than all rows twice, some rows stand for all of them,
        and the standard error says so. 0: no estimate; ``result.elbo`` is None, and
        restarts are compared by the mean ELBO of their last 100 steps.
    verbose : bool
        Show progress: on a terminal a bar with rate and time left (tqdm's where that is
        installed), in a notebook below its cell, elsewhere lines on standard error.
    standardise : bool or Standardiser
        True: every column of X is brought to mean 0 and standard deviation 1 over the
        rows of the fit, and so is y where the likelihood has a location and a scale
        (Gaussian, HeteroscedasticGaussian, StudentT; not labels or counts). The result
        keeps both in ``standardiser``, and ``predict`` takes and gives raw units. Model,
        parameters and ELBO are those of the standardised problem, a fixed noise scale
        included: ``Gaussian(0.3)`` is then 0.3 standard deviations of y. Data sets of
        their own, X (R, N, D), have units of their own; the tasks of an inference network
        share theirs. A large X is standardised as its rows are read, and not copied.
    sample_weight : array (N,), optional
        How often each row counts (E39), (R, N) where X is (R, N, D), or a list where it
        is one: finite, not negative, not all 0. A row of weight 2 is two equal rows, also
        for the units of ``standardise``. Their sum is what the prior is weighed against:
        weights of mean 1 leave the balance as it is. Sizes that go by rows, those of
        batches, stay what they are; the result's model, and predictions, know no weights.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError, TypeError
        Before anything runs, naming the argument that does not fit.
    FitError
        If loss or gradient stop being finite, or a sigma leaves (0, inf), in every
        restart; where ``max_steps`` and ``start`` are left open, only if nothing finite
        remains.

    Warns
    -----
    FitWarning
        Once, with the remedy, where columns of X, or of y with a noise scale, are far
        from mean 0 and standard deviation 1; where ``max_steps`` and ``start`` are left
        open also if the steps diverged, the ELBO was still rising, or the rows are
        predicted worse than by a constant.

    Examples
    --------
    >>> import minibnn as mb, numpy as np
    >>> x = np.linspace(-1, 1, 20)
    >>> net = mb.MLP([1, 5, 1], activation="relu")
    >>> model = mb.Model(net, mb.Gaussian(0.1), mb.GaussianPrior())
    >>> result = mb.fit(
    ...     model, mb.MeanField(), x[:, None], np.sin(3 * x), rng=0, max_steps=100
    ... )
    >>> near, far = result.predict([[0.0], [10.0]]).std
    >>> bool(near < 0.2), bool(far > 1.0)  # where no data were it does not know
    (True, True)
    """
    given = {k: v for k, v in locals().items() if k not in NO_OPTIONS}
    began = perf_counter()
    check_instance("model", model, Model)
    check_protocol("family", family, "natural")
    estimator = default_estimator(model, family) if estimator is None else estimator
    check_combination(model, family, estimator)
    columns = columns_of(X)
    check_same_rows(X, y)
    fit_one = partial(fit_equal, (model, family, estimator))
    if are_unequal(X):
        result, found = fit_folds(fit_one, model, X, y, rng, given)
    else:
        result, found = fit_one(X, y, rng, given)
    result = replace(result, columns=columns, seconds=perf_counter() - began)
    tell(result, found)
    return result


def fit_equal(
    problem: tuple[Model, Family, Estimator],
    X: Any,
    y: Any,
    rng: Rng,
    given: dict[str, Any],
    seeds: list[np.random.SeedSequence] | None = None,
    begin: bool = True,
) -> tuple[FitResult, list[str]]:
    """(result, what is to be said of it) of data sets of one length, or of one data set.

    Without ``seeds`` the runs have theirs from ``rng``. Without ``begin`` they take no
    step.
    """
    model, family, estimator = problem
    own, weights = model, given["sample_weight"]
    if weights is not None:
        model, y = weighted_data(model, X, y, weights)
    X, y, units = standardised(given["standardise"], model, family, X, y)
    A, y = (data_of if isinstance(X, Scaled) else checked_data)(model, X, y)
    given = {k: v for k, v in given.items() if k != "sample_weight"}
    options = check_options(**given | {"standardise": units})
    noisy = family.has_elbo and not estimator.exact
    options = fit_to_data(model, family, A, options, noisy)
    seeds = seeds or run_seeds(rng, options.replicas or given["restarts"])
    job = Job(model, family, estimator, held(A, options.batch_size), y, options, seeds)
    if not begin:
        return not_begun(Beginning(job, interrupted=True)), []
    groups = [seeds] if options.replicas else [[seed] for seed in seeds]
    known = [None if rng is None else [str(seed) for seed in g] for g in groups]
    pairs = zip(groups, known, strict=True)
    result = choose(best_starts([replace(job, seeds=s, given_seeds=g) for s, g in pairs]))
    found = [] if was_interrupted(result) else doubts(result, X, y, options.ours)
    result.model = own  # weights are no part of it
    return result, found
