"""The trace of one weight: every number is what its formula says."""

import re

import numpy as np
import pytest

import minibnn as mb
from minibnn.book import trace
from minibnn.equations import LEDGER

SPELLED = {
    "∂loss/∂": "d_", "dσ/dρ": "slope", "√(2π)": "sqrt(2*pi)", "σ_y": "noise_sd",
    "s₀": "prior_sd", "σ": "sigma", "μ": "mu", "ρ": "rho", "ε": "eps", "δ": "delta",
    "ℓ": "nll", "²": "**2", "^": "**", "·": "*", "₁": "_1", "₂": "_2", "N/B": "(N/B)",
}  # fmt: skip


def python(formula):
    """A formula of the trace as an expression of Python."""
    for sign, word in SPELLED.items():
        formula = formula.replace(sign, word)
    formula = re.sub(r"(?<![\w.])(\d+)(?=[a-z])", r"\1*", formula)
    return re.sub(r"(?<=[\w)])\s+(?=[\w(])", "*", formula)


def test_every_line_of_the_pencil_is_its_formula():
    for change in ({}, dict(x=-0.4, y=1.1, mu=-0.3, rho=1.2, eps=0.9, prior_sd=0.6)):
        found = trace.one_weight(**change)
        names = {python(name): value for name, value in found.given.items()}
        names |= {"log": np.log, "sqrt": np.sqrt, "pi": np.pi, "e": np.e}
        lines = [*found.ahead, *found.back]
        assert [one.line for one in lines] == [f"E08{c}" for c in "abcdefghijklmn"]
        for one in lines:
            name, *_, right = one.formula.split(" = ")
            value = eval(python(right), names)
            assert one.number == pytest.approx(value, rel=1e-12), one
            names[python(name)] = value


@pytest.mark.parametrize("i", range(25))
def test_what_rows_and_draws_bring_adds_up(i):
    """From the numbers that are shown to both slopes, on whatever side of the network."""
    found = trace.network_weight(i)
    n = {one.formula.split(":")[0].split(" =")[0]: one.number
         for one in (*found.ahead, *found.back)}  # fmt: skip
    given = found.given
    eps = [float(re.search("ε. = (.*)", one.formula)[1]) for one in found.ahead[1:3]]
    g = [n["g₁"], n["g₂"]]
    for draw, w, nll, total in zip(
        found.draws, (n["w₁"], n["w₂"]), (n["ℓ₁"], n["ℓ₂"]), g, strict=True
    ):
        one = {key: np.array(value) for key, value in draw.items()}
        assert w == pytest.approx(given["μ"] + n["σ"] * eps.pop(0), abs=1e-5)
        residual = (one["f"] - one["y"]) / given["σ_y"]
        np.testing.assert_allclose(one["∂ℓ/∂f"], residual / given["σ_y"], rtol=1e-12)
        constant = np.log(given["σ_y"]) + np.log(2 * np.pi) / 2
        np.testing.assert_allclose(one["ℓ"], residual**2 / 2 + constant, rtol=1e-12)
        assert nll == pytest.approx(one["ℓ"].sum(), rel=1e-12)
        delta = one["∂ℓ/∂f"]
        if draw["onward"] is not None:
            delta = draw["onward"] * delta * (one["Z"] > 0)
        np.testing.assert_allclose(one["δ"], delta, rtol=1e-12)
        np.testing.assert_allclose(one["A δ"], one["A"] * delta, rtol=1e-12)
        assert total == pytest.approx(one["A δ"].sum(), rel=1e-12)
    by = {one.formula: one.number for one in (*found.ahead, *found.back)}
    s0, sigma = given["s₀"], n["σ"]
    assert by["KL: σ/s₀² - 1/σ"] == pytest.approx(sigma / s0**2 - 1 / sigma, rel=1e-12)
    assert by["KL: μ/s₀²"] == pytest.approx(given["μ"] / s0**2, rel=1e-12)
    kl = (given["μ"] ** 2 + sigma**2) / (2 * s0**2) + np.log(s0 / sigma) - 0.5
    assert by["KL = (μ²+σ²)/(2s₀²) + log(s₀/σ) - .5"] == pytest.approx(kl, rel=1e-12)
    data = by["data: N/B (g₁ ε₁ + g₂ ε₂)/S"], by["data: N/B (g₁ + g₂)/S"]
    assert n["∂loss/∂σ"] == pytest.approx(data[0] + sigma / s0**2 - 1 / sigma, rel=1e-12)
    assert n["∂loss/∂μ"] == pytest.approx(data[1] + given["μ"] / s0**2, rel=1e-12)
    slope = np.exp(given["ρ"]) / (1 + np.exp(given["ρ"]))
    assert n["∂loss/∂ρ"] == pytest.approx(n["∂loss/∂σ"] * slope, rel=1e-12)
    share = given["N"] / given["B"] / given["S"]
    d_mu = share * sum(g) + given["μ"] / given["s₀"] ** 2
    assert n["∂loss/∂μ"] == pytest.approx(d_mu, rel=1e-12)
    loss = share * (n["ℓ₁"] + n["ℓ₂"]) + n["KLs"]
    assert n["loss"] == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("i", [0, 5, 11, 17, 24])
