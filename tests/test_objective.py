"""The negative ELBO: every coordinate, every sign and weight, at generic points.

Generic: three samples, five rows of a data set of 23, KL weight 0.7, a prior with its
own mean and scale for every weight, no square layer.
"""

import itertools

import numpy as np
import pytest
from scipy import stats
from support import core_oracles as oracle
from support import likelihoods

import minibnn as mb
from minibnn.diagnosis import points

N, B, S, R, BETA = 23, 5, 3, 4, 0.7
LIKELIHOODS = {  # of two targets
    name: (like, width if like.exclusive else 2 * width)
    for name, (like, width) in likelihoods.LIKELIHOODS.items()
}
LIKELIHOODS |= {"Bernoulli-2": LIKELIHOODS["Bernoulli"], "Bernoulli": (mb.Bernoulli(), 1)}
SCALES = ("softplus", "exp", "identity")
ESTIMATORS = {"pathwise": mb.Pathwise(), "local": mb.LocalReparam()}
ACTIVATIONS = ("relu", "tanh", "softplus")


class Setting:
    """A model, a family, an estimator and a generic point of their objective."""

    def __init__(
        self,
        likelihood="Bernoulli",
        scale="softplus",
        estimator="pathwise",
        activation="tanh",
        replicas=(),
        bias=True,
        sigma=None,
        seed=0,
    ):
        rng = np.random.default_rng(seed)
        self.likelihood, outputs = LIKELIHOODS[likelihood]
        self.log_density = likelihoods.log_density(self.likelihood)
        self.net = mb.MLP([2, 3, outputs], activation, bias)
        n = self.net.n_weights
        self.m0, self.s0 = 0.3 * rng.normal(size=n), rng.uniform(0.5, 2.0, n)
        prior = mb.GaussianPrior(self.m0, self.s0)
        self.model = mb.Model(self.net, self.likelihood, prior)
        self.family = mb.MeanField(scale) if scale else mb.Point()
        self.estimator = ESTIMATORS[estimator]
        self.X = rng.normal(size=(B, 2))
        self.y = likelihoods.targets_of(self.likelihood, (B, outputs), rng)
        lead = tuple(replicas)
        P = self.model.n_weights
        self.params = {"mu": rng.normal(size=(*lead, P))}
        if scale:
            size = sigma or 1.0
            sd = size * rng.uniform(0.2, 1.6, (*lead, P))
            self.params["rho"] = raw(scale, sd)
        shape = self.estimator.noise_shape(self.model, self.family, S, B)
        self.noise = rng.normal(size=(*lead, *shape))

    def __call__(self, params=None, **changed):
        kwargs = {"n_data": N, "kl_weight": BETA, "estimator": self.estimator} | changed
        noise = kwargs.pop("noise", self.noise)
        X, y = kwargs.pop("X", self.X), kwargs.pop("y", self.y)
        params = self.params if params is None else params
        return mb.neg_elbo(self.model, self.family, params, noise, X, y, **kwargs)

    def prior_of_all(self):
        """Prior mean and scale of every weight, the likelihood's own at the end."""
        if self.model.n_weights == self.net.n_weights:
            return self.m0, self.s0
        own = self.likelihood.own_prior
        return np.append(self.m0, own.mean), np.append(self.s0, own.scale)


def raw(scale, sd):
    """The free number of a standard deviation, by inverting the map."""
    return {"softplus": np.log(np.expm1(sd)), "exp": np.log(sd), "identity": sd}[scale]


def check_gradient(setting):
    """Every coordinate against the complex step of the two terms apart."""

    def terms(params):
        _, _, parts = setting(params)
        return np.array([parts["nll"].sum(), BETA * parts["kl"].sum()])

    by_term = oracle.complex_step(terms, setting.params)
    want = {key: g.sum(0) for key, g in by_term.items()}
    size = {key: np.abs(g).sum(0) for key, g in by_term.items()}
    spread = oracle.jitter_spread(lambda x: setting(x)[1], setting.params)
    _, got, _ = setting()
    assert oracle.worst_excess(got, want, size, spread) <= 0


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("likelihood", "scale", "estimator", "activation"),
    list(itertools.product(LIKELIHOODS, SCALES, ESTIMATORS, ACTIVATIONS)),
)
def test_every_coordinate(likelihood, scale, estimator, activation):
    check_gradient(Setting(likelihood, scale, estimator, activation))


@pytest.mark.sample(4)
@pytest.mark.parametrize(
    ("likelihood", "estimator"), list(itertools.product(LIKELIHOODS, ESTIMATORS))
)
def test_every_coordinate_of_replicas(likelihood, estimator):
    check_gradient(Setting(likelihood, estimator=estimator, replicas=(2,), seed=3))


