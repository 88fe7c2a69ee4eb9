"""Many steps in a row are the steps one after the other."""

import numpy as np
import pytest
from support.sampling import seeds as few
from tape.test_random import BRANCHES, fresh, random_computation

from minibnn.tape import MOST, Scan, proved_scan


def random_step(seed):
    """A step that moves ``a`` by what a random computation makes of it and of b and c."""
    compute = random_computation(seed)

    def step(a, b, c):
        made = compute(a.copy(), b, c)
        a *= 0.5
        a += 0.1 * made["last"]
        return {key: made[key] for key in ("sum", "middle")} | {"kept": b * 2.0}

    return step


@few(20, 200)
def test_rows_are_steps_one_after_the_other(seeds):
    for seed in seeds:
        check_rows(seed)


def check_rows(seed):
    rng, step = np.random.default_rng(seed), random_step(seed)
    first = fresh(rng)
    state = {"a": first.pop("a")}
    made = Scan(step, first, state)
    assert made.count == MOST
    for n in (MOST, 3, 1):
        state["a"][...] = rng.normal(size=(4, 4))
        direct = state["a"].copy()
        rows = [fresh(rng) for _ in range(n)]
        for k, row in enumerate(rows):
            for key in "bc":
                made.inputs[key][k] = row[key]
        made(n)
        for k, row in enumerate(rows):
            want = step(direct, row["b"], row["c"])
            for key, value in want.items():
                got = made.outputs[key][k]
                np.testing.assert_allclose(got, value, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(state["a"], direct, rtol=1e-10, atol=1e-12)


def test_the_parts_hold_what_they_should():
    """Noise is prepared ahead, the report comes late, the state moves in between."""

    def step(noise, theta):
        scaled = 2.0 * noise  # ahead
        g = theta - scaled  # main
        loss = (g * g).sum()  # late
        theta -= 0.1 * g  # main
        return {"loss": loss}

    made = Scan(step, {"noise": np.ones(5)}, {"theta": np.zeros(5)})
    names = [[c[0].__name__ for c in part] for part in (made.ahead, made.late)]
    assert names == [["multiply"], ["multiply", "reduce"]]
    assert [c[0].__name__ for c in made.turn(0)] == ["subtract", "multiply", "subtract"]


@pytest.mark.parametrize("name", BRANCHES)
def test_what_cannot_be_seen_is_refused(name):
    rng = np.random.default_rng(0)
    rows, other = fresh(rng), fresh(rng)
    state = {"a": rows.pop("a")}
    before = state["a"].copy()
    assert proved_scan(BRANCHES[name], rows, state, other) is None
    np.testing.assert_array_equal(state["a"], before)


def test_an_input_taken_for_a_constant_is_found_out():
    def hides(x, theta):
        theta += np.asarray(x) * 2.0
        return {"y": theta.sum()}

    state = {"theta": np.zeros(3)}
    one, two = {"x": np.ones(3)}, {"x": np.full(3, 2.0)}
    assert proved_scan(hides, one, state, two) is None
    assert not state["theta"].any()


def test_a_report_on_the_state_after_its_move_is_each_turn_s_own():
    def step(x, theta):
        theta += x
        return {"y": theta.sum()}

    made = Scan(step, {"x": np.ones(3)}, {"theta": np.zeros(3)})
    made.inputs["x"][:3] = [[1.0] * 3, [2.0] * 3, [3.0] * 3]
    made(3)
    np.testing.assert_array_equal(np.diff(made.outputs["y"][:3]), [6.0, 9.0])


def test_large_steps_have_no_rows():
    """One row would not fit into the cache: nothing to gain."""

    def step(x, theta):
        theta += x
        return {"y": theta.sum()}

    big = np.ones(10**6)
    assert proved_scan(step, {"x": big}, {"theta": big.copy()}, {"x": 2 * big}) is None
