"""Annealed importance sampling: the bracket holds the exact evidence."""

from importlib import import_module

import numpy as np
import pytest

import minibnn as mb
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.quadrature import grid_posterior
from minibnn.mcmc.ais import Path, ais, anneal, evidence, joint_parts, pilot
from minibnn.mcmc.leapfrog import Move
from minibnn.progress import Progress

module = import_module("minibnn.mcmc.ais")  # its room has a function of the same name


def simulated(seed=0, n=30):
    """A conjugate model, data made by weights from its prior."""
    rng = np.random.default_rng(seed)
    model = mb.Model(mb.MLP([3, 1]), mb.Gaussian(0.5), mb.GaussianPrior(0.0, 1.5))
    w = model.weight_prior.draw((4,), rng)
    X = rng.standard_normal((n, 3))
    y = model.net(w, X)[:, 0] + 0.5 * rng.standard_normal(n)
    return model, X, y, w


@pytest.mark.optional
def test_bracket_holds_the_exact_evidence():
    """Forward and reverse within 1.5 nats of the truth, some 7 standard errors."""
    model, X, y, w = simulated()
    truth = exact_posterior(model, X, y).log_evidence
    found = ais(model, X, y, rng=0, n_temperatures=400, generating_weights=w)
    low, high = found.bracket
    assert low == pytest.approx(truth, abs=1.5)
    assert high == pytest.approx(truth, abs=1.5)
    assert found.log_weights.mean() <= truth + 0.3
    assert found.reverse_log_weights.mean() >= truth - 0.3
    assert found.se < 0.4
    assert found.n_effective > 8


def test_few_temperatures_give_a_wide_bracket():
    """Haste shows: mean log weights drift apart, lower below and upper above."""
    model, X, y, w = simulated(1)
    truth = exact_posterior(model, X, y).log_evidence
    gaps = []
    for n in (5, 20, 80):
        found = ais(
            model,
            X,
            y,
            rng=1,
            n_particles=64,
            n_leapfrog=3,
            n_temperatures=n,
            generating_weights=w,
        )
        low, high = found.log_weights.mean(), found.reverse_log_weights.mean()
        assert low < truth < high
        gaps.append(high - low)
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2] * 0.9


def test_importance_weights_are_unbiased_however_crude():
    """[E99]: E[v] = p(D) and E[1/v] = 1/p(D) hold for 3 temperatures and bad steps.

    z of 20,000 runs each; false alarm 5e-12 at |z| < 7.
    """
    model = mb.Model(mb.MLP([1, 1], bias=False), mb.Gaussian(1.0), mb.GaussianPrior())
    X, y = np.array([[1.0], [0.5]]), np.array([0.7, -0.2])
    exact = exact_posterior(model, X, y)
    betas = np.array([0.0, 0.2, 0.5, 1.0])
    path = Path(betas, np.full(4, 0.9), np.ones((4, 1)))
    parts, rng = joint_parts(model, *model.batch(X, y)), np.random.default_rng(2)
    start = model.weight_prior.draw((20_000, 1), rng)
    forward = np.exp(anneal(parts, start, path, 1, rng) - exact.log_evidence)
    start = exact.sample_weights(20_000, rng)
    backward = anneal(parts, start, path, 1, rng, reverse=True)
    backward = np.exp(exact.log_evidence - backward)
    for v in (forward, backward):
        assert v.std() > 0.05
        assert abs(v.mean() - 1) / (v.std() / np.sqrt(len(v))) < 7


@pytest.mark.slow
def test_evidence_of_a_tanh_network_agrees_with_quadrature():
    """Two modes that mirror each other; prior draws reach both."""
    rng = np.random.default_rng(3)
    model = mb.Model(
        mb.MLP([1, 1, 1], "tanh", bias=False), mb.Bernoulli(), mb.GaussianPrior(0, 2)
    )
    X = rng.standard_normal((40, 1))
    y = (rng.random(40) < 1 / (1 + np.exp(-3 * np.tanh(X[:, 0])))).astype(float)
    found = ais(model, X, y, rng=4, n_temperatures=100)
    assert found.upper is None
    assert found.bracket[1] == np.inf
    assert found.log_evidence == pytest.approx(
        grid_posterior(model, X, y).log_evidence, abs=0.25
    )


