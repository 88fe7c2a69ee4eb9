"""Pictures of chains: what each panel holds, and that they show what they are for."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

import minibnn as mb
from minibnn import plots

X, Y = np.linspace(-1, 1, 6)[:, None], np.linspace(-1, 2, 6)
MODEL = mb.Model(mb.MLP([1, 2, 1]), mb.Gaussian(0.5), mb.GaussianPrior())


@pytest.fixture(scope="module")
def chains():
    """Three chains of 200 draws that are independent numbers, none of them stuck."""
    made = mb.hmc(MODEL, X, Y, rng=0, n_chains=3, n_draws=8, n_warmup=20)
    draws = np.random.default_rng(5).normal(size=(3, 200, MODEL.n_weights))
    stats = {name: np.zeros((3, 200), v.dtype) for name, v in made.stats.items()}
    return replace(made, weights=draws, stats=stats)


def panels(count):
    return Figure().subplots(count, 1, squeeze=False)[:, 0]


def shifted(chains, by=3.0):
    """The same with chain 1 elsewhere in weight 4."""
    weights = chains.weights.copy()
    weights[1, :, 4] += by
    return replace(chains, weights=weights)


def test_a_trace_has_every_draw_of_every_chain(chains):
    drawn = plots.trace(chains, which=[2, 0], ax=panels(2))
    for i, lines in zip((2, 0), drawn["chains"], strict=True):
        found = [line.get_ydata() for line in lines]
        np.testing.assert_array_equal(found, chains.weights[..., i])
    assert [ax.get_ylabel() for ax in drawn["ax"]] == ["w[2]", "w[0]"]
    assert drawn["divergences"] == []


def test_divergences_are_ticks_where_they_happened(chains):
    stats = dict(chains.stats)
    stats["diverging"] = np.zeros((3, 200), bool)
    stats["diverging"][[0, 2], [7, 90]] = True
    drawn = plots.trace(replace(chains, stats=stats), which=[1], ax=panels(1))
    assert drawn["divergences"][0].get_xdata().tolist() == [7, 90]


def test_outputs_are_named_by_their_rows(chains):
    drawn = plots.trace(chains, X, which=[5, 1], ax=panels(2))
    assert [ax.get_ylabel() for ax in drawn["ax"]] == ["f(X[5])", "f(X[1])"]
    found = [line.get_ydata() for line in drawn["chains"][0]]
    np.testing.assert_array_equal(found, chains.outputs(X)[..., 5])


def test_several_outputs_of_a_row_have_names_of_their_own():
    model = mb.Model(mb.MLP([1, 3]), mb.Categorical(3), mb.GaussianPrior())
    y, how = [0, 1, 2, 0, 1, 2], dict(n_chains=2, n_draws=8, n_warmup=20)
    made = mb.hmc(model, X, y, rng=0, **how)
    drawn = plots.rank(made, X, which=[4], ax=panels(1))
    assert drawn["ax"][0].get_title(loc="left") == "f(X[1])[1]"
    found = plots.trace(made, X, which=[4], ax=panels(1))["chains"][0][1]
    np.testing.assert_array_equal(found.get_ydata(), made.outputs(X)[1, :, 1, 1])


def test_the_least_agreed_on_comes_first(chains):
    drawn = plots.trace(shifted(chains), ax=panels(4))
    assert drawn["ax"][0].get_ylabel() == "w[4]"
    agreement = [ax.get_title(loc="right") for ax in drawn["ax"]]
    wanted = np.sort(shifted(chains).r_hat())[::-1][:4]
    assert agreement == [f"R-hat {value:.3f}" for value in wanted]


def heights(drawn, k=0):
    """Heights of the histograms of a panel, over what is expected."""
    patches = drawn["chains"][k]
    found = [p.get_data().values - p.get_data().baseline for p in patches]
    return np.array(found) / np.mean(found)


def test_ranks_are_counted_among_all_chains(chains):
    drawn = plots.rank(chains, which=[3], n_bins=10, ax=panels(1))
    draws = chains.weights[..., 3]
    ranks = np.searchsorted(np.sort(draws.ravel()), draws)  # no ties
    counts = [np.bincount(one * 10 // 600, minlength=10) for one in ranks]
    np.testing.assert_allclose(heights(drawn), np.array(counts) / 20)
    assert len(drawn["chains"][0]) == 3


def test_a_chain_that_lies_higher_leans(chains):
    drawn = plots.rank(shifted(chains), which=[4, 3], n_bins=10, ax=panels(2))
    found = heights(drawn)
    assert found[1, -1] > 2.5
    assert found[1, 0] < 0.1
    assert found[0, 0] > 1.2
    assert np.abs(heights(drawn, 1) - 1).max() < 0.8


def test_equal_draws_share_their_rank(chains):
    """A quantity that never moves shows no chain above another."""
    still = replace(chains, weights=np.ones_like(chains.weights))
    drawn = plots.rank(still, which=[0], ax=panels(1))
    found = heights(drawn)
    np.testing.assert_allclose(found, found[[0, 0, 0]])


def test_one_chain_has_no_ranks_to_compare(chains):
    one = replace(chains, weights=chains.weights[:1])
    with pytest.raises(ValueError, match="chains must be at least 2, got 1"):
        plots.rank(one, which=[0], ax=panels(1))


def test_a_figure_is_made_where_no_axes_are_given(chains):
    drawn = plots.trace(chains, which=[0, 1, 2])
    assert len(drawn["ax"]) == 3
    assert drawn["ax"][0].figure.number in plt.get_fignums()
    plt.close(drawn["ax"][0].figure)


def test_axes_are_one_or_a_grid_or_refused_by_number(chains):
    ax = Figure().add_subplot()
    assert plots.trace(chains, which=[0], ax=ax)["ax"] == [ax]
    grid = Figure().subplots(2, 2)
    assert plots.trace(chains, which=range(4), ax=grid)["ax"] == list(grid.flat)
    with pytest.raises(ValueError, match=r"ax must be 4 axes, .*, got 3"):
        plots.trace(chains, ax=panels(3))
