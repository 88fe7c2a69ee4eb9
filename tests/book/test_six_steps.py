"""The method on one slide: short, self-contained, and equal to the package."""

import ast
import re
import runpy
from pathlib import Path

import numpy as np
import pytest

import minibnn as mb
from minibnn.commands.show import fill_ledger
from minibnn.equations import LEDGER

FILE = Path(__file__).resolve().parents[2] / "tutorials" / "six_steps.py"
TEXT = FILE.read_text("utf-8")


@pytest.fixture(scope="module")
def steps():
    return runpy.run_path(str(FILE), run_name="six_steps")


def test_it_is_short_and_its_core_fits_a_slide():
    lines = TEXT.splitlines()
    assert len(lines) <= 80
    (begin,) = (k for k, line in enumerate(lines) if line == "# --- the core ---")
    (end,) = (k for k, line in enumerate(lines) if line == "# --- end of the core ---")
    assert 0 < end - begin - 1 <= 28
    assert max(map(len, lines)) <= 88


def test_it_imports_numpy_alone():
    nodes = ast.walk(ast.parse(TEXT))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imports] == ["import numpy as np"]


def test_its_labels_are_of_the_ledger():
    fill_ledger()
    labels = set(re.findall(r"\bE\d\d\b", TEXT))
    assert {"E11", "E14", "E31", "E41", "E51", "E52", "E53", "E71"} <= labels
    assert labels <= set(LEDGER)


@pytest.mark.parametrize(("D", "H", "S", "B", "N"), [(1, 8, 2, 10, 40), (3, 5, 4, 7, 7)])
def test_loss_and_gradients_are_those_of_the_package(steps, D, H, S, B, N):
    rng = np.random.default_rng(D)
    noise_sd, s0 = 0.37, 1.6
    net = mb.MLP([D, H, 1], activation="relu")
    model = mb.Model(net, mb.Gaussian(noise_sd), mb.GaussianPrior(0.0, s0))
    params = {name: rng.standard_normal(net.n_weights) for name in ("mu", "rho")}
    eps = rng.standard_normal((S, net.n_weights))
    X, y = rng.standard_normal((B, D)), rng.standard_normal((B, 1))
    loss, d_mu, d_rho = steps["loss_and_gradients"](
        params["mu"], params["rho"], eps, X, y, N, noise_sd, s0
    )
    want, grads, _ = mb.neg_elbo(
        model, mb.MeanField(), params, eps, X, y, n_data=N, estimator=mb.Pathwise()
    )
    assert loss == pytest.approx(want, rel=1e-12)
    for got, name in ((d_mu, "mu"), (d_rho, "rho")):
        size = np.abs(grads[name])
        assert np.max(np.abs(got - grads[name]) / size) < 1e-12, name


def test_training_is_that_of_the_package_step_by_step(steps):
    """The loop with the package's gradients on the same random numbers."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((12, 2))
    y = X[:, :1] ** 2
    start = steps["initialise"](2, 4, rng)
    got = steps["train"](*start, X, y, 0.5, 1.2, np.random.default_rng(3), 6, B=4, a=1e-3)
    model = mb.Model(
        mb.MLP([2, 4, 1], activation="relu"), mb.Gaussian(0.5), mb.GaussianPrior(0.0, 1.2)
    )
    params, rng = dict(zip(("mu", "rho"), start, strict=True)), np.random.default_rng(3)
    for _ in range(6):
        rows = rng.permutation(12)[:4]
        eps = rng.standard_normal((2, model.n_weights))
        _, grads, _ = mb.neg_elbo(
            model, mb.MeanField(), params, eps, X[rows], y[rows], n_data=12
        )
        params = {name: params[name] - 1e-3 * grads[name] for name in params}
    np.testing.assert_allclose(got[0], params["mu"], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got[1], params["rho"], rtol=1e-10)


def test_its_flat_order_and_start_are_those_of_the_package(steps):
    net, rng = mb.MLP([2, 3, 1]), np.random.default_rng(0)
    w = rng.standard_normal((4, net.n_weights))
    parts = steps["unpack"](w, 2)
    for (W, b), mine in zip(net.unpack(w), (parts[:2], parts[2:]), strict=True):
        np.testing.assert_array_equal(mine[0], W)
        np.testing.assert_array_equal(mine[1][:, 0], b)
    np.testing.assert_array_equal(steps["pack"](*parts), w)
    mu, rho = steps["initialise"](2, 5000, rng)
    np.testing.assert_allclose(np.log1p(np.exp(rho)), 0.05)
    assert mu[:10000].std() == pytest.approx(1.0, rel=0.05)  # sqrt(2 / fan-in)
    assert np.all(mu[10000:15000] == 0)
    assert mu[15000:-1].std() == pytest.approx(np.sqrt(2 / 5000), rel=0.05)


def test_predictions_are_a_mean_and_a_total_deviation(steps):
    """Where q is a point, the noise alone is left; a spread of the bias adds to it."""
    mu, rho = np.zeros(7), np.full(7, -40.0)
    mu[-1], rho[-1] = 1.5, np.log(np.expm1(0.3))
    m, sd = steps["predict"](mu, rho, np.ones((1, 1)), 0.4, np.random.default_rng(0), 40000)
    assert m[0] == pytest.approx(1.5, abs=5 * 0.3 / 200)
    assert sd[0] == pytest.approx(0.5, rel=0.01)


@pytest.mark.optional
def test_it_runs_as_a_script(capsys):
    runpy.run_path(str(FILE), run_name="__main__")
    said = capsys.readouterr().out
    first, last = re.findall(r"ELBO: (-?\d+)", said)
    assert int(first) < -300
    assert int(last) > int(first) / 4
    inside, outside = re.findall(r"\+- (\d\.\d+)", said)
    assert 0.2 <= float(inside) < 0.3  # the noise alone is 0.2
    assert float(outside) > float(inside)