@pytest.mark.parametrize(
    ("likelihood", "activation"), list(itertools.product(LIKELIHOODS, ACTIVATIONS))
)
def test_every_coordinate_of_a_point(likelihood, activation):
    check_gradient(Setting(likelihood, None, activation=activation))


@pytest.mark.sample(5)
@pytest.mark.parametrize("sigma", [1e-5, 1e-2, 20.0])
@pytest.mark.parametrize("estimator", ESTIMATORS)
@pytest.mark.parametrize("scale", SCALES)
def test_every_coordinate_for_narrow_and_wide_posteriors(scale, estimator, sigma):
    narrow = min(sigma, 3)
    check_gradient(Setting("Gaussian learned", scale, estimator, sigma=narrow, seed=5))
    check_gradient(Setting("Bernoulli", scale, estimator, sigma=sigma, seed=5))


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_every_coordinate_without_bias(estimator):
    check_gradient(Setting("Gaussian", estimator=estimator, bias=False))


def test_every_coordinate_where_some_rows_are_dead():
    """Without bias a row of silent units has pre-activations of variance 0."""
    s = Setting("Gaussian", "exp", "local", "relu", bias=False, sigma=1e-3)
    s.params["mu"][:6] = np.abs(s.params["mu"][:6]) + 0.1
    s.X = np.abs(s.X) * np.array([[-1], [1], [1], [-1], [1]])
    check_gradient(s)


# --- values: a gradient that fits its value says nothing about the value -------------


@pytest.mark.sample(5)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
@pytest.mark.parametrize(
    ("likelihood", "scale", "estimator"),
    list(itertools.product(LIKELIHOODS, SCALES, ESTIMATORS)),
)
def test_value_by_loops(likelihood, scale, estimator, bias):
    s = Setting(likelihood, scale, estimator, "relu", bias=bias, seed=1)
    mu, sigma = s.params["mu"], oracle.SCALES[scale](s.params["rho"])
    if estimator == "pathwise":
        nll = [
            oracle.loop_nll(s.net, s.log_density, mu + sigma * eps, s.X, s.y)
            for eps in s.noise
        ]
    else:
        nll = [
            oracle.loop_local_nll(s.net, s.log_density, mu, sigma, eps, s.X, s.y)
            for eps in s.noise
        ]
    kl = oracle.loop_kl(mu, sigma, *s.prior_of_all())
    loss, _, parts = s()
    assert parts["nll"] == pytest.approx(N / B * np.mean(nll), rel=1e-12)
    assert parts["kl"] == pytest.approx(kl, rel=1e-12)
    assert loss == parts["nll"] + BETA * parts["kl"]


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_point_is_charged_its_log_prior(likelihood):
    s = Setting(likelihood, None)
    mean, scale = s.prior_of_all()
    w = s.params["mu"]
    _, grads, parts = s()
    assert parts["kl"] == pytest.approx(-stats.norm.logpdf(w, mean, scale).sum())
    nll = oracle.loop_nll(s.net, s.log_density, w, s.X, s.y)
    assert parts["nll"] == pytest.approx(N / B * nll, rel=1e-12)
    mle, g, _ = s(kl_weight=0.0)
    assert mle == parts["nll"]
    np.testing.assert_allclose(grads["mu"] - g["mu"], BETA * (w - mean) / scale**2)


# --- the weights of the two terms ----------------------------------------------------

both = pytest.mark.parametrize("estimator", ESTIMATORS)


def assert_close(one, other, tolerance=1e-13):
    """Loss, gradients and parts agree relative to the size of the gradient."""
    np.testing.assert_allclose(one[0], other[0], rtol=tolerance)
    for key in other[1]:
        scale = np.abs(other[1][key]).max()
        np.testing.assert_allclose(one[1][key], other[1][key], atol=tolerance * scale)
    for key in other[2]:
        np.testing.assert_allclose(one[2][key], other[2][key], rtol=tolerance)


def test_minibatches_add_up_to_the_data_set():
    """Batches weighted by their share give the whole, whatever the split."""
    s = Setting("Gaussian learned")
    full = s(n_data=B)
    pieces = [s(X=s.X[i], y=s.y[i], n_data=B) for i in (slice(0, 3), slice(3, 5))]
    for key in ("nll", "kl"):
        mean = 3 / 5 * pieces[0][2][key] + 2 / 5 * pieces[1][2][key]
        assert mean == pytest.approx(full[2][key], rel=1e-13)
    for key, g in full[1].items():
        mean = 3 / 5 * pieces[0][1][key] + 2 / 5 * pieces[1][1][key]
        np.testing.assert_allclose(mean, g, atol=1e-12 * np.abs(g).max())


