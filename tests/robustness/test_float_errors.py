"""``np.seterr(all="raise")`` is the caller's affair: no public computation ends by it."""

import inspect
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from support import bad_inputs as world
from support.likelihoods import EXAMPLES, LIKELIHOODS, targets_of

import minibnn as mb
from minibnn import plots
from minibnn.audit.verify import verify
from minibnn.exact import normal_sample
from minibnn.mcmc.ess import ess
from minibnn.mcmc.r_hat import r_hat
from minibnn.validation.doors import outside

matplotlib.use("Agg")
RNG = np.random.default_rng(4)
N = 30
X = 5.0 * RNG.normal(size=(N, 2))
REALS = X[:, 0] + 0.1 * RNG.normal(size=N)
LABELS = (X[:, 0] > 0).astype(float)
ROOMS = mb, mb.metrics, mb.datasets, mb.points, plots, normal_sample


def public_functions():
    for room in ROOMS:
        for name, value in vars(room).items():
            ours = getattr(value, "__module__", "").startswith("minibnn")
            own = room is mb or getattr(value, "__module__", "") == room.__name__
            if inspect.isfunction(value) and ours and own and name[0] != "_":
                yield pytest.param(value, id=f"{room.__name__}.{name}")


@pytest.mark.parametrize("function", list(public_functions()))
def test_every_public_function_is_a_door(function):
    counts = "door", "rebuildable", "longest_repeated_label_run", "check_column_names"
    assert function.__name__ in counts or function.is_door  # that compute nothing


def results():
    """One object of every class that is public or comes out of a public function."""
    exact = mb.exact_posterior(world.LINE, world.X, world.REALS)
    case = mb.points.generic(world.YES_NO, mb.MeanField())
    yield from (world.RESULT, world.PRED, world.CHAINS, exact, case)
    yield from (exact.predict(world.X), mb.diagnose(case.gradient(), case))
    yield mb.datasets.linear(rng=0)
    yield mb.laplace(world.LINE, world.X, world.REALS, np.zeros(3))
    yield mb.grid_posterior(world.ONE, world.X[:, :1], world.REALS)
    for value in vars(mb).values():
        if isinstance(value, type) and not issubclass(value, Exception):
            yield value


def test_every_public_method_is_behind_a_door():
    for thing in results():
        cls = thing if isinstance(thing, type) else type(thing)
        for name, value in inspect.getmembers_static(cls):
            if name.startswith("_") and name != "__call__":
                continue
            if isinstance(value, property):
                value = value.fget
            own = getattr(value, "__module__", "").startswith("minibnn")
            if inspect.isfunction(value) and own:
                assert value.is_door, f"{cls.__name__}.{name}"


# --- the same numbers, whatever the caller has set ------------------------------------


def bernoulli_model():
    return mb.Model(mb.MLP([2, 4, 1], "tanh"), mb.Bernoulli(), mb.GaussianPrior(0, 30))


def fitted(likelihood, dtype):
    """A fit and all that a prediction says, far from the data."""
    like, outputs = LIKELIHOODS[likelihood]
    net = mb.MLP([2, 4, outputs], "softplus")
    model = mb.Model(net, like, mb.GaussianPrior(0.0, 30.0))
    y = targets_of(like, (N, outputs), 5)
    r = mb.fit(
        model, mb.MeanField(), X.astype(dtype), y, rng=0, max_steps=2, start=None
    )
    pred = r.predict(X[:9].astype(dtype) * 50, n_samples=40)
    said = [pred.mean, pred.std, pred.aleatoric, pred.epistemic, pred.samples]
    said += [*pred.interval(), pred.log_prob(y[:9]), r.elbo, r.sample_weights(3)]
    return [*said, *r.params.values(), *r.history.values()]


TINY = np.array([0.5, 1e-200, 0.0, 1.0, 3e-320])
YES = np.array([0, 0, 0, 1, 0])
FAR = np.array([[1e-170, 1e-200, 40.0, 1e-3]])


def exact():
    post = mb.exact_posterior(world.LINE, X, REALS)
    pred = post.predict(X * 1e-200)
    q = mb.MeanField().natural(mb.MeanField().init(world.LINE, rng=0))[0]
    return [post.cov, post.variances, pred.std, pred.log_prob(REALS), post.decompose(q)]


