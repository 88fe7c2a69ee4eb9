"""Test points: generic ones hide nothing, and the lint says what others hide."""

import numpy as np
import pytest
from mutation.mutants import MUTANTS, concerns
from support.likelihoods import EXAMPLES
from support.mutant_package import import_mutant, mutant_gradient

import minibnn as mb
from minibnn.diagnosis import points
from minibnn.diagnosis.chain import Chain
from minibnn.mistakes.catalogue import catalogue

LIKELIHOODS = [  # of two targets each
    (like, width if like.exclusive else 2 * width) for like, width in EXAMPLES
]
COMBINATIONS = [
    (mb.MeanField(), mb.Pathwise()),
    (mb.MeanField("exp"), mb.LocalReparam()),
    (mb.MeanField("identity"), mb.Pathwise()),
    (mb.Point(), mb.Pathwise()),
]
REGIMES = ["generic", "textbook", "late", "tiny", "big"]


def make_model(
    likelihood, n_outputs, rng, widths=(4, 5), activation="tanh", plain=False
):
    net = mb.MLP([3, *widths, n_outputs], activation=activation)
    n = net.n_weights
    prior = mb.GaussianPrior(0.4 * rng.normal(size=n), rng.uniform(0.4, 1.9, n))
    return mb.Model(net, likelihood, mb.GaussianPrior() if plain else prior)


def grows(likelihood):
    """Whether it takes e to the outputs, of which a big one is no number."""
    return likelihood.support == "counts" or likelihood.log_scale_outputs(4) != slice(0)


def sweep():
    """Every likelihood, family and regime; quickly one regime for each pair."""
    for i, (likelihood, n_outputs) in enumerate(LIKELIHOODS):
        for j, (family, estimator) in enumerate(COMBINATIONS):
            for k, regime in enumerate(REGIMES):
                if regime == "big" and grows(likelihood):
                    continue
                slow = k != (i + j) % len(REGIMES)
                yield pytest.param(likelihood, n_outputs, family, estimator, regime,
                                   marks=[pytest.mark.slow] if slow else [])  # fmt: skip


@pytest.mark.parametrize(
    ("likelihood", "n_outputs", "family", "estimator", "regime"), [*sweep()], ids=repr
)
def test_the_chain_without_changes_is_the_gradient(
    likelihood, n_outputs, family, estimator, regime
):
    heads = likelihood.log_scale_outputs(n_outputs) != slice(0)
    if regime == "big" and (heads or likelihood.support == "counts"):
        return  # the exponential of such outputs is no number
    for activation in ("tanh", "relu", "softplus"):
        model = make_model(
            likelihood, n_outputs, np.random.default_rng(1), (4, 5), activation
        )
        chain = Chain(points.generic(model, family, estimator, 2, regime))
        walked = chain.gradient((("output", _same), ("kl_q", _same), ("total", _same)))
        assert np.max(np.abs(walked - chain.right) / chain.magnitude) < 1e-12


def _same(value, chain):
    return value


def test_a_generic_point_is_generic():
    model = make_model(mb.Bernoulli(), 2, np.random.default_rng(1))
    case = points.generic(model, mb.MeanField())
    S, B = case.noise.shape[0], len(case.X)
    assert S >= 3
    assert case.n_data % B
    assert case.kl_weight not in (0.0, 1.0)
    assert len({S, B, *model.net.sizes, 3}) == 2 + len(set(model.net.sizes) | {3})
    again = points.generic(model, mb.MeanField())
    assert all(np.array_equal(case.params[k], again.params[k]) for k in case.params)


@pytest.mark.parametrize("estimator", [mb.Pathwise(), mb.LocalReparam()], ids=repr)
def test_nothing_is_hidden_at_a_generic_point(estimator):
    for seed, (likelihood, n_outputs) in enumerate([*LIKELIHOODS, EXAMPLES[0]]):
        rng = np.random.default_rng([2, seed])
        model = make_model(likelihood, n_outputs, rng, (4, 4))
        for regime in ("generic", "late"):
            case = points.generic(model, mb.MeanField(), estimator, rng, regime)
            hidden = {m.name for m in mb.diagnose(case.gradient(), case).hidden}
            alone = {"output-mean", "outputs-shifted", "only-first-output",
                     "only-last-output"}  # fmt: skip
            if np.array_equal(case.y, case.y[::-1]):  # few labels may happen to be so
                hidden -= {"labels-reversed"}
            assert hidden == (alone if n_outputs == 1 else set())


# rules that cut or sort change nothing where nothing is to be cut or sorted, and
# weights by the frequency of labels nothing where both are as frequent
_CUTS = {"clipped", "sorted", "modulus", "largest", "positive", "lost", "binary", "sign",
         "frequency"}  # fmt: skip


@pytest.mark.slow
def test_what_is_made_by_rule_is_hidden_at_a_textbook_point_alone():
    model = make_model(mb.Bernoulli(), 2, np.random.default_rng(1), (4,))
    lazy = points.generic(model, mb.MeanField(), regime="textbook")
    hidden = {m.name: m for m in points.lint(lazy)}
    assert "S >= 3" in hidden["activation-slope-of-the-last-sample"].reveal
    assert "scale-slope-averaged-over-weight" in hidden  # all rho alike
    names = {m.name for m in points.lint(points.generic(model, mb.MeanField(), rng=3))}
    assert not [name for name in names if not set(name.split("-")) & _CUTS]