def test_n_data_scales_the_data_term_alone():
    s = Setting()
    one, ten = s(n_data=B, kl_weight=1.0), s(n_data=10 * B, kl_weight=1.0)
    assert ten[2]["nll"] == pytest.approx(10 * one[2]["nll"], rel=1e-14)
    assert ten[2]["kl"] == one[2]["kl"]
    assert s(n_data=None)[2]["nll"] == one[2]["nll"]


def test_the_same_rows_twice_count_as_twice_the_data():
    s = Setting("Gaussian")
    twice = s(X=np.tile(s.X, (2, 1)), y=np.tile(s.y, (2, 1)), n_data=2 * B)
    assert_close(twice, s(n_data=2 * B))


@both
def test_the_kl_weight_weighs_the_kl_alone(estimator):
    s = Setting(estimator=estimator)
    (a, ga, pa), (b, gb, pb) = s(kl_weight=0.0), s(kl_weight=2.5)
    assert pa == pb
    assert a == pa["nll"]
    assert b == pytest.approx(pa["nll"] + 2.5 * pa["kl"], rel=1e-14)
    middle = s(kl_weight=1.25)[1]
    for key in ga:
        np.testing.assert_allclose((ga[key] + gb[key]) / 2, middle[key], atol=1e-12)


@both
@pytest.mark.parametrize("likelihood", ["Gaussian learned", "Categorical"])
def test_samples_are_averaged(estimator, likelihood):
    s = Setting(likelihood, estimator=estimator)
    singles = [s(noise=s.noise[i : i + 1]) for i in range(S)]
    loss = np.mean([one[0] for one in singles])
    grads = {k: np.mean([one[1][k] for one in singles], 0) for k in s.params}
    parts = {k: np.mean([one[2][k] for one in singles]) for k in ("nll", "kl")}
    assert_close(s(), (loss, grads, parts))


@both
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("own_data", [False, True], ids=["shared", "own"])
def test_replicas_equal_single_evaluations(estimator, likelihood, own_data):
    s = Setting(likelihood, estimator=estimator, replicas=(R,))
    others = [Setting(likelihood, seed=10 + r) for r in range(R)]
    X = np.stack([o.X for o in others]) if own_data else s.X
    y = np.stack([o.y for o in others]) if own_data else s.y
    loss, grads, parts = s(X=X, y=y)
    assert loss.shape == parts["nll"].shape == parts["kl"].shape == (R,)
    for r in range(R):
        data = {"X": X[r], "y": y[r]} if own_data else {}
        params = {key: array[r] for key, array in s.params.items()}
        single = s(params, noise=s.noise[r], **data)
        mine = {key: g[r] for key, g in grads.items()}
        assert_close((loss[r], mine, {k: v[r] for k, v in parts.items()}), single)


def test_replicas_may_share_their_noise():
    s = Setting(replicas=(R,))
    loss, grads, _ = s(noise=s.noise[0])
    repeated = s(noise=np.stack([s.noise[0]] * R))
    np.testing.assert_allclose(loss, repeated[0], rtol=1e-14)
    assert grads["rho"].shape == s.params["rho"].shape
    np.testing.assert_allclose(grads["rho"], repeated[1]["rho"], atol=1e-13)


# --- symmetries ----------------------------------------------------------------------


def test_hidden_units_have_no_order():
    s = Setting("Gaussian learned", activation="tanh")
    order = np.array([2, 0, 1])
    units = np.arange(9).reshape(3, 3)[:, order].ravel()  # W (2, 3) then b (3,)
    second = 9 + np.arange(8).reshape(4, 2)[[*order, 3]].ravel()  # W (3, 2) then b (2,)
    order = np.concatenate([units, second, [17]])
    swapped = {key: array[order] for key, array in s.params.items()}
    mean, scale = s.m0[order[:-1]], s.s0[order[:-1]]
    model = mb.Model(s.net, s.likelihood, mb.GaussianPrior(mean, scale))
    got = mb.neg_elbo(
        model, s.family, swapped, s.noise[:, order], s.X, s.y, n_data=N, kl_weight=BETA
    )
    loss, grads, parts = s()
    assert_close(got, (loss, {k: g[order] for k, g in grads.items()}, parts))


@both
def test_rows_have_no_order(estimator):
    s = Setting("Gaussian", estimator=estimator)
    order, noise = np.array([3, 0, 4, 2, 1]), s.noise
    if estimator == "local":
        noise = noise.reshape(S, -1, B)[..., order].reshape(S, -1)
    assert_close(s(X=s.X[order], y=s.y[order], noise=noise), s())


