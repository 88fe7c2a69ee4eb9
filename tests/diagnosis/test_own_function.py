"""A reader's own function, written as the lesson writes it, is judged with what it takes.

``neg_elbo`` below is written by hand, for a network with one hidden layer of ReLUs. It
imports nothing of the package.
"""

import runpy
from pathlib import Path

import numpy as np
import pytest

import minibnn as mb
from minibnn.diagnosis import points

H, NOISE, N = 4, 0.3, 40  # fixed inside, as in the lesson
P = 3 * H + 1


def neg_elbo(params, eps, X, y, n=N, beta=1.0, half=0.5, m0=0.0, s0=1.0, back=None):
    mu, rho = params["mu"], params["rho"]
    S, B = len(eps), len(X)
    sigma = np.log1p(np.exp(rho))
    w = mu + sigma * eps
    W1, b1, W2, b2 = w[:, None, :H], w[:, None, H : 2 * H], w[:, 2 * H : -1], w[:, -1:]
    Z = X * W1 + b1  # (S, B, H)
    A = np.maximum(Z, 0.0)
    r = ((A @ W2[..., None])[..., 0] + b2 - y) / NOISE
    nll = (half * r**2 + np.log(NOISE) + 0.5 * np.log(2 * np.pi)).sum(1).mean()
    kl = ((mu - m0) ** 2 / s0**2 + (sigma / s0) ** 2 - 1).sum() / 2
    kl -= np.log(sigma / s0).sum()
    error = 2 * half * r / NOISE
    delta = (Z > 0) * error[..., None] * W2[:, None]
    g = [(X.T @ delta)[:, 0], delta.sum(1), (error[:, None] @ A)[:, 0], error.sum(1)]
    g = np.column_stack([*g[:3], g[3]]) * n / B / S
    slope = 1 / (1 + np.exp(-rho))
    d_mu = g.sum(0) + beta * (mu - m0) / s0**2
    d_rho = (g * (eps if back is None else back)).sum(0) * slope
    d_rho = d_rho + beta * ((sigma / s0) ** 2 - 1) * slope / sigma
    return n / B * nll + beta * kl, {"mu": d_mu, "rho": d_rho}


def case_of(prior=(0.0, 1.0), **given):
    net = mb.MLP([1, H, 1], activation="relu")
    model = mb.Model(net, mb.Gaussian(NOISE), mb.GaussianPrior(*prior))
    return points.generic(model, mb.MeanField(), **given)


CASE = case_of()  # its targets are (B, 1); the lesson's, and those of its function, (B,)


def arrays(params, eps, X, y):
    return tuple(neg_elbo(params, eps, X, y)[1].values())


