"""Stochastic variational inference: ``fit``, the door to the six steps."""

import math
import sys
from dataclasses import replace

import numpy as np

from minibnn.inference.elbo import (
    check_combination,
    check_params,
    default_estimator,
    estimate_elbo,
    exact_elbo,
)
from minibnn.inference.options import check_options
from minibnn.inference.restarts import runs_of
from minibnn.inference.result import FitResult
from minibnn.inference.run import FitError, Run
from minibnn.inference.streams import run_seeds
from minibnn.kernels.doors import door
from minibnn.kernels.model import Model, check_protocol
from minibnn.kernels.validate import check_instance, check_range


@door
def fit(
    model,
    family,
    X,
    y,
    *,
    rng=None,
    n_samples=1,
    batch_size=None,
    optimizer=None,
    max_steps=1000,
    start="auto",
    stop=None,
    estimator=None,
    kl_weight=1.0,
    kl_warmup=0.0,
    restarts=1,
    replicas=None,
    clip=None,
    callback=None,
    checkpoint=None,
    verbose=False,
):
    """Fit q(w) to the posterior by stochastic descent on the negative ELBO.

    The six steps: (1) initialise q(w; mu, sigma); (2) the objective, -ELBO; (3) sample
    w = mu + sigma eps and run forward; (4) its gradients for mu and sigma; (5) update
    them; (6) repeat until ``max_steps`` or until the ELBO has converged. Then the ELBO is
    estimated from up to 1000 fresh samples on all rows, which on a small network can take
    longer than the steps.

    Parameters
    ----------
    model : Model
    family : MeanField, Point, ...
    X, y : arrays (N, D) and (N,) or (N, K)
        float32 X gives a float32 run: its loss agrees with a float64 run's to about
        1e-6, its gradient to 1e-5, relative to the largest. With
        ``replicas=R`` also (R, N, D) and (R, N).
    rng : int, SeedSequence, Generator or None
        Equal seeds give equal runs.
    n_samples : int
        S, Monte Carlo samples per step.
    batch_size : int, optional
        B; by default all rows.
    optimizer : optional
        SGD, Momentum, Adam or NaturalGradient; default ``Adam(Cosine(0.02))``.
    max_steps : int
        Stochastic steps; the start is not counted.
    start : "auto", "lbfgs", None or dict
        "auto": L-BFGS at 16 fixed noises first, where the problem is small enough for
        it to pay; a full covariance starts from the best of three mean-field fits, and
        with ``Exact()`` L-BFGS climbs the ELBO itself. A dict: params to begin with,
        for all replicas if they have no axis R.
    stop : Plateau or function, optional
        ``stop(history) -> bool`` after each step; None runs all steps. One answer ends
        all replicas; Plateau waits for every one of them.
    estimator : optional
        Default: local reparameterization where family and prior allow, else pathwise.
    kl_weight : float
        With ``Point()``, 1 is maximum a posteriori and 0 maximum likelihood.
    kl_warmup : float in [0, 1]
        Share of the steps during which the KL weight rises from 0 to ``kl_weight``.
    restarts : int
        Independent runs, of which the one with the best fresh-noise ELBO is kept. On
        small networks they are advanced together, unless ``stop``, ``callback``,
        ``checkpoint`` or ``verbose`` looks at single runs. Not together with
        ``replicas``.
    replicas : int, optional
        R independent runs advanced together; parameters get a leading axis R. With X
        (N, D) all see the same rows; with X (R, N, D) and y (R, N) or (R, N, K) run i
        sees X[i], y[i]. So the folds of a cross-validation, of equal size, are one call,
        ``fit(..., X[train], y[train], replicas=R)`` with an array ``train`` (R, N) of
        row numbers, and ``result.replica(i)`` is fold i alone. Run i has the i-th random
        stream of ``rng``, as restart i has.
    clip : float, optional
        With ``scale="identity"``: the smallest sigma a step may reach. Without it a
        sigma that leaves (0, inf) ends the run with an error.
    callback : function, optional
        ``callback(info)`` after each step; raise StopIteration to stop.
    checkpoint : path or Checkpoint, optional
        Save the run to this file as it goes and where it ends, and go on from it if it
        exists: a resumed run is bit-identical to one never stopped. A path alone saves
        every 100 steps. See :class:`Checkpoint` for going on with more steps.
    verbose : bool
        Report progress on standard error.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError, TypeError
        Before anything runs, naming the argument that does not fit.
    FitError
        If loss or gradient stop being finite, or a sigma leaves (0, inf), in every
        restart.
    """
    check_instance("model", model, Model)
    check_protocol("family", family, "natural")
    estimator = default_estimator(model, family) if estimator is None else estimator
    check_combination(model, family, estimator)
    A, y = model.batch(X, y)
    options = check_options(
        restarts,
        n_samples=n_samples,
        batch_size=batch_size,
        optimizer=optimizer,
        max_steps=max_steps,
        start=start,
        stop=stop,
        kl_weight=kl_weight,
        kl_warmup=kl_warmup,
        replicas=replicas,
        clip=clip,
        callback=callback,
        checkpoint=checkpoint,
        verbose=verbose,
    )
    options = fit_to_data(model, family, A, options)
    seeds = run_seeds(rng, replicas or restarts)
    groups = [seeds] if replicas else [[seed] for seed in seeds]
    runs = []
    for k, group in enumerate(groups):
        known = None if rng is None else [str(seed) for seed in group]
        own = options.for_restart(k)
        runs.append((model, family, estimator, A, y, own, group, known))
    return choose(carry_out(runs))