def test_pilot_ends_at_the_posterior_and_resampling_keeps_the_path():
    model, X, y, _ = simulated(2)
    rng = np.random.default_rng(5)
    parts = joint_parts(model, *model.batch(X, y))
    path = pilot(parts, model.weight_prior.draw((32, 4), rng), 5, rng)
    assert path.betas[0] == 0
    assert path.betas[-1] == 1
    assert np.all(np.diff(path.betas) > 0)
    fine = path.resampled(300)
    assert len(fine.betas) == 301
    assert np.all(np.diff(fine.betas) > 0)
    np.testing.assert_allclose(
        path.scales[-1], np.sqrt(exact_posterior(model, X, y).variances), rtol=0.6
    )


# --- the numbers it goes by, one exact case each --------------------------------------


def test_evidence_by_hand():
    """Weights 1, 2, 3, 6: mean 3, variance 14/3, 144/50 effective; harmonic mean 2."""
    found = evidence(np.log([1.0, 2.0, 3.0, 6.0]), np.log([1.0, 2.0, 4.0, 4.0]))
    assert found.log_evidence == pytest.approx(np.log(3), rel=1e-14)
    assert found.se == pytest.approx(np.sqrt(14 / 3) / 3 / 2, rel=1e-14)
    assert found.n_effective == pytest.approx(144 / 50, rel=1e-14)
    assert found.upper == pytest.approx(np.log(2), rel=1e-14)


def test_a_resampled_path_by_hand():
    """Temperatures and scales in straight lines, steps in straight lines of their log."""
    scales = np.array([[1.0], [3.0], [2.0]])
    path = Path(np.array([0.0, 0.2, 1.0]), np.array([1.0, 2.0, 8.0]), scales)
    fine = path.resampled(4)
    np.testing.assert_allclose(fine.betas, [0, 0.1, 0.2, 0.6, 1], rtol=1e-14)
    np.testing.assert_allclose(fine.steps, [1, np.sqrt(2), 2, 4, 8], rtol=1e-14)
    np.testing.assert_allclose(fine.scales[:, 0], [1, 2, 3, 2.5, 2], rtol=1e-14)


class Dice:
    """A generator that always throws the highest number, and tells of what."""

    def __init__(self):
        self.asked = set()

    def integers(self, low, high):
        self.asked.add((low, high))
        return high - 1


def likelihood_is_w(w):
    """Log prior -1, log likelihood w."""
    return np.full(len(w), -1.0), -w, w[:, 0], np.ones_like(w)


def test_annealing_by_hand(monkeypatch, capsys):
    """[E99] where every transition adds 1 to w and the log likelihood is w itself."""
    seen = []

    def transition(density, state, step, scale, n_steps, rng):
        value, slope = density(np.array([[10.0]]))
        seen.append((float(value[0]), float(slope[0, 0]), step, scale, n_steps))
        return state._replace(w=state.w + 1.0), None

    monkeypatch.setattr(module, "transition", transition)
    betas, scales = np.array([0.0, 0.25, 0.5, 1.0]), np.arange(4.0) * 10
    path, rng = Path(betas, np.arange(4.0), scales), Dice()
    with Progress(True, "forward", 3) as progress:
        start = np.array([[1.0]])
        forward = anneal(likelihood_is_w, start, path, 3, rng, progress=progress)
    assert forward.tolist() == [0.25 * 1 + 0.25 * 2 + 0.5 * 3]
    wanted = [(-1 + 10 * betas[t], -10 + betas[t], t, 10 * t, 6) for t in (1, 2, 3)]
    assert seen == wanted
    seen.clear()
    args = (likelihood_is_w, np.array([[1.0]]), path, 3, rng)
    assert anneal(*args, reverse=True).tolist() == [0.5 * 2 + 0.25 * 3 + 0.25 * 4]
    assert seen == wanted[::-1]
    assert rng.asked == {(1, 7)}
    assert capsys.readouterr().err.splitlines() == [
        "forward 1/3  beta 0.2500", "forward 2/3  beta 0.5000",
        "forward 3/3  beta 1.0000",
    ]  # fmt: skip


