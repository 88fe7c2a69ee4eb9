"""What a gradient report prints, saves and draws."""

import copy
import json
import pickle

import numpy as np
import pytest
from support.gradcheck_nets import Net, softplus

from minibnn.gradcheck import check_gradient

X20 = np.random.default_rng(20).normal(size=20)


def square(x):
    return np.sum(x**2)


def double(x):
    return 2 * x


def relu_sum(x):
    return np.sum(np.maximum(x, 0))


def halves(net):
    return {"mu": net.P, "rho": net.P}


KINKED = np.array([0.0, 1.0, -1.0])


def real_softplus(x):
    return np.logaddexp(0, x)


# --- reports -------------------------------------------------------------------------


def reports():
    rng = np.random.default_rng(0)
    x = np.linspace(0.1, 1, 500)
    yield check_gradient(square, double, X20)
    yield check_gradient(square, lambda x: x, X20)
    yield check_gradient(relu_sum, lambda x: (x > 0) * 1.0, KINKED)
    yield check_gradient(lambda x: rng.normal(), double, X20)
    yield check_gradient(lambda x: np.sum(np.sqrt(x)), double, np.array([0.0, 1.0]))
    yield check_gradient(square, double, x, blocks={"a": 200, "b": 300})
    yield check_gradient(square, lambda x: x, x)


def test_reports_survive_json_and_print():
    for report in reports():
        plain = report.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert plain["verdict"] == report.verdict
        assert str(report) == report.table()
        assert report.table().startswith(f"gradient {report.verdict} (")
        assert max(map(len, report.table().splitlines())) < 400


@pytest.mark.parametrize("kind", ["step", "taylor", "blocks"])
def test_plots(kind):
    from matplotlib.figure import Figure

    net = Net("generic", "tanh", "gaussian", 1, sizes=(2, 3, 2))
    report = check_gradient(net.loss, net.gradient, net.x, blocks=halves(net))
    ax = Figure().add_subplot()
    assert report.plot(ax, kind=kind) is ax
    assert ax.get_title() == "gradient agrees"
    assert ax.get_xlabel()
    assert ax.get_legend() is not None
    if kind == "blocks":
        assert len(ax.patches) == 2
        assert [t.get_text() for t in ax.get_yticklabels()] == ["mu", "rho"]
    else:
        assert ax.get_xscale() == ax.get_yscale() == "log"


def lines(report, kind):
    from matplotlib.figure import Figure

    ax = report.plot(Figure().add_subplot(), kind=kind)
    return {line.get_label(): np.array(line.get_data()) for line in ax.lines}


@pytest.mark.parametrize("scale", [softplus, real_softplus])
def test_plot_shows_the_v_and_the_order(scale):
    net = Net("generic", "tanh", "gaussian", 1, sizes=(2, 3, 2), scale=scale)
    right = check_gradient(net.loss, net.gradient, net.x)
    wrong = check_gradient(net.loss, lambda x: 1.01 * net.gradient(x), net.x)
    steps, errors = lines(right, "step")["central difference"]
    bottom = np.argmin(errors)
    assert 1e-7 < steps[bottom] < 1e-2
    assert errors[bottom] < 1e-8 < 1e-6 < min(errors[0], errors[-1])
    assert max(lines(right, "step")[right.judge][1]) < errors[bottom]
    for report, order in ((right, 2), (wrong, 1)):
        steps, rest = lines(report, "taylor")["|f(x+hd) - f(x) - h g.d|"]
        some = (steps > 1e-6) & (steps < 1e-3) & (rest > 1e-10)
        slope = np.polyfit(np.log(steps[some]), np.log(rest[some]), 1)[0]
        assert slope == pytest.approx(order, abs=0.2)


def test_plot_makes_its_own_axes_and_refuses_unknown_kinds():
    import matplotlib.pyplot as plt

    report = check_gradient(square, double, X20)
    ax = report.plot()
    plt.close(ax.figure)
    with pytest.raises(ValueError, match="kind must be one of"):
        report.plot(kind="pie")
    report = check_gradient(square, double, np.linspace(0, 1, 500))
    ax = report.plot(kind="step")
    plt.close(ax.figure)
    rng = np.random.default_rng(0)
    report = check_gradient(lambda x: rng.normal(), double, X20)
    with pytest.raises(ValueError, match="repeats itself"):
        report.plot()


# --- reports travel ------------------------------------------------------------------


def mark(factor):
    """What a marker does in a pool of processes, whose results are pickled."""

    def f(x):
        return np.sum(x**2) * factor

    return check_gradient(f, lambda x: 2 * x, np.array([1.0, 2.0]))


def test_a_pickled_report_says_the_same():
    for report in reports():
        again = pickle.loads(pickle.dumps(report))
        assert again.to_dict() == report.to_dict()
        assert again.table() == report.table()
        assert copy.copy(report).problem is report.problem
    from matplotlib.figure import Figure

    again = pickle.loads(pickle.dumps(mark(1)))
    assert again.plot(Figure().add_subplot(), kind="blocks")
    with pytest.raises(
        ValueError, match="kind 'step' needs f, which a report does not"
    ):
        again.plot(Figure().add_subplot(), kind="step")