# what it takes and gives back -> (function, condition)
RIGHT = {
    "as taught": (lambda params, eps, X, y: neg_elbo(params, eps, X, y), "N = 40"),
    "the gradient alone": (
        lambda params, eps, X, y: neg_elbo(params, eps, X, y)[1], "N = 40"),
    "gradient first": (
        lambda params, eps, X, y: neg_elbo(params, eps, X, y)[::-1], "N = 40"),
    "two arrays": (arrays, "N = 40"),
    "loss and two arrays": (
        lambda params, eps, X, y: (1.0, *arrays(params, eps, X, y)), "N = 40"),
    "no names": (lambda a, b, c, d: neg_elbo(a, b, c, d), "N = 40"),
    "another order": (lambda params, X, y, noise: neg_elbo(params, noise, X, y), "N = 40"),
    "mu and rho": (
        lambda mu, rho, eps, X, y: neg_elbo({"mu": mu, "rho": rho}, eps, X, y), "N = 40"),
    "by name alone": (
        lambda *, y, X, eps, params: neg_elbo(params, eps, X, y), "N = 40"),
    "params alone": (
        lambda params: neg_elbo(params, CASE.noise, CASE.X, CASE.y[:, 0]),
        f"N/(B S) = {N / len(CASE.X) / len(CASE.noise):.10g}"),
    "N": (lambda params, eps, X, y, N: neg_elbo(params, eps, X, y, N), ""),
    "n_data": (
        lambda params, eps, X, y, *, n_data: neg_elbo(params, eps, X, y, n_data), ""),
    "N and T": (lambda params, eps, X, y, N, T: neg_elbo(params, eps, X, y, N, T), ""),
    "T": (lambda params, eps, X, y, T: neg_elbo(params, eps, X, y, N, T), "N = 40"),
    "the case": (lambda case: neg_elbo(
        case.params, case.noise, case.X, case.y[:, 0], case.n_data, case.kl_weight), ""),
    "the batch is all": (
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, len(X)),
        "N/B = 1, the batch being all data"),
    "B fixed": (
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, 4 * len(X)), "N/B = 4"),
    "B and S fixed": (
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, 2 * len(X) * len(eps)),
        "N/(B S) = 2"),
    "S fixed": (
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, 20 * len(eps)),
        "N/S = 20"),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_function_is_not_called_wrong(name):
    function, condition = RIGHT[name]
    found = mb.diagnose(function, CASE)
    assert found.verdict == ("right if" if condition else "no mistake"), found
    assert found.condition == condition
    assert found.error < 1e-12
    assert all(found.clean.values())
    text = str(found)
    assert "wrong everywhere" not in text
    assert ("takes no n_data" in text) == bool(condition)
    takes_weight = name in ("T", "N and T", "the case")
    assert ("judged with 1, the ELBO itself, not with the case's 0.37" in text) != (
        takes_weight
    )
    assert found.to_dict()["condition"] == condition


@pytest.mark.parametrize("kind", [np.float32, float])
@pytest.mark.parametrize("n", [5, 40, 12345, 1_000_003])
def test_n_is_read_off_small_and_large_in_either_precision(n, kind):
    def rounded(params, eps, X, y):
        gradient = neg_elbo(params, eps, X, y, n)[1]
        return {key: array.astype(kind) for key, array in gradient.items()}

    found = mb.diagnose(rounded, CASE)
    assert found.verdict == "right if"
    seen = int(found.condition.removeprefix("N = "))
    assert abs(seen - n) <= (2e-6 * n if kind is np.float32 else 0)


def test_its_own_prior_is_a_condition_too():
    case = case_of((0.2, 1.5))
    found = mb.diagnose(lambda params, eps, X, y: neg_elbo(params, eps, X, y), case)
    assert found.condition == "N = 40 and the prior has m0 = 0 and s0 = 1"
    assert found.mistakes[0].name == "kl-prior-standard"
    told = mb.diagnose(
        lambda params, eps, X, y, N, T: neg_elbo(params, eps, X, y, N, T), case
    )
    assert (told.verdict, told.condition) == ("right if", "the prior has m0 = 0 and s0 = 1")


def test_of_a_function_for_one_size_the_ratio_at_this_size_is_said():
    S, B = len(CASE.noise), len(CASE.X)

    def fixed(params, eps, X, y):
        return neg_elbo(params, eps.reshape(S, P), X.reshape(B, 1), y.reshape(B))

    found = mb.diagnose(fixed, CASE)
    assert found.condition == f"N/(B S) = {N / B / S:.10g}"


def test_numbers_of_the_model_are_handed_over_by_name():
    def six_steps(mu, rho, eps, X, y, N, noise_sd, s0):
        assert noise_sd == NOISE
        return neg_elbo({"mu": mu, "rho": rho}, eps, X, y, N, s0=s0)

    assert mb.diagnose(six_steps, case_of((0.0, 0.7))).verdict == "no mistake"
    found = mb.diagnose(six_steps, case_of((0.2, 0.7)))
    assert (found.verdict, found.condition) == ("right if", "the prior has m0 = 0")

    def both(params, eps, X, y, N, m0, prior_sd):
        return neg_elbo(params, eps, X, y, N, m0=m0, s0=prior_sd)

    assert mb.diagnose(both, case_of((0.2, 0.7))).verdict == "no mistake"