@pytest.mark.parametrize(("spread", "gap"), [(2.0, 0.2), (8.0, 0.125)])
def test_the_pilot_by_hand(monkeypatch, spread, gap):
    """A gap of one nat of spread or 0.2; four moves each, steps after acceptance 0.6."""
    w = spread * np.array([[-1.0], [1.0], [-1.0], [1.0]])

    def transition(density, state, step, scale, n_steps, rng):
        assert n_steps == 6
        scales.append(float(scale[0]))
        return state._replace(w=state.w * 1.0), Move(np.full(4, 0.6), None, None)

    scales, rng = [], Dice()
    monkeypatch.setattr(module, "transition", transition)
    path = pilot(likelihood_is_w, w, 3, rng)
    n = round(1 / gap)
    np.testing.assert_allclose(path.betas, np.minimum(gap * np.arange(n + 1), 1))
    steps = 0.3 * np.exp(0.5 * (0.6 - 0.8) * 4 * np.arange(n + 1))
    np.testing.assert_allclose(path.steps, steps, rtol=1e-12)
    np.testing.assert_allclose(path.scales, spread)
    assert scales == [spread] * (4 * n)
    assert rng.asked == {(1, 7)}


def test_pilot_forward_and_reverse_have_streams_of_their_own(monkeypatch):
    model, X, y, w = simulated(n=5)
    seen, lines = [], Path(np.array([0.0, 1.0]), np.ones(2), np.ones((2, 4)))

    def watched_pilot(parts, start, n_leapfrog, rng, progress):
        seen.append((rng.bit_generator.seed_seq.spawn_key, len(start), n_leapfrog))
        return lines

    def watched(parts, start, path, n_leapfrog, rng, reverse=False, progress=None):
        seen.append((rng.bit_generator.seed_seq.spawn_key, len(start), n_leapfrog))
        assert len(path.betas) == 8
        assert (start == w).all() == reverse
        return np.zeros(len(start))

    monkeypatch.setattr(module, "pilot", watched_pilot)
    monkeypatch.setattr(module, "anneal", watched)
    options = {"n_particles": 5, "n_temperatures": 7, "n_leapfrog": 4}
    ais(model, X, y, rng=0, generating_weights=w, **options)
    assert seen == [((0,), 32, 4), ((1,), 5, 4), ((2,), 5, 4)]


def test_prior_draws_with_a_learned_noise_scale():
    likelihood = mb.Gaussian("learned", log_scale_prior=(-2.0, 0.1))
    model = mb.Model(mb.MLP([1, 1]), likelihood, mb.GaussianPrior(1.0, 0.2))
    w = model.weight_prior.draw((5000, 3), np.random.default_rng(7))
    np.testing.assert_allclose(w.mean(0), [1, 1, -2], atol=0.02)
    np.testing.assert_allclose(w.std(0), [0.2, 0.2, 0.1], rtol=0.06)


class OnlyADensity:
    """A prior of somebody's own, without draws."""

    length = None

    def __init__(self):
        self.log_prob = mb.GaussianPrior().log_prob


def test_a_prior_without_draws_is_refused_by_name():
    model = mb.Model(mb.MLP([1, 1]), mb.Bernoulli(), OnlyADensity())
    with pytest.raises(ValueError, match=r"model\.prior must have draw"):
        mb.ais(model, [[0.3], [1.0]], [0, 1])


def test_equal_seeds_agree_and_progress_is_silent_unless_asked(capsys):
    model, X, y, w = simulated(n=5)
    options = {"n_particles": 4, "n_temperatures": 10, "generating_weights": w}
    a, b = (ais(model, X, y, rng=8, **options) for _ in range(2))
    np.testing.assert_array_equal(a.log_weights, b.log_weights)
    assert a.upper == b.upper
    assert capsys.readouterr() == ("", "")
    ais(model, X, y, rng=8, verbose=True, **options)
    out, err = capsys.readouterr()
    assert out == ""
    assert "reverse 10/10" in err


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_particles", 3),
        ("n_temperatures", 1),
        ("n_leapfrog", 0),
        ("generating_weights", np.zeros(3)),
        ("generating_weights", np.full(4, np.nan)),
        ("verbose", None),
    ],
)
def test_bad_arguments_are_named(name, value):
    model, X, y, _ = simulated()
    with pytest.raises(ValueError, match=name):
        ais(model, X, y, **{name: value})
