r"""Every displayed line is true, and every single mistake in one would be seen.

The pages' own TeX is read and evaluated (``support/tex.py``); what its letters mean and
at which points stands in ``chains/``, one file a page.
"""

import re
from pathlib import Path

import numpy as np
import pytest
from support.derivations import Broken, check, displayed, labels_of, table_of, unseen
from support.pages import FENCE
from support.tex import By, Chain, Function, Over, Place, holds, lines_of, parse, value

PAGES = sorted((Path(__file__).resolve().parents[2] / "tutorials").glob("[0-9]*.md"))
TABLES = {page: table_of(page) for page in PAGES}
ALL = [
    pytest.param(page, chain, id=f"{page.stem[:2]}-{chain.label}")
    for page, module in TABLES.items()
    if module
    for chain in module.CHAINS
]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@each_page
def test_every_displayed_line_belongs_to_a_chain(page):
    shown = {re.sub("[a-z]$", "", label) for label, _ in displayed(page)}
    module = TABLES[page]
    spoken = labels_of(module) if module else set()
    assert shown <= spoken, f"no chain speaks for {sorted(shown - spoken)}"
    assert spoken <= shown, f"the page does not display {sorted(spoken - shown)}"


@each_page
def test_every_display_bears_a_label(page):
    for block in FENCE.finditer(page.read_text("utf-8")):
        if block[1] == "math":
            assert lines_of(block[2]), f"no label in\n{block[2]}"


@each_page
def test_lines_of_a_chain_are_lettered_in_order(page):
    for label in {re.sub("[a-z]$", "", label) for label, _ in displayed(page)}:
        shown = [one for one, _ in displayed(page)]
        letters = [one[3:] for one in shown if one[:3] == label and one[3:]]
        assert letters == [chr(97 + k) for k in range(len(letters))], label


@pytest.mark.parametrize(("page", "chain"), ALL)
def test_lines_hold_at_points_that_are_not_special(page, chain):
    assert len(chain.points) >= 2
    for name in chain.points[0]:
        first, second = chain.points[0][name], chain.points[1][name]
        assert not np.array_equal(first, second), f"{name} is the same at both points"
    for point in chain.points:
        assert check(chain, page, point), f"no line of {chain.label} on the page"


@pytest.mark.optional
@pytest.mark.parametrize(("page", "chain"), ALL)
def test_every_single_mistake_in_a_line_is_seen(page, chain):
    assert unseen(chain, page) == sorted(chain.blind)


# --- the reader itself ---------------------------------------------------------------


def normal(w, mean, sd):
    return np.exp(-(((w - mean) / sd) ** 2) / 2) / (sd * np.sqrt(2 * np.pi))


def kl_names(p):
    nodes, weights = np.polynomial.hermite_e.hermegauss(12)
    w = p["mu"] + p["sigma"] * nodes
    grid = np.linspace(p["mu"] - 12 * p["sigma"], p["mu"] + 12 * p["sigma"], 101)
    density = normal(grid, p["mu"], p["sigma"])
    routes = [Over("w", w, weights / weights.sum())]
    routes += [Over("w", grid, density * (grid[1] - grid[0]))]
    log = np.log
    return {
        r"\mathrm{KL}": log(p["s0"] / p["sigma"]) - 0.5
        + (p["sigma"] ** 2 + (p["mu"] - p["m0"]) ** 2) / 2 / p["s0"] ** 2,
        "E_q": routes, "q": Function(lambda w: normal(w, p["mu"], p["sigma"])),
        "p(w)": lambda w: normal(w, p["m0"], p["s0"]),
        r"\mu": p["mu"], r"\sigma": p["sigma"], "m_0": p["m0"], "s_0": p["s0"],
    }  # fmt: skip


KL = Chain(
    "E41", kl_names,
    points=[
        dict(mu=0.3, sigma=0.7, m0=-0.2, s0=1.3),
        dict(mu=-1.0, sigma=1.9, m0=0.4, s0=0.8),
    ],
)  # fmt: skip
KL_LINES = r"""
```math
\begin{aligned}
\mathrm{KL}
&= E_q[\log q(w) - \log p(w)] \qquad (E41a) \\
&= E_q\left[\frac{(w - m_0)^2}{2 s_0^2} - \frac{(w - \mu)^2}{2 \sigma^2}\right]
 + \log \frac{s_0}{\sigma} \qquad (E41b) \\
&= \log \frac{s_0}{\sigma} + \frac{\sigma^2 + (\mu - m_0)^2}{2 s_0^2}
 - \frac{1}{2} \qquad (E41c)
\end{aligned}
```
"""


def page_of(tmp_path, text):
    file = tmp_path / "page.md"
    file.write_text(text, "utf-8")
    return file