def scores():
    m, two = mb.metrics, np.column_stack([1 - TINY, TINY])
    yield from (
        m.brier(YES, TINY),
        m.brier(YES, two),
        m.nll(YES, TINY),
        m.f1(YES, TINY),
    )
    yield m.nll(YES, np.array([-1e3, -1e-300, -800.0, -1e-5, -2.0]), log=True)
    yield from (m.ece(YES, TINY), m.accuracy(YES, TINY), m.auroc(TINY, YES))
    yield from (m.rmse(TINY[1:3], TINY[2:4]), m.coverage(TINY, TINY - 1, TINY))
    yield m.rmse(TINY, np.full(5, 1e-308))
    yield from m.reliability_curve(YES, TINY)


def pictures():
    options = {"rng": 0, "max_steps": 60, "start": None}
    result = mb.fit(bernoulli_model(), mb.MeanField(), X, LABELS, **options)
    pred = result.predict(X * 50, n_samples=40)
    far = mb.exact_posterior(world.LINE, X, REALS).predict(X[:2] * 1e-200)
    for drawn in (
        plots.draw_network(result), plots.elbo_curve(result),
        plots.predictive_histogram(pred, [0, 1]), plots.band(pred, X[:, 0]),
        plots.reliability(LABELS, pred.mean), plots.prior_posterior(result, [0, 1]),
        plots.calibration(far, REALS[:2]),
    ):  # fmt: skip
        yield np.array(drawn["ax"].get_xlim())
        matplotlib.pyplot.close(drawn["ax"].figure)
    for draw in (plots.trace, plots.rank):
        drawn = draw(world.CHAINS)
        yield np.array([ax.get_ylim() for ax in drawn["ax"]])
        matplotlib.pyplot.close(drawn["ax"][0].figure)


def diagnosed():
    case = mb.points.generic(bernoulli_model(), mb.MeanField(), regime="tiny")
    wrong = case.gradient()
    wrong["rho"] = wrong["rho"] * (1.0 + np.exp(-case.params["rho"]))
    found = mb.diagnose(wrong, case)
    return [
        str(found),
        str(mb.diagnose(case.gradient(), case)),
        str(mb.points.lint(case)),
    ]


def checked():
    for f, g, x in (
        (
            lambda x: np.exp(-1e3 * x @ x),
            lambda x: -2e3 * x * np.exp(-1e3 * x @ x),
            TINY,
        ),
        (lambda x: np.exp(x).sum(), np.exp, np.array([1.0, 700.0, -720.0])),
        (lambda x: np.log(x).sum(), lambda x: 1 / x, np.array([1e-300, 1.0])),
    ):
        yield str(mb.check_gradient(f, g, x).verdict)


def kernels():
    tiny = np.full_like(FAR, 1e-200)
    for prior in (mb.GaussianPrior(0, 1e-100), mb.LaplacePrior()):
        yield from prior.kl(FAR, tiny, np.log(tiny))
    for prior in (mb.GaussianPrior(0, 1e-9), mb.LaplacePrior(), mb.ScaleMixturePrior()):
        yield from prior.log_prob(FAR)
    F = 700.0 * np.array([[[-1.0], [1e-9], [1.0]]])
    for like, width in EXAMPLES:
        none, G = np.zeros((1, like.n_weights)), np.repeat(F, width, 2)
        y = np.zeros(like.target_shape(G.shape[1:]))
        yield from like(G, like.targets(y, G.shape[1:]), none)[:2]
        yield from (like.mean(G, none), like.variance(G, none))
    for scale in ("softplus", "exp"):
        q, _ = mb.MeanField(scale).natural({"mu": FAR[0], "rho": -400 * np.ones(4)})
        yield from (q.sigma, q.log_sigma, mb.MeanField(scale).sample(q, FAR)[0])