def test_numbers_that_the_model_lacks_are_refused():
    net = mb.MLP([1, H, 1])
    for model in (
        mb.Model(net, mb.Bernoulli(), mb.GaussianPrior(0, 1)),
        mb.Model(net, mb.Gaussian("learned"), mb.GaussianPrior(0, 1)),
    ):
        case = points.generic(model, mb.MeanField())
        with pytest.raises(TypeError, match="wants 'noise_sd'"):
            mb.diagnose(lambda mu, rho, eps, X, y, N, noise_sd, s0: 0, case)


def test_at_a_case_with_its_own_numbers_there_is_no_condition():
    case = points.Case(
        CASE.model, CASE.family, CASE.params, CASE.noise, CASE.X, CASE.y, n_data=N
    )
    found = mb.diagnose(lambda params, eps, X, y: neg_elbo(params, eps, X, y), case)
    assert (found.verdict, found.facts) == ("no mistake", ())
    assert mb.diagnose(case.gradient, case).verdict == "no mistake"


def test_what_goes_into_kwargs_is_told():
    case = case_of((0.2, 1.5))

    def wrapped(*data, **numbers):
        return mb.neg_elbo(case.model, case.family, *data, **numbers)

    assert mb.diagnose(wrapped, case).verdict == "no mistake"


def test_without_targets_in_a_right_function_the_whole_tells_n():
    ones = np.ones_like(CASE.y)  # rolled, they are the same
    case = points.Case(CASE.model, CASE.family, CASE.params, CASE.noise, CASE.X, ones, 50)
    found = mb.diagnose(lambda params, eps, X, y: neg_elbo(params, eps, X, y), case)
    assert found.verdict == "right if"
    assert found.condition.startswith("N/(B S) = ")


@pytest.mark.parametrize("regime", ["generic", "textbook"])
def test_targets_of_one_column_may_be_meant_either_way(regime):
    case = case_of(regime=regime)

    def column(params, eps, X, y):
        assert y.shape == (len(X), 1)
        return neg_elbo(params, eps, X, y[:, 0])

    for function in (column, lambda params, eps, X, y: neg_elbo(params, eps, X, y)):
        assert mb.diagnose(function, case).verdict == "right if"


# --- a wrong one does not pass ------------------------------------------------------------


def spoilt(place, size):
    def function(params, eps, X, y):
        loss, gradient = neg_elbo(params, eps, X, y)
        key, i = place
        gradient[key][i] *= 1 + size
        return loss, gradient

    return function


@pytest.mark.parametrize("place", [("mu", 0), ("mu", P - 1), ("rho", 3)])
def test_one_coordinate_off_by_a_millionth_is_seen(place):
    assert mb.diagnose(spoilt(place, 1e-6), CASE).verdict == "mistake"


WRONG = {
    "eps-missing": dict(back=1.0),
    "gradient-of-the-elbo": dict(n=-N, beta=-1.0),
    "kl-wrong-factor": dict(beta=0.1),
    "kl-sign": dict(beta=-1.0),
}


@pytest.mark.parametrize("name", WRONG)
def test_mistakes_are_named_with_n_fixed_and_no_weight(name):
    found = mb.diagnose(
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, **WRONG[name]), CASE
    )
    assert found.verdict == "mistake"
    assert [f.name for f in found.mistakes if f.rank == 1] == [name]
    said = " ".join(found.facts)
    assert "takes no kl_weight" in said
    assert "takes no model" in said


def test_a_factor_on_the_data_term_is_never_no_mistake():
    """Nobody can tell 2 N from N who does not know N: so it is said for which N."""
    found = mb.diagnose(
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, half=1.0), CASE
    )
    assert (found.verdict, found.condition) == ("right if", "N = 80")
    told = mb.diagnose(
        lambda params, eps, X, y, N: neg_elbo(params, eps, X, y, N, half=1.0), CASE
    )
    assert told.verdict == "mistake"


