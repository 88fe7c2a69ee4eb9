"""Stochastic variational inference: ``fit``, the door to the six steps."""

import numpy as np

from minibnn.inference.elbo import (
    check_combination,
    check_params,
    default_estimator,
    estimate_elbo,
)
from minibnn.inference.options import check_options
from minibnn.inference.result import FitResult
from minibnn.inference.run import Run
from minibnn.inference.streams import run_seeds
from minibnn.kernels.model import Model
from minibnn.kernels.validate import check_instance


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
    verbose=False,
):
    """Fit q(w) to the posterior by stochastic descent on the negative ELBO.

    The six steps: (1) initialise q(w; mu, sigma); (2) the objective, -ELBO; (3) sample
    w = mu + sigma eps and run forward; (4) its gradients for mu and sigma; (5) update
    them; (6) repeat until ``max_steps`` or until the ELBO has converged.

    Parameters
    ----------
    model : Model
    family : MeanField, Point, ...
    X, y : arrays (N, D) and (N,) or (N, K)
        float32 X gives a float32 run. With ``replicas=R`` also (R, N, D) and (R, N).
    rng : int, SeedSequence, Generator or None
        Equal seeds give equal runs.
    n_samples : int
        S, Monte Carlo samples per step.
    batch_size : int, optional
        B; by default all rows.
    optimizer : optional
        SGD, Momentum or Adam; default ``Adam(Cosine(0.02))``.
    max_steps : int
        Stochastic steps; the start is not counted.
    start : "auto", "lbfgs", None or dict
        "auto": L-BFGS at 16 fixed noises first, where the problem is small enough for
        it to pay; a dict: the parameters to begin with.
    stop : Plateau or function, optional
        ``stop(history) -> bool`` after each step; None runs all steps.
    estimator : optional
        Default: local reparameterization where family and prior allow, else pathwise.
    kl_weight : float
        With ``Point()``, 1 is maximum a posteriori and 0 maximum likelihood.
    kl_warmup : float in [0, 1]
        Share of the steps during which the KL weight rises from 0 to ``kl_weight``.
    restarts : int
        Independent runs, of which the one with the best fresh-noise ELBO is kept.
    replicas : int, optional
        R independent runs advanced together; parameters get a leading axis R.
    clip : float, optional
        With ``scale="identity"``: the smallest sigma a step may reach. Without it a
        sigma that leaves (0, inf) ends the run with an error.
    callback : function, optional
        ``callback(info)`` after each step; raise StopIteration to stop.
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
        If loss or gradient stop being finite, or a sigma leaves (0, inf).
    """
    check_instance("model", model, Model)
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
        verbose=verbose,
    )
    check_against_data(model, family, A, options)
    seeds = run_seeds(rng, replicas or restarts)
    groups = [seeds] if replicas else [[seed] for seed in seeds]
    results = []
    for group in groups:
        run = Run(model, family, estimator, A, y, options, group).go()
        results.append(finish(run, A, y))
        if run.stop_reason == "interrupted":
            break
    return choose(results)


def check_against_data(model, family, A, options):
    """Checks that need the data: the replica axis and the parameters to begin with."""
    if A.ndim == 3 and options.replicas != len(A):
        raise ValueError(
            f"X has {len(A)} data sets, so replicas must be {len(A)}, "
            f"got {options.replicas}"
        )
    if isinstance(options.start, dict):
        check_params(family, model, options.start)


def finish(run, A, y):
    """The result of a run, its ELBO estimated from noise it has never seen."""
    elbo = elbo_se = None
    model, family, params = run.model, run.family, run.copy_params()
    if family.has_elbo:
        rng = run.streams[0].validation
        elbo, elbo_se = estimate_elbo(model, family, params, A, y, rng)
        if not run.lead:
            elbo, elbo_se = float(elbo), float(elbo_se)
    history = {name: np.asarray(values) for name, values in run.history.items()}
    seed = run.streams[0].prediction_seed
    return FitResult(
        model, family, params, history, elbo, elbo_se, run.stop_reason, seed
    )


def choose(results):
    """The best restart: largest fresh-noise ELBO; for points, smallest final loss."""
    score = [-r.history["loss"][-1] if r.elbo is None else r.elbo for r in results]
    best = results[int(np.argmax(score))] if len(results) > 1 else results[0]
    best.restarts = [(r.elbo, r.elbo_se) for r in results]
    return best