CALLS = {
    f"{name} {dtype.__name__}": lambda name=name, dtype=dtype: fitted(name, dtype)
    for name in LIKELIHOODS
    for dtype in (np.float64, np.float32)
}
CALLS |= {
    "exact": exact,
    "scores": lambda: list(scores()),
    "pictures": lambda: list(pictures()),
    "diagnose": diagnosed,
    "check_gradient": lambda: list(checked()),
    "kernels": lambda: list(kernels()),
    "hmc": lambda: [
        (c := mb.hmc(bernoulli_model(), X, LABELS, rng=0, n_chains=2, n_draws=8,
                     n_warmup=20, max_leapfrog=9)).weights,
        c.r_hat(X), c.ess(), c.outputs(X), c.predict(50 * X).log_prob(LABELS),
    ],
    "diagnostics": lambda: [
        f(1e-170 * np.arange(24.0).reshape(2, 12, 1) ** 2)
        for f in (r_hat, ess)
    ],
    "ais": lambda: [
        mb.ais(world.LINE, X, REALS, rng=0, n_particles=4, n_temperatures=9).log_evidence
    ],
    "laplace": lambda: [
        mb.laplace(bernoulli_model(), X, LABELS, np.full(17, 3.0), rng=0)
        .predict(50 * X).log_prob(LABELS)
    ],
    "grid": lambda: [
        (g := mb.grid_posterior(world.ONE, X[:, :1], REALS)).mean, g.cov, g.masses
    ],
    "sample": lambda: [
        *mb.normal_log_likelihood(TINY, 0.0, 1e-3)[1],
        normal_sample.integral_over_data(5),
        normal_sample.integral_over_parameters(1e-9 * REALS),
    ],
    "full covariance": lambda: [
        world.fit(bernoulli_model(), mb.FullCovariance(), X, LABELS)
        .predict(X, n_samples=9).mean
    ],
    "data": lambda: [
        getattr(mb.datasets, name)(rng=0).standardised().X
        for name in ("rupture", "blundell", "cubic", "two_clusters", "linear", "two_moons")
    ],
}  # fmt: skip
RAISE, WARN = {"all": "raise"}, {"all": "warn"}


def same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    "setting", [RAISE, pytest.param(WARN, marks=pytest.mark.slow)], ids=str
)
@pytest.mark.parametrize("name", CALLS)
def test_the_same_numbers_however_floating_point_errors_are_set(name, setting):
    usual = CALLS[name]()
    with np.errstate(**setting):
        same(CALLS[name](), usual)


@pytest.mark.slow
def test_the_audit_holds():
    with np.errstate(all="raise"):
        assert {row["verdict"] for row in verify()} == {"agrees"}


@pytest.mark.optional
def test_it_can_be_imported_so():
    code = (
        "import numpy; numpy.seterr(all='raise'); import minibnn, minibnn.plots"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


# --- what stays -----------------------------------------------------------------------


def test_what_is_not_finite_is_still_told():
    options = {"optimizer": mb.SGD(1e3), "max_steps": 500, "y": world.REALS}
    with np.errstate(all="raise"):
        with pytest.raises(mb.FitError, match="no longer finite"):
            world.fit(world.LINE, **options)
        with pytest.raises(ValueError, match="log joint must be"):
            world.YES_NO.log_joint(np.full(world.P, 1e300), world.X, world.Y)
        with pytest.raises(ValueError, match="y must be finite"):
            mb.metrics.rmse([np.nan], [0.0])


@pytest.mark.parametrize("setting", [RAISE, WARN, {"over": "ignore", "under": "raise"}])
def test_the_callers_functions_run_by_the_callers_rules(setting):
    """And what they call of ours is behind a door again."""
    seen = []

    def look(*args):
        seen.append(np.geterr())
        mb.metrics.brier([0, 0], [0.5, 1e-200])
        return False

    grid = mb.grid_posterior(world.ONE, world.X[:, :1], world.REALS)
    with np.errstate(**setting):
        wanted = np.geterr()
        world.fit(callback=look)
        world.fit(stop=look)
        grid.expect(lambda w: look() or w)
        assert np.geterr() == wanted
    assert seen == [wanted] * 5


def test_an_error_of_the_callers_function_is_his_own():
    def underflows(info):
        return np.exp(np.array(-800.0))

    world.fit(callback=underflows)
    with np.errstate(under="raise"), pytest.raises(FloatingPointError):
        world.fit(callback=underflows)


def test_a_function_under_test_is_asked_where_its_author_never_would():
    """So it runs quietly: an overflow there is a finding, not an end."""
    x = np.array([0.5, -400.0])
    f, g = (lambda x: np.exp(2 * x).sum()), (lambda x: 2 * np.exp(2 * x))
    with np.errstate(all="raise"):
        report = mb.check_gradient(f, g, x)
    assert report.verdict != "wrong"


def test_outside_of_any_door_nothing_changes():
    before = np.geterr()
    with outside():
        assert np.geterr() == before