@pytest.mark.parametrize("size", [1e-7, 1e-4])
def test_a_condition_is_true_to_rounding(size):
    """N = 40.000004 is no number of rows; a ratio is said with all its digits."""
    def function(params, eps, X, y):
        return neg_elbo(params, eps, X, y, N * (1 + size))

    def ratio(params, eps, X, y):
        return neg_elbo(params, eps, X, y, 4 * len(X) * (1 + size))

    assert mb.diagnose(function, CASE).verdict == "mistake"
    found = mb.diagnose(ratio, CASE)
    assert (found.verdict, found.condition) == ("right if", f"N/B = {4 * (1 + size):.10g}")


@pytest.mark.parametrize(
    "n",
    [lambda B, S: B**2 / N, lambda B, S: 15.43, lambda B, S: 3, lambda B, S: N / B],
    ids=["N/B upside down", "no whole number", "fewer than a batch", "over B twice"],
)
def test_what_is_no_number_of_rows_is_a_mistake(n):
    found = mb.diagnose(
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, n(len(X), len(eps))), CASE
    )
    assert found.verdict == "mistake", found
    assert "judged with N = 33, the case's" in " ".join(found.facts) or CASE.n_data != 33


@pytest.mark.parametrize(
    ("n", "name"),
    [
        (lambda B, S: B, "n-over-b-missing"),
        (lambda B, S: N * S, "sample-mean-missing"),
    ],
)
def test_what_it_would_be_otherwise_is_named(n, name):
    found = mb.diagnose(
        lambda params, eps, X, y: neg_elbo(params, eps, X, y, n(len(X), len(eps))), CASE
    )
    assert found.verdict == "right if"
    assert found.mistakes[0].name == name
    assert "; if not:" in str(found)


# --- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda params, eps, X, y, slope: 0, "wants 'slope', and a case has nothing"),
        (lambda params, X, y, slope: 0, "wants 'slope'"),
        (lambda params, eps, X, y, *, width: 0, "wants 'width'"),
        (lambda params, eps, X, y: {"d_mu": 0, "d_rho": 0}, "got .'d_mu', 'd_rho'."),
        (lambda params, eps, X, y: 3.0, "keys .'mu', 'rho'. .or the arrays mu, rho in"),
    ],
)
def test_what_cannot_be_called_or_read_is_named(function, words):
    with pytest.raises(TypeError, match=words):
        mb.diagnose(function, CASE)


def test_a_function_that_fails_is_told_what_it_was_given():
    def fixed(params, eps, X, y):
        return neg_elbo(params, eps.reshape(2, P), X, y)

    with pytest.raises(ValueError, match="reshape") as caught:
        mb.diagnose(fixed, CASE)
    assert caught.value.__notes__[0].startswith("diagnose gave it S = 3 draws and B = 5")


def test_the_checker_says_how_to_take_one_of_two():
    both = lambda params: neg_elbo(params, CASE.noise, CASE.X, CASE.y[:, 0])  # noqa: E731
    with pytest.raises(TypeError, match=r"give f=lambda x: yours\(x\)\[0\]"):
        mb.check_gradient(both, both, CASE.params)
    with pytest.raises(TypeError, match=r"give grad=lambda x: yours\(x\)\[1\]"):
        mb.check_gradient(lambda p: both(p)[0], both, CASE.params)
    report = mb.check_gradient(lambda p: both(p)[0], lambda p: both(p)[1], CASE.params)
    assert report.verdict == "agrees"


def test_the_six_steps_in_one_file_pass_as_they_stand():
    file = Path(__file__).resolve().parents[2] / "tutorials" / "six_steps.py"
    steps = runpy.run_path(str(file))
    found = mb.diagnose(steps["loss_and_gradients"], case_of((0.0, 0.7)))
    assert found.verdict == "no mistake"
