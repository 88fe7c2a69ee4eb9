"""Single precision from end to end, and how far it may differ from double.

float32 inputs make a float32 run: parameters, noise, gradients, optimiser memory and
predictions. Beside the same run in double precision (equal start, equal noise), on the
models below, with the largest differences measured in brackets:

- a loss agrees to 1e-5 of its terms (2.5e-7; ten times that where log scales are
  outputs and e^-2t amplifies them), a gradient to 1e-4 of the sizes of its data and
  KL parts (2.8e-6, likewise);
- after twenty steps parameters agree to 5e-6 of the largest (8e-7), losses to 2e-6;
- predictive means and spreads at the same weights agree to 3e-5 (6e-6).
"""

import itertools

import numpy as np
import pytest
from support.combination_cases import (
    ESTIMATORS,
    FAMILIES,
    LIKELIHOODS,
    N_DATA,
    PRIORS,
    B,
    S,
    make_data,
    make_family,
    make_model,
    make_params,
    missing,
)
from support.likelihoods import targets_of

import minibnn as mb
from minibnn.objective import objective
from minibnn.rng import Normals
from minibnn.svi import many_steps, one_step

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
LOSS, GRADIENT, AFTER_STEPS, PREDICTED = 1e-5, 1e-4, 5e-6, 3e-5
CELLS = [
    (family, likelihood, prior, estimator)
    for family in FAMILIES
    for likelihood in LIKELIHOODS
    for prior in PRIORS
    for estimator in ESTIMATORS
    if missing(family, likelihood, prior, estimator) is None
]


def arrays_of(value):
    """Every array in nested dicts, tuples and lists; None is none."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, tuple | list):
        for item in value:
            yield from arrays_of(item)
    elif value is not None:
        yield np.asarray(value)


def evaluate(cell, dtype):
    """Loss, parts, gradient in one precision, and the sizes of both terms' gradients."""
    model = make_model(*cell[1:])
    family, estimator = make_family(cell[0], model), ESTIMATORS[cell[3]][0]
    X, y = make_data(family, model)
    A, y = model.batch(np.asarray(X, F32).astype(dtype), y)
    shape = estimator.noise_shape(model, family, S, B)
    noise = np.random.default_rng(2).normal(size=family.tasks + shape).astype(F32)
    params = {k: v.astype(F32) for k, v in make_params(family, model).items()}
    params = {k: v.astype(dtype) for k, v in params.items()}
    args = (model, family, params, noise.astype(dtype), A, y, N_DATA)
    loss, gradient, parts = objective(*args, 0.7, estimator)
    _, data, _ = objective(*args, 0.0, estimator)
    return loss, parts, gradient(), data()


@pytest.mark.sample(4)
@pytest.mark.parametrize("cell", CELLS, ids=" | ".join)
def test_one_evaluation(cell):
    """float32 throughout, and close to double precision at the same numbers."""
    single, double = evaluate(cell, F32), evaluate(cell, F64)
    for array in arrays_of(single):
        assert array.dtype == F32
    for array in arrays_of(double):
        assert array.dtype == F64
    (loss, _, grads, _), (loss_, parts_, grads_, data_) = single, double
    size = sum(np.abs(part).max() for part in arrays_of(parts_))
    np.testing.assert_allclose(loss, loss_, rtol=0, atol=LOSS * size)
    for key, want in grads_.items():
        size = np.abs(data_[key]).max() + np.abs(want - data_[key]).max()
        np.testing.assert_allclose(grads[key], want, rtol=0, atol=GRADIENT * size)


# --- whole runs ----------------------------------------------------------------------

RNG = np.random.default_rng(3)
X = RNG.normal(size=(60, 3)).astype(F32)
MODELS = {
    name: (mb.MLP([3, 8, width], act), like, targets_of(like, (60, width), RNG))
    for (name, (like, width)), act in zip(
        LIKELIHOODS.items(), itertools.cycle(["relu", "tanh", "softplus"]), strict=False
    )
}
LINE = mb.Model(mb.MLP([3, 1]), mb.StudentT(4.0, "learned"), mb.GaussianPrior(0.0, 1.5))
REALS = X @ [1.0, -0.5, 0.2] + 0.3 * RNG.normal(size=60)
RUNS = {
    "plain": {},
    "batches": {"batch_size": 16},
    "replicas": {"replicas": 2},
    "pathwise": {"estimator": mb.Pathwise(), "n_samples": 3},
    "antithetic": {"estimator": mb.Pathwise(antithetic=True), "n_samples": 4},
    "flipout": {"estimator": mb.Flipout()},
    "landing": {"estimator": mb.StickTheLanding()},
    "exp": {"family": mb.MeanField("exp")},
    "identity": {"family": mb.MeanField("identity")},
    "full": {"family": mb.FullCovariance(), "optimizer": mb.NaturalGradient(1e-5)},
    "point": {"family": mb.Point()},
    "sgd": {"optimizer": mb.SGD(1e-4)},
    "momentum": {"optimizer": mb.Momentum(1e-5)},
    "warm-up": {"kl_warmup": 0.5},
    "lbfgs": {"start": "lbfgs"},
}