@both
def test_samples_have_no_order(estimator):
    s = Setting("Gaussian learned", estimator=estimator)
    assert_close(s(noise=s.noise[[2, 0, 1]]), s())


def test_targets_may_be_one_column_or_a_vector():
    s = Setting("Bernoulli")
    assert s()[0] == s(y=s.y[:, 0])[0]
    assert s()[0] == s(y=s.y.astype(bool))[0]


def test_two_classes_are_one_logit():
    """Categorical logits (0, f) and a Bernoulli logit f are the same likelihood."""
    s = Setting("Bernoulli", activation="relu")
    net = mb.MLP([2, 3, 2], "relu")
    pad = {key: np.empty(17) for key in s.params}
    for key, array in s.params.items():
        pad[key][:9], pad[key][10::2] = array[:9], array[9:]
        pad[key][9::2] = {"mu": 0.0, "rho": -60.0}[key]
    noise = np.zeros((S, 17))
    noise[:, :9], noise[:, 10::2] = s.noise[:, :9], s.noise[:, 9:]
    model = mb.Model(net, mb.Categorical(2), mb.GaussianPrior())
    _, grads, parts = mb.neg_elbo(
        model, s.family, pad, noise, s.X, s.y, n_data=N, kl_weight=0.0
    )
    _, want, want_parts = s(kl_weight=0.0)
    assert parts["nll"] == pytest.approx(want_parts["nll"], rel=1e-13)
    np.testing.assert_allclose(grads["mu"][10::2], want["mu"][9:], rtol=1e-12)
    np.testing.assert_allclose(grads["mu"][:9], want["mu"][:9], rtol=1e-12)


# --- types ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("likelihood", "scale", "estimator"),
    [
        *itertools.product(LIKELIHOODS, SCALES, ESTIMATORS),
        *itertools.product(LIKELIHOODS, [None], ["pathwise"]),
    ],
)
def test_float32_stays_float32(likelihood, scale, estimator):
    s = Setting(likelihood, scale, estimator)
    single = {key: array.astype(np.float32) for key, array in s.params.items()}
    X, noise = s.X.astype(np.float32), s.noise.astype(np.float32)
    loss, grads, parts = s(single, X=X, noise=noise)
    assert loss.dtype == parts["nll"].dtype == parts["kl"].dtype == np.float32
    assert {g.dtype for g in grads.values()} == {np.dtype(np.float32)}
    exact = s()
    assert loss == pytest.approx(exact[0], rel=1e-5)
    for key, g in exact[1].items():
        np.testing.assert_allclose(grads[key], g, atol=2e-5 * np.abs(g).max())


@both
@pytest.mark.parametrize("key", ["mu", "rho"])
def test_one_complex_parameter_is_enough(estimator, key):
    """The complex step works for each array alone, and for the noise."""
    s = Setting("Gaussian learned", estimator=estimator)
    h = 1e-25
    turned = s.params | {key: s.params[key] + 1j * h}
    assert s(turned)[0].imag / h == pytest.approx(s()[1][key].sum(), rel=1e-10)
    noisy = s(noise=s.noise + 1j * h)[0]
    assert noisy.imag != 0


@both
def test_equal_calls_are_equal_to_the_bit(estimator):
    s = Setting("Gaussian learned", estimator=estimator)
    before = {key: array.copy() for key, array in s.params.items()}
    one, two = s(), s()
    assert one[0] == two[0]
    for key in before:
        np.testing.assert_array_equal(one[1][key], two[1][key])
        np.testing.assert_array_equal(s.params[key], before[key])


def test_noise_shapes():
    s = Setting("Gaussian learned", estimator="local")
    P = s.model.n_weights
    assert mb.Pathwise().noise_shape(s.model, s.family, 7, B) == (7, P)
    assert mb.LocalReparam().noise_shape(s.model, s.family, 7, B) == (7, B * 5 + 1)
    assert mb.Pathwise().noise_shape(s.model, mb.Point(), 7, B) == (1, 0)


def test_hidden_layers_of_equal_width():
    rng = np.random.default_rng(1)
    net = mb.MLP([3, 4, 4, 4, 2], activation="tanh")
    model = mb.Model(net, mb.Bernoulli(), mb.GaussianPrior(0.2, 0.7))
    for estimator in (mb.Pathwise(), mb.LocalReparam()):
        case = points.generic(model, mb.MeanField(), estimator, rng)
        gradient = case.gradient()
        for key, array in case.params.items():
            for i in range(array.size):
                x = {k: a.astype(complex) for k, a in case.params.items()}
                x[key][i] += 1e-30j
                slope = case.loss(x).imag / 1e-30
                assert abs(gradient[key][i] - slope) <= 1e-11 * (1 + abs(slope))