def carry_out(runs):
    """Results of the restarts: one may fail, all of them may not; Ctrl-C is the end."""
    results, failure = [], None
    try:
        for run in runs_of(Run, runs):
            try:
                results.append(finish(run.go(), len(runs)))
            except FitError as error:
                failure = error
    except KeyboardInterrupt:  # in a start or an ELBO: of that run nothing to return
        if not results:
            raise
        results[-1].stop_reason = "interrupted"
    if not results:
        raise failure
    return results


def fit_to_data(model, family, A, options):
    """Options checked against the rest: the replica axis, clip, where to begin."""
    if family.tasks and options.replicas:
        raise ValueError(
            f"replicas must be None with the {family.tasks[0]} tasks of {family!r}, "
            f"got {options.replicas}"
        )
    sets = options.replicas or math.prod(family.tasks)
    alone = not (options.replicas or family.tasks)
    if A.ndim == 3 and (alone or sets != len(A)):
        raise ValueError(
            f"X has {len(A)} data sets, so replicas (or the tasks of the family) must "
            f"be {len(A)}, got {None if alone else sets}"
        )
    if hasattr(options.optimizer, "check_family"):
        options.optimizer.check_family(family)
    if options.clip is not None and getattr(family, "scale", None) != "identity":
        raise ValueError(
            "clip is for a family whose sigma can leave (0, inf), with "
            f"scale='identity'; got clip={options.clip!r} with {family!r}"
        )
    if not isinstance(options.start, dict):
        return options
    return replace(options, start=start_params(model, family, options, A.dtype))


def start_params(model, family, options, dtype):
    """The given parameters to begin with, one set for each replica."""
    given = check_params(family, model, options.start, "start")
    lead = (options.replicas,) if options.replicas else ()
    for key, array in given.items():
        check_instance(f"start[{key!r}]", array.flat[0], np.floating, "real")
        check_range(f"start[{key!r}]", array, dtype)
        if array.shape[:-1] not in ((), lead):
            raise ValueError(
                f"start[{key!r}] must have shape {lead + array.shape[-1:]}, "
                f"got {array.shape}"
            )
    return {k: np.broadcast_to(v, lead + v.shape[-1:]) for k, v in given.items()}


def finish(run, runs):
    """The result of one of the runs, its ELBO estimated from noise it has never seen."""
    elbo = elbo_se = None
    params = run.copy_params()
    if run.family.has_elbo:
        report(run)
        elbo, elbo_se = fresh_elbo(run, params, runs * len(run.streams))
    history = {name: np.asarray(values) for name, values in run.history.items()}
    return FitResult(
        run.model,
        run.family,
        params,
        history,
        elbo,
        elbo_se,
        run.stop_reason,
        run.streams[0].prediction_seed,
    )


def report(run):
    """What keeps a verbose run busy after its last step."""
    if run.options.verbose:
        print("estimating the ELBO from fresh noise", file=sys.stderr, flush=True)


def fresh_elbo(run, params, runs):
    """(ELBO, standard error), one of so many: two floats, or two arrays over replicas."""
    pairs = []
    for i, streams in enumerate(run.streams):
        own = {key: value[i] for key, value in params.items()} if run.lead else params
        A, y = run.batches.all_rows(i)
        with np.errstate(all="ignore"):  # an ELBO of -inf is an answer
            if run.estimator.exact:
                pair = exact_elbo(run.model, run.family, own, A, y, run.estimator)
            else:
                rng = streams.validation
                pair = estimate_elbo(run.model, run.family, own, A, y, rng, runs=runs)
        pairs.append(pair)
    if run.lead:
        return tuple(np.stack(values) for values in zip(*pairs, strict=True))
    return tuple(float(v) if np.ndim(v) == 0 else v for v in pairs[0])


def choose(results):
    """The best restart: largest fresh-noise ELBO; for points, smallest final loss."""
    interrupted = results[-1].stop_reason == "interrupted"
    results = [r for r in results if len(r.history["loss"])] or results
    score = [-r.history["loss"][-1:] if r.elbo is None else r.elbo for r in results]
    score = [np.sum(value) for value in score]  # over the tasks of a family
    score = np.nan_to_num(score, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    best = results[int(np.argmax(score))]
    if len(results) > 1:
        best.restarts = [(r.elbo, r.elbo_se) for r in results]
    if interrupted:
        best.stop_reason = "interrupted"
    return best