def run(name, model, dtype, **more):
    net, likelihood, y = MODELS[model]
    options = {"rng": 0, "max_steps": 20, "start": None, "optimizer": mb.Adam(2e-3)}
    options |= {"family": mb.MeanField()} | RUNS[name] | more
    model = mb.Model(net, likelihood, mb.GaussianPrior(0.0, 1.5))
    return mb.fit(model, options.pop("family"), X.astype(dtype), y, **options)


@pytest.fixture
def memory(monkeypatch):
    """What the loop computed in: parameters, gradients, noise, optimiser memory."""
    seen = {}
    update = one_step.OneStep.update

    def spied(self, optimizer, memory, *args):
        seen["memory"] = memory
        seen["rest"] = [self.flat.theta, self.last.outputs, list(self.inputs.values())]
        seen["data"] = self.batches.A
        return update(self, optimizer, memory, *args)

    run_rows = many_steps.ManySteps.run

    def spied_rows(self, program, *args):
        calls = program.ahead + program.row(0) + program.late
        seen["memory"] = self.memory
        seen["rest"] = [self.one_step.flat.theta, program.inputs, program.outputs]
        seen["data"] = [self.one_step.batches.A, [args for _, args in calls]]
        return run_rows(self, program, *args)

    monkeypatch.setattr(one_step.OneStep, "update", spied)
    monkeypatch.setattr(many_steps.ManySteps, "run", spied_rows)
    return seen


@pytest.mark.sample(7)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", RUNS)
def test_nothing_is_float64_on_the_way(name, model, memory):
    result = run(name, model, F32, max_steps=3)
    floats = [a for a in arrays_of(list(memory.values())) if a.dtype.kind == "f"]
    assert {a.dtype for a in floats} == {F32}
    assert {a.dtype for a in result.params.values()} == {F32}
    pred = result.predict(X[:5], n_samples=6)
    got = [pred.mean, pred.std, pred.aleatoric, pred.epistemic, pred.samples]
    got += [*pred.interval(0.9), pred.log_prob(MODELS[model][2][:5])]
    assert {a.dtype for a in got} == {F32}
    assert result.sample_weights(3).dtype == F32
    # predictions keep the precision of the fit, whatever X comes in
    assert result.predict(X[:5].astype(F64), n_samples=6).mean.dtype == F32


@pytest.fixture
def same_noise(monkeypatch):
    """In single precision draw what double precision does, rounded."""

    def fill(self, out):
        out[...] = self.generator.standard_normal(out.shape)

    monkeypatch.setattr(Normals, "fill", fill)


@pytest.mark.sample(11)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", [n for n in RUNS if n != "lbfgs"])
def test_twenty_steps_stay_together(name, model, same_noise):
    """From the same start at the same noise."""
    single, double = run(name, model, F32), run(name, model, F64)
    for key, want in double.params.items():
        size = np.abs(want).max()
        np.testing.assert_allclose(
            single.params[key], want, rtol=0, atol=AFTER_STEPS * size
        )
    loss, want = single.history["loss"], double.history["loss"]
    np.testing.assert_allclose(loss, want, rtol=0, atol=2e-6 * np.abs(want).max())


@pytest.mark.parametrize("model", MODELS)
def test_predictions_at_the_same_weights(model, same_noise):
    single = run("plain", model, F32)
    double = run("plain", model, F64)
    double.params = {key: a.astype(F64) for key, a in single.params.items()}
    one, two = (r.predict(X.astype(F64), 50, rng=1) for r in (single, double))
    for name in ("mean", "std", "aleatoric"):
        got, want = getattr(one, name), getattr(two, name)
        np.testing.assert_allclose(
            got, want, rtol=0, atol=PREDICTED * np.abs(want).max()
        )
    got, want = one.log_prob(MODELS[model][2]), two.log_prob(MODELS[model][2])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_both_precisions_find_the_same_posterior():
    """Default fits, each with its own noise: one optimum, ELBOs within a fifth of a nat."""
    single, double = (
        mb.fit(LINE, mb.MeanField(), X.astype(dtype), REALS, rng=0, max_steps=1000)
        for dtype in (F32, F64)
    )  # fmt: skip
    gap = 0.2 + 6 * np.hypot(single.elbo_se, double.elbo_se)
    assert abs(single.elbo - double.elbo) < gap
    one, two = (r.predict(X.astype(F64), 400).mean for r in (single, double))
    assert np.sqrt(np.mean((one - two) ** 2)) < 0.1
