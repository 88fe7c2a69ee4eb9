"""Random small models: ten steps, then the gradient is checked.

Each is trained or refused with an error that names what is missing; what is trained
stays finite without a warning, every step of the loop computed the objective, and the
gradient at the end is that of the complex step.
"""

from dataclasses import replace

import numpy as np
import pytest
from support.fuzz_cases import make_case
from support.oracles import step_every_coordinate

import minibnn as mb
from minibnn import likelihoods
from minibnn.objective import objective
from minibnn.svi import one_step
from minibnn.svi.elbo import default_estimator

# their columns are of any size, and told
pytestmark = pytest.mark.filterwarnings("ignore:Far from mean 0")
QUICK, ALL, CHUNK, COVER = 80, 5000, 20, 300
NOT_THE_SLOPE = mb.ScoreFunction, mb.StickTheLanding  # of the value they give


def chunks(count):
    slow = pytest.mark.slow
    for start in range(0, count, CHUNK):
        yield pytest.param(start, marks=[slow] if start >= QUICK else [])


@pytest.fixture
def watched(monkeypatch):
    """Every step of every run is compared with the objective, computed afresh."""
    evaluate = one_step.OneStep.evaluate

    def compared(self, kl_weight):
        parts = evaluate(self, kl_weight)
        batch = next(i for n, i in self.inputs.items() if self.programs[n] is self.last)
        A, y = batch.get("A", self.batches.A), batch.get("y", self.batches.y)
        args = self.batches.n_rows, float(kl_weight), self.problem[2]
        loss, gradient, _ = objective(
            *self.problem[:2], self.flat.params, batch["noise"], A, y, *args
        )
        want, eps = self.flat.join(gradient()), np.finfo(want_type(loss)).eps
        close(parts["loss"], loss, 1e4 * eps)
        close(parts["g"], want, 1e5 * eps)
        return parts

    monkeypatch.setattr(one_step.OneStep, "evaluate", compared)


def want_type(loss):
    return np.asarray(loss).dtype


def close(got, want, tolerance):
    size = np.max(np.abs(want), initial=1e-30)
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * size)


@pytest.mark.parametrize("start", list(chunks(ALL)))
def test_random_models(start, watched):
    for seed in range(start, start + CHUNK):
        case = make_case(seed)
        try:
            check(case)
        except BaseException as error:
            error.add_note(f"seed {seed}: {case}")
            raise


def check(case):
    """Refused with a reason, or trained and differentiated."""
    estimator = case.estimator or default_estimator(case.model, case.family)
    fit = (case.model, case.family, case.X, case.y)
    options = case.options | {"estimator": case.estimator, "start": None}
    if reason := refusal(estimator, case):
        with pytest.raises(
            ValueError, match=r"^estimator .* (needs|has no)"
        ) as refused:
            mb.fit(*fit, max_steps=10, **options)
        assert str(refused.value) == reason
        return
    result = mb.fit(*fit, max_steps=10, **options)
    for array in (*result.params.values(), *result.history.values()):
        assert np.isfinite(array).all()
    assert {array.dtype for array in result.params.values()} == {case.X.dtype}
    assert len(result.history["loss"]) == 10
    if case.family.has_elbo:
        assert np.isfinite(result.elbo).all()
        assert np.min(result.history["kl"]) >= 0 or estimator_samples_kl(
            case, estimator
        )
    predictable(case, result)
    if not isinstance(estimator, NOT_THE_SLOPE):
        check_gradient(replace(case, estimator=estimator), result)


def refusal(estimator, case):
    """Why the estimator does not serve this model and family; or nothing."""
    try:
        estimator.check(case.model, case.family)
    except ValueError as reason:
        return str(reason)
    return ""


def estimator_samples_kl(case, estimator):
    closed = case.model.weight_prior.has_closed_kl
    return not closed or isinstance(estimator, mb.StickTheLanding)


