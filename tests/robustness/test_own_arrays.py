"""What is passed in, or handed out, may be written to: what an object says stays."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from support import bad_inputs as world

import minibnn as mb

RNG = np.random.default_rng(12)
P = world.LINE.n_weights
Q = mb.MeanField().natural(mb.MeanField().init(world.LINE, rng=0))[0]
BARE = mb.Model(mb.MLP([2, 3, 1], bias=False), mb.Gaussian(0.5), mb.GaussianPrior())


def says(thing):
    """All that an object shows, as a list of arrays and texts; asked for anew."""
    if isinstance(thing, dict):
        return [says(item) for item in thing.values()]
    if isinstance(thing, list | tuple):
        return [says(item) for item in thing]
    if isinstance(thing, np.ndarray):
        return thing.tobytes()
    return repr(thing)


def spoil(thing):
    """Write to every array that is within reach; what refuses cannot be spoilt."""
    if isinstance(thing, dict):
        thing = list(thing.values())
    if isinstance(thing, list | tuple):
        for item in thing:
            spoil(item)
    elif isinstance(thing, np.ndarray) and thing.flags.writeable:
        thing[...] = 7


def X():
    return world.X.copy()


def real():
    return world.REALS.copy()


def run(model=world.LINE, **options):
    options = {"X": X(), "y": real()} | options
    return world.fit(model, **options)


# (arguments that are arrays) -> object, and what it is asked
KEEPERS = {
    "GaussianPrior": (
        lambda a, b: mb.GaussianPrior(a, b), [RNG.normal(size=4), np.full(4, 0.5)],
        lambda p: [p.log_prob(np.ones(4)), p.mean, p.scale, p.kl(*np.ones((3, 4)))],
    ),
    "a number as an array": (
        lambda a: mb.GaussianPrior(0.0, a), [np.array(0.5)], lambda p: [p.scale],
    ),
    "per_layer": (
        lambda a: mb.GaussianPrior.per_layer(world.NET, a), [np.array([0.5, 2.0])],
        lambda p: [p.scale, p.log_prob(np.ones(world.NET.n_weights))],
    ),
    "LaplacePrior": (
        lambda b: mb.LaplacePrior(b), [np.array([1.0, 2.0])],
        lambda p: [p.b, p.log_prob(np.ones(2))],
    ),
    "log_scale_prior": (
        lambda a: mb.Gaussian("learned", a), [[0.5, 2.0]],
        lambda g: [g.log_scale_prior, g.own_prior.mean, g.own_prior.log_prob(np.ones(1))],
    ),
    "MLP": (lambda a: mb.MLP(a), [[2, 3, 1]], lambda n: [n.sizes, n.n_weights, repr(n)]),
    "InferenceNetwork": (
        lambda c: mb.InferenceNetwork(mb.MLP([2, 2 * P]), c), [RNG.normal(size=2)],
        lambda f: [f.context, *f.natural(f.init(world.LINE, rng=0))[0][:2]],
    ),
    "exact_posterior": (
        lambda x, y: mb.exact_posterior(world.LINE, x, y), [X(), real()],
        lambda e: [e.mean, e.root, e.cov, e.decompose(Q), e.kl_from(Q), e.precision,
                   *e.predict(X()), e.predict(X()).std],
    ),
    "exact_posterior without a bias": (
        lambda x, y: mb.exact_posterior(
            mb.Model(mb.MLP([2, 1], bias=False), mb.Gaussian(0.5), mb.GaussianPrior()),
            x, y,
        ), [X(), real()], lambda e: [e.decompose(
            mb.MeanField().natural({"mu": np.ones(2), "rho": np.ones(2)})[0])],
    ),
    "exact prediction": (
        lambda x: mb.exact_posterior(world.LINE, X(), real()).predict(x), [X()],
        lambda p: [*p, p.std, p.interval(), p.log_prob(real())],
    ),
    "grid_posterior": (
        lambda x, y: mb.grid_posterior(world.ONE, x, y), [X()[:, :1], real()],
        lambda g: [g.points, g.log_joint, g.mean, g.masses, g.log_density(np.ones((1, 2)))],
    ),
    "laplace": (
        lambda x, y, w: mb.laplace(world.LINE, x, y, w, rng=0),
        [X(), real(), np.full(P, 0.1)],
        lambda e: [e.mean, e.root, e.cov, e.output_moments(X()), e.sample_weights(3),
                   e.predict(X(), 5).mean],
    ),
    "laplace prediction": (
        lambda x: mb.laplace(BARE, X(), real(), np.full(9, 0.1), rng=0).predict(x, 5),
        [X()], lambda p: [p.mean, p.std, p.samples, p.interval()],
    ),
    "hmc": (
        lambda x, y, w: mb.hmc(world.LINE, x, y, rng=0, n_chains=2, n_draws=8,
                               n_warmup=20, init=w), [X(), real(), np.ones((2, P))],
        lambda c: [c.weights, c.stats, c.scale, c.step_size, c.accept_rate, c.ess(),
                   c.predict(X()).mean, c.floor(X()), c.to_dict(), repr(c)],
    ),
    "chains' prediction": (
        lambda x: world.CHAINS.predict(x), [X()],
        lambda p: [p.mean, p.std, p.aleatoric, p.epistemic, p.samples, p.interval()],
    ),
    "ais": (
        lambda x, y: mb.ais(world.LINE, x, y, rng=0, n_particles=4, n_temperatures=9),
        [X(), real()], lambda e: [e.log_weights, e.bracket, repr(e)],
    ),
    "fit": (
        lambda x, y, s: run(X=x, y=y, start=s),
        [X(), real(), {"mu": np.zeros(P), "rho": np.zeros(P)}],
        lambda r: [r.params, r.history, r.elbo, r.q.mean, r.q.sigma, r.sample_weights(3),
                   r.predict(X(), 5).mean],
    ),
    "a seed that is an array": (
        lambda seed: run(rng=seed), [np.array([3, 4])],
        lambda r: [r.prediction_seed, r.prediction_seed.entropy, r.sample_weights(2)],
    ),
    "a seed sequence of an array": (
        lambda seed: run(rng=np.random.SeedSequence(seed)), [np.array([3, 4])],
        lambda r: [r.prediction_seed.entropy, r.predict(X(), 5).mean],
    ),
    "replicas": (
        lambda x, y: run(X=x, y=y, replicas=2), [X(), real()],
        lambda r: [r.params, r.history, r.replica(1).params, r.replica(0).history,
                   r.replica(1).predict(X(), 5).mean],
    ),
    "restarts": (
        lambda x, y: run(X=x, y=y, restarts=2), [X(), real()],
        lambda r: [r.params, r.history, r.restarts],
    ),
    "a result put together": (
        lambda m: dataclasses.replace(world.RESULT, params={
            "mu": m, "rho": np.zeros(world.P)}), [np.ones(world.P)],
        lambda r: [r.params, r.predict(X(), 5).mean],
    ),
    "predict, without a bias": (
        lambda x: run(BARE).predict(x, 5), [X()],
        lambda p: [p.mean, p.std, p.aleatoric, p.epistemic, p.samples, p.interval(),
                   p.log_prob(real())],
    ),
    "predict": (
        lambda x: world.RESULT.predict(x, 5), [X()],
        lambda p: [p.mean, p.std, p.aleatoric, p.epistemic, p.samples, p.interval(),
                   p.log_prob(world.Y), repr(p)],
    ),
    "Case": (
        lambda m, r, e, x, y: mb.points.Case(
            world.LINE, mb.MeanField(), {"mu": m, "rho": r}, e, x, y),
        [np.ones(P), np.zeros(P), RNG.normal(size=(2, P)), X(), real()],
        lambda c: [c.params, c.noise, c.X, c.y, c.gradient(), c.loss(c.params)],
    ),
    "Dataset": (
        lambda x, y: mb.datasets.Dataset(x, y, x[:3], y[:3], ("a", "b"), ("m", "m")),
        [X(), real()], lambda d: [d.X, d.y, d.X_test, d.standardised(targets=True).X],
    ),
    "a data set of ours": (
        lambda: mb.datasets.linear(rng=0), [],
        lambda d: [d.X, d.y, d.mean_test, d.standardised().X_test],
    ),
    "check_gradient": (
        lambda g, x: mb.check_gradient(np.sum, lambda _: g, x),
        [np.ones(3), np.arange(1.0, 4.0)],
        lambda r: [str(r), r.to_dict(), r.gradient, r.oracle],
    ),
    "diagnose": (
        lambda m, r: mb.diagnose({"mu": m, "rho": r}, world_case()),
        [np.ones(P), np.ones(P)], lambda d: [str(d)],
    ),
    "normal_log_likelihood": (
        lambda x: mb.normal_log_likelihood(x, 0.0, 1.0), [real()], lambda v: [v[0]],
    ),
    "metrics": (
        lambda y, p: mb.metrics.reliability_curve(y, p), [world.Y.copy(),
        world.PROBABILITIES.copy()], lambda c: [repr(c)],
    ),
}  # fmt: skip


def world_case():
    return mb.points.generic(world.LINE, mb.MeanField())


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", KEEPERS)
def test_what_was_passed_in_may_change(name):
    make, arguments, ask = KEEPERS[name]
    arguments = copy.deepcopy(arguments)
    thing = make(*arguments)
    before = says(ask(thing))
    for argument in arguments:
        if type(argument) is list:
            argument[:] = [7] * len(argument)
        spoil(argument)
    assert says(ask(thing)) == before


HANDED_OUT = set(KEEPERS) - {"normal_log_likelihood", "check_gradient", "diagnose"}


@pytest.mark.parametrize("name", sorted(HANDED_OUT))
def test_what_was_handed_out_may_change(name):
    make, arguments, ask = KEEPERS[name]
    thing = make(*copy.deepcopy(arguments))
    answers = ask(thing)
    before = says(answers)
    spoil(answers)
    assert says(ask(thing)) == before


def test_pictures_of_one_prediction_agree_after_its_parts_were_changed():
    pred = run().predict(X(), 50)
    std = pred.std
    for part in (pred.mean, pred.aleatoric, pred.epistemic, pred.std, pred.samples):
        part[...] = 0.0  # copies: writing to them is no error
    np.testing.assert_array_equal(pred.std, std)
    np.testing.assert_allclose(pred.std**2, pred.aleatoric + pred.epistemic, 1e-15)


def test_a_refusal_is_an_error_of_numpys_own():
    """Parameters are not copied at every look: writing to them is refused."""
    result = run()
    with pytest.raises(ValueError, match="read-only"):
        result.params["mu"][:] = 0.0
    own = {key: array.copy() for key, array in result.params.items()}
    own["mu"][:] = 0.0
    changed = dataclasses.replace(result, params=own)
    assert not changed.predict(X(), 5).mean.any() or changed.q.mean.max() == 0.0


@pytest.mark.parametrize("thing", [world.RESULT, world.CHAINS, world.EXACT], ids=repr)
def test_copies_and_pickles_are_alike(thing):
    for other in (copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        one, two = (t.predict(X()).mean for t in (thing, other))
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("bias", [True, False])
def test_fit_keeps_no_rows(bias):
    """The data are read during the call alone: nothing of their size stays."""
    model = mb.Model(mb.MLP([2, 3, 1], bias=bias), mb.Gaussian(0.5), mb.GaussianPrior())
    x = RNG.normal(size=(3000, 2))
    result = run(model, X=x, y=x[:, 0], batch_size=10)
    assert len(pickle.dumps(result)) < 20_000