def test_the_catalogue_holds_no_two_names_for_one_gradient():
    for estimator in (mb.Pathwise(), mb.LocalReparam()):
        model = make_model(mb.Categorical(4), 4, np.random.default_rng(3), (5, 6))
        chain = Chain(points.generic(model, mb.MeanField(), estimator, 4))
        mistakes = catalogue(chain)
        assert len({m.name for m in mistakes}) == len(mistakes) > 180
        gradients = np.array([chain.gradient(m.changes) for m in mistakes])
        for i, gradient in enumerate(gradients):
            same = np.abs(gradients - gradient) <= 1e-9 * (np.abs(gradient) + 1e-9)
            twins = [m.name for m in np.array(mistakes)[same.all(1)]]
            assert twins == [mistakes[i].name]


def test_every_mistake_is_fully_described():
    for family, estimator in COMBINATIONS:
        model = make_model(mb.Gaussian("learned"), 2, np.random.default_rng(5), (4, 4))
        chain = Chain(points.generic(model, family, estimator))
        for mistake in catalogue(chain):
            assert mistake.wrong != mistake.right
            assert all((mistake.wrong, mistake.right, mistake.hint, mistake.reveal))
            assert mistake.label[0] == "E"
            assert mistake.label[1:].isdigit()
            assert mistake.right not in mistake.hint


# --- the lint against spoiled kernels -------------------------------------------------


def textbook(likelihood, n_outputs, widths=(4, 5), activation="tanh"):
    model = make_model(
        likelihood, n_outputs, np.random.default_rng(6), widths, activation, plain=True
    )
    return points.generic(model, mb.MeanField(), rng=7, regime="textbook")


def check_lint(mutants, cases, folder):
    """Each mutant is listed exactly where its gradient is the right one."""
    listed = {id(case): {m.name for m in points.lint(case)} for case in cases}
    known = {id(case): {m.name for m in catalogue(Chain(case))} for case in cases}
    seen = {True: 0, False: 0}
    for mutant in mutants:
        elbo, name = import_mutant(mutant, folder), mutant[0].split(":")[0]
        for case in cases:
            if name not in known[id(case)] or not concerns(mutant, case):
                continue
            right, wrong = case.gradient(), mutant_gradient(elbo, case)
            size = {key: np.abs(right[key]) + 1e-3 for key in right}
            moved = max(np.max(np.abs(wrong[k] - right[k]) / size[k]) for k in right)
            assert 1e-11 > moved or moved > 1e-7, "neither seen nor unseen"
            hidden = moved < 1e-11
            assert hidden == (name in listed[id(case)]), (name, case, moved)
            seen[hidden] += 1
    return seen


# Named after a mistake, but not quite the same where the point is special
SPECIAL = ("backward-through-the-mean",)


@pytest.mark.slow
def test_the_lint_lists_what_a_spoiled_kernel_does_not_show(tmp_path):
    cases = [textbook(mb.Gaussian(1.0), 1), textbook(mb.Bernoulli(), 2)]
    mutants = [m for m in MUTANTS if m[0] not in SPECIAL]
    seen = check_lint(mutants[::5], cases, tmp_path)
    assert min(seen.values()) >= 6, seen


@pytest.mark.slow
def test_the_lint_lists_exactly_what_does_not_show(tmp_path):
    cases = [
        textbook(mb.Gaussian(1.0), 2, (4, 4)),
        textbook(mb.Bernoulli(), 1, (4, 5), "relu"),
        textbook(mb.Categorical(3), 3, ()),
    ]
    cases += [
        points.generic(make_model(like, n, np.random.default_rng(8)), mb.MeanField(),
                       estimator, 9)
        for like, n in LIKELIHOODS[:5]
        for estimator in (mb.Pathwise(), mb.LocalReparam())
    ]  # fmt: skip
    mutants = [m for m in MUTANTS if m[0] not in SPECIAL]
    seen = check_lint(mutants, cases, tmp_path)
    assert min(seen.values()) >= 60, seen


def test_the_advice_of_the_lint_helps():
    case = textbook(mb.Gaussian(1.0), 2)
    hidden = {m.name: m for m in points.lint(case)}
    for name, word in (
        ("n-over-b-missing", "n_data"),
        ("sample-mean-missing", "S >= 3"),
        ("kl-prior-mean-ignored", "mean is not 0"),
        ("kl-prior-scale-unsquared", "scale is not 1"),
        ("noise-unsquared", "other than 1"),
        ("kl-weight-twice", "kl_weight"),
    ):
        assert word in hidden[name].reveal


def test_other_families_and_priors_still_have_their_terms():
    net = mb.MLP([3, 4, 1])
    for prior, family, estimator in (
        (mb.GaussianPrior(), mb.FullCovariance(), mb.Pathwise()),
        (mb.ScaleMixturePrior(0.3, 1.2, 0.2), mb.MeanField(), mb.Pathwise()),
        (mb.GaussianPrior(), mb.MeanField(), mb.Flipout()),
    ):
        case = points.generic(mb.Model(net, mb.Bernoulli(), prior), family, estimator)
        assert mb.diagnose(case.gradient(), case).verdict == "no mistake"
        chain = Chain(case)
        found = mb.diagnose(chain.blocks.split(chain.data - chain.kl), case)
        assert found.mistakes[0].name == "kl-sign"


def test_what_is_no_case_is_refused():
    case = textbook(mb.Bernoulli(), 1)
    parts = dict(vars(case))
    with pytest.raises(ValueError, match="noise"):
        points.Case(**{**parts, "noise": case.noise[:, 1:]})
    params = {key: np.stack([a, a]) for key, a in case.params.items()}
    with pytest.raises(ValueError, match="replica"):
        points.Case(**{**parts, "params": params})
    with pytest.raises(ValueError, match="regime"):
        points.generic(case.model, case.family, regime="easy")
    with pytest.raises(TypeError, match="case"):
        mb.diagnose(case.gradient(), parts)