def test_the_numbers_of_a_row_are_those_of_the_network(i):
    here = trace.first_step()
    net, draws = here.model.net, trace.by_draw(here, i)
    layer, unit = divmod(i, 8)
    (W1, b1), (W2, b2) = net.unpack(here.w)
    x = here.A[:, 0]
    for s, draw in enumerate(draws):
        Z = np.outer(x, W1[s, 0]) + b1[s]
        A = np.maximum(Z, 0)
        f = A @ W2[s, :, 0] + b2[s, 0]
        ones = np.ones(10)
        below = (x, ones, A[:, unit % 8], ones)[layer]
        np.testing.assert_allclose(draw["A"], below, rtol=1e-12)
        np.testing.assert_allclose(draw["Z"], Z[:, unit] if layer < 2 else f, rtol=1e-9)
        np.testing.assert_allclose(draw["f"], f, rtol=1e-9)
        if layer < 2:
            assert draw["onward"] == W2[s, unit, 0]
            assert here.w[s, draw["onward_weight"]] == W2[s, unit, 0]


def test_the_slopes_of_the_network_are_differences_of_its_loss():
    i, h, found = 5, 1e-5, trace.network_weight(5)
    here = trace.first_step()
    number = {one.formula.split(" =")[0]: one.number for one in found.back}
    data, _ = trace.example()
    rows = [np.flatnonzero(data.y == y)[0] for y in here.y]
    settings = {"n_data": 40, "estimator": mb.Pathwise()}
    for name, letter in (("mu", "μ"), ("rho", "ρ")):
        loss = []
        for side in (h, -h):
            moved = {key: value.copy() for key, value in here.params.items()}
            moved[name][i] += side
            args = here.model, mb.MeanField(), moved, here.eps, data.X[rows], data.y[rows]
            loss.append(mb.neg_elbo(*args, **settings)[0])
        slope = (loss[0] - loss[1]) / (2 * h)
        assert number[f"∂loss/∂{letter}"] == pytest.approx(slope, rel=1e-6)
        moved = here.params[name][i] - trace.STEP * number[f"∂loss/∂{letter}"]
        assert number[f"new {letter}"] == pytest.approx(moved, rel=1e-12)


def test_files_are_where_the_labels_are_derived():
    found = trace.network_weight(0)
    for one in (*found.ahead, *found.back):
        assert one.file.removesuffix(".py").replace("/", ".") in LEDGER[one.label]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"noise_sd": 0.0}, "noise_sd must be"),
        ({"prior_sd": -1.0}, "prior_sd must be"),
        ({"step": 0.0}, "step must be"),
        ({"rho": np.nan}, "rho must be"),
        ({"eps": "1"}, "eps must be"),
    ],
)
def test_a_bad_number_is_named(change, words):
    with pytest.raises((ValueError, TypeError), match=words):
        trace.one_weight(**change)


@pytest.mark.parametrize("i", [-1, 25, 1.5, True])
def test_a_weight_that_is_not_there_is_refused(i):
    with pytest.raises((ValueError, TypeError), match="weight must be an integer"):
        trace.network_weight(i)