def test_a_true_chain_holds_and_hides_no_mistake(tmp_path):
    page = page_of(tmp_path, KL_LINES)
    assert [label for label, _ in displayed(page)] == ["E41a", "E41b", "E41c"]
    for point in KL.points:
        check(KL, page, point)
    assert unseen(KL, page) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (r"\log q(w) - \log p", r"\log q(w) + \log p"),
        (r"{2 \sigma^2}", r"{2 \sigma}"),
        (r"- \frac{1}{2}", ""),
        (r"(\mu - m_0)^2}{2", r"(\mu - m_0)^2}{"),
        (r"\frac{s_0}{\sigma} +", r"\frac{\sigma}{s_0} +"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, right, wrong):
    assert right in KL_LINES
    page = page_of(tmp_path, KL_LINES.replace(right, wrong))
    with pytest.raises(Broken, match="E41"):
        check(KL, page, KL.points[0])


def test_a_special_point_hides_a_mistake(tmp_path):
    lazy = Chain("E41", kl_names, [dict(mu=0.5, sigma=1.0, m0=0.5, s0=1.0)] * 2)
    assert unseen(lazy, page_of(tmp_path, KL_LINES)) != []


X = np.array([1.0, -0.5, 2.0])
W = np.array([[0.5, -1.0], [2.0, 0.3]])


@pytest.mark.parametrize(
    ("tex", "want"),
    [
        (r"\log(1 + e^{\rho})", np.log1p(np.exp(0.3))),
        (r"\frac{1}{2} \log 2\pi + \rho", 0.5 * np.log(2 * np.pi) + 0.3),
        (r"\log \rho^2 \, \rho", np.log(0.09) * 0.3),
        (r"\frac{1}{3} \sum_{k=1}^{3} x_k^2 - 1", (X**2).mean() - 1),
        (r"\sum_k -x_k", -X.sum()),
        (r"\sum_k \left(x_k - \rho\right)^2", ((X - 0.3) ** 2).sum()),
        (r"\prod_{k=1}^{N} x_k \, \rho", X.prod() * 0.3**3),
        (r"\int_{-\infty}^{\infty} w^2 q(w) \, dw + 1", 2.0),
        (r"\frac{\partial}{\partial \rho} \left(\rho^3 + e^\rho\right)",
         3 * 0.09 + np.exp(0.3)),
        (r"[W; b]^{\top} \, v", W.T @ X[:2]),
        (r"W v \circ v", W @ X[:2] * X[:2]),
        (r"2^{-3} \cdot 10^{2}", 12.5),
        (r"\lvert -\rho \rvert", 0.3),
        (r"\sqrt{\rho} / 2", np.sqrt(0.3) / 2),
        (r"\underbrace{\rho + 1}_{\mathrm{big}}", 1.3),
        (r"\mathrm{Var}_q[w]", 1.0),
        (r"-\log p(y \mid f)", 7.0),
    ],
)  # fmt: skip
def test_the_reader_knows_its_grammar(tex, want):
    grid = np.linspace(-9, 9, 181)
    density = normal(grid, 0, 1) * 0.1

    def spread(values, weights):
        return weights @ values**2 - (weights @ values) ** 2

    names = {
        r"\rho": None, r"\sum_k": Over("k", range(3)), r"\prod_k": Over("k", range(3)),
        "x_k": lambda k: X[k], "q(w)": lambda w: normal(w, 0, 1), "[W; b]": W, "W": W,
        r"\int": Over("w", grid, np.full(181, 0.1), until="dw"), "v": X[:2],
        r"\frac{\partial}{\partial \rho}": By("rho"), r"\log p(y \mid f)": -7.0,
        r"\mathrm{Var}_q": Over("w", grid, density, reduce=spread),
    }  # fmt: skip
    chain = Chain("E01", lambda p: names | {r"\rho": p["rho"]}, [{"rho": 0.3}])
    place = Place(chain, chain.points[0])
    found = value(parse(tex, chain.table(chain.points[0])), place)
    assert np.allclose(found, want, rtol=1e-9, atol=1e-12)


def test_infinity_equals_nothing():
    assert holds("=", 1.0, 1.0 + 1e-9, 1e-6)
    for no_number in (np.inf, np.nan):
        assert not holds("=", 1.0, no_number, 1e-6)
        assert not holds("=", np.array([1.0, no_number]), np.array([1.0, 2.0]), 1e-6)


@pytest.mark.parametrize("tex", [r"\rho + \tau", r"(\rho", r"\rho + ", r"\sum_k \rho"])
def test_the_reader_refuses_what_it_does_not_know(tex):
    chain = Chain("E01", lambda p: {r"\rho": p["rho"]}, [{"rho": 0.3}])
    with pytest.raises(ValueError):  # noqa: PT011 (each says what it missed)
        value(parse(tex, chain.table({"rho": 0.3})), Place(chain, {"rho": 0.3}))