def predictable(case, result):
    """Finite means, no negative variance (a Student's may be infinite)."""
    if case.family.tasks:
        return
    pred = result.predict(case.X, n_samples=4)
    assert np.isfinite(pred.mean).all()
    for part in (pred.std, pred.aleatoric, pred.epistemic):
        assert not np.isnan(part).any()
        assert np.min(part) >= 0
    assert not np.isnan(pred.log_prob(case.y)).any()


def check_gradient(case, result):
    """Complex step in double precision at the end of the run, one replica."""
    replica = 0 if case.options["replicas"] else ...
    params = {k: np.asarray(v[replica], np.float64) for k, v in result.params.items()}
    params = {k: np.where(v == 0, 0.01, v) for k, v in params.items()}  # |w| has a kink
    A, y = case.model.batch(np.asarray(case.X, np.float64), case.y)
    rng = np.random.default_rng(0)
    shape = case.estimator.noise_shape(case.model, case.family, 2, A.shape[-2])
    noise = rng.standard_normal(case.family.tasks + shape)
    weight = case.options["kl_weight"]

    def total(p, kl_weight=weight):
        loss, gradient, _ = objective(
            case.model, case.family, p, noise, A, y, 20, kl_weight, case.estimator
        )
        return (loss.sum(-1) if case.family.tasks else loss), gradient

    def flat(p, kl_weight=weight):
        grads = total(p, kl_weight)[1]()
        return np.concatenate([grads[key] for key in params])

    want = step_every_coordinate(lambda p: total(p)[0], params)
    got, data = flat(params), flat(params, 0.0)
    jittered = [
        {
            k: v * (1 + rng.choice([-1, 1], v.shape) * 2.0**-52)
            for k, v in params.items()
        }
        for _ in range(3)
    ]
    spread = np.max([np.abs(flat(p) - got) for p in jittered], axis=0)
    allowed = 1e-11 * (np.abs(data) + np.abs(got - data)) + 64 * spread + 1e-300
    # coordinates of one array are sums of like terms: one is allowed a share of the rest
    allowed += 1e-14 * np.abs(got).max()
    assert np.all(np.abs(got - want) <= allowed), np.max(np.abs(got - want) / allowed)


def test_the_cases_cover_what_there_is():
    cases = [make_case(seed) for seed in range(COVER)]
    kinds = {type(c.model.likelihood).__name__ for c in cases}
    kinds |= {type(c.model.prior).__name__ for c in cases}
    kinds |= {type(c.family).__name__ for c in cases}
    kinds |= {type(c.estimator).__name__ for c in cases}
    kinds |= {c.model.net.activation for c in cases} | {c.X.dtype.name for c in cases}
    # None is the default estimator
    assert len(kinds) == len(likelihoods.ALL) + 3 + 4 + 8 + 4 + 2 - 1
    refused = sum(bool(refusal(c.estimator or mb.Pathwise(), c)) for c in cases)
    assert 0.02 < refused / COVER < 0.4


def test_a_wrong_gradient_is_found(monkeypatch):
    """The harness itself: a data term whose slope is one part in 10^8 too large."""
    cases = [make_case(seed) for seed in range(100)]
    cases = [c for c in cases if isinstance(c.estimator, mb.Pathwise)][:10]
    results = [
        mb.fit(c.model, c.family, c.X, c.y, max_steps=1, start=None,
               estimator=c.estimator, **c.options)
        for c in cases
    ]  # fmt: skip
    honest, found = mb.Model.nll, 0

    def tilted(self, w, A, y):
        nll, pull = honest(self, w, A, y)
        return nll, lambda c: pull(c) * (1 + 1e-8)

    monkeypatch.setattr(mb.Model, "nll", tilted)
    for case, result in zip(cases, results, strict=True):
        try:
            check_gradient(case, result)
        except AssertionError:
            found += 1
    assert len(cases) == 10
    assert found >= 9
