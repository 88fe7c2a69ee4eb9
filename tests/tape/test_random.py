"""Random computations recorded, replayed, and compared with themselves."""

from functools import partial

import numpy as np
import pytest
from support.sampling import seeds as few

from minibnn.tape import Direct, NotRecordable, Program, exchange, proved_program, tape


def fresh(rng):
    """Named inputs of a random computation, all square so that everything fits."""
    return {key: rng.normal(size=(4, 4)) for key in "abc"}


UNARY = [
    np.tanh,
    np.exp,
    lambda x: x.T,
    lambda x: -x,
    lambda x: np.maximum(x, 0.1),
    lambda x: x * (x > 0),
    lambda x: x[::-1],
    lambda x: x[:, ::-1] + 1.0,
    lambda x: np.swapaxes(x, 0, 1) * 0.5,
    lambda x: x.reshape(2, 8).reshape(4, 4),
    lambda x: np.broadcast_to(x.sum(0), (4, 4)),
    lambda x: x - x.mean(-1, keepdims=True),
    lambda x: np.where(x > 0, x, 0.0),
    lambda x: np.concatenate([x[2:], x[:2]]),
]
BINARY = [np.add, np.subtract, np.multiply, np.matmul, np.minimum]


def written_into(x, y):
    """A product written into a part of a new array, as layers do."""
    out = np.empty_like(x)
    np.matmul(x, y, out=out)
    out[1] = y[0]
    out *= 0.5
    return out


def random_computation(seed):
    """A function of a, b, c: a few dozen operations on whatever was made before."""

    def compute(a, b, c):
        rng = np.random.default_rng(seed)
        made = [a, b, c]
        for _ in range(rng.integers(5, 30)):
            x, y = (made[i] for i in rng.integers(0, len(made), 2))
            kind = rng.integers(0, 10)
            if kind < 5:
                new = UNARY[rng.integers(len(UNARY))](x)
            elif kind < 9:
                new = BINARY[rng.integers(len(BINARY))](x, y)
            else:
                new = written_into(x, y)
            made.append(np.tanh(new))
        return {"last": made[-1], "sum": made[-1].sum(), "middle": made[len(made) // 2]}

    return compute


@few(40, 200)
def test_a_replay_is_the_computation(seeds):
    for seed in seeds:
        check_replay(seed)


def check_replay(seed):
    """On other inputs, in the same memory, as often as wanted."""
    rng, compute = np.random.default_rng(seed), random_computation(seed)
    inputs = fresh(rng)
    recorded = Program(compute, inputs)
    for _ in range(3):
        for key, array in fresh(rng).items():
            inputs[key][...] = array
        kept = {key: array.copy() for key, array in inputs.items()}
        recorded()
        for key, want in compute(**kept).items():
            got = recorded.outputs[key]
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
        for key, array in kept.items():
            np.testing.assert_array_equal(inputs[key], array)


@few(40, 200)
def test_what_is_large_need_not_be_computed_while_recording(seeds, monkeypatch):
    monkeypatch.setattr(tape, "LARGE", 2)
    for seed in seeds:
        check_replay(seed)


def layouts(function, inputs):
    """How the results of a recording lie in memory."""
    with tape.Tape() as made:
        function(**{key: tape.watch(array) for key, array in inputs.items()})
    return [(s.out.shape, s.out.dtype, s.out.strides) for s in made.steps]


@few(20, 100)
def test_what_is_not_computed_lies_as_if_it_were(seeds, monkeypatch):
    for seed in seeds:
        with monkeypatch.context() as patch:
            check_layouts(seed, patch)


def check_layouts(seed, monkeypatch):
    rng, compute = np.random.default_rng(seed), random_computation(seed)
    inputs = {key: array[::-1].T for key, array in fresh(rng).items()}
    usual = layouts(compute, inputs)
    monkeypatch.setattr(tape, "LARGE", 2)
    assert layouts(compute, inputs) == usual


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0), (2, 1, 0)])
def test_sums_that_are_not_computed_lie_as_if_they_were(order, axis, monkeypatch):
    inputs = {"x": np.ones((3, 4, 5)).transpose(order), "yes": np.ones((3, 4, 5), bool)}

    def sums(x, yes):
        return np.add.reduce(x, axis), x.sum(axis), np.max(yes, axis), yes.sum(axis)

    usual = layouts(sums, inputs)
    monkeypatch.setattr(tape, "LARGE", 2)
    assert layouts(sums, inputs) == usual


def test_constants_are_filled_though_the_recording_left_them_out(monkeypatch):
    """A constant buffer, a constant made of it, a constant sum and a joined one."""

    def function(x):
        three = np.empty_like(x)
        three[...] = 3.0
        nine = three * three
        table = np.concatenate([three, nine])
        return {"y": x * nine + np.add.reduce(table, 0) + np.sum(table, axis=0)}

    monkeypatch.setattr(tape, "LARGE", 2)
    x = np.linspace(1.0, 2.0, 16).reshape(4, 4)
    made = Program(function, {"x": x})
    made()
    np.testing.assert_array_equal(made.outputs["y"], x * 9.0 + 96.0)


BRANCHES = {
    "copyto": lambda a, b, c: {"y": (np.copyto(a, b), a * 2.0)[1]},
    "if": lambda a, b, c: {"y": a if a[0, 0] > 0 else b},
    "float": lambda a, b, c: {"y": a * float(b[0, 0])},
    "mask": lambda a, b, c: {"y": a[b > 0].sum() + a},
    "sort": lambda a, b, c: {"y": a[np.argsort(b[0])]},
    "dot": lambda a, b, c: {"y": a.dot(b)},
    "cumsum": lambda a, b, c: {"y": a.cumsum(0)},
    "flatten": lambda a, b, c: {"y": a.flatten() * 2.0},
    "repeat": lambda a, b, c: {"y": a.repeat(2)},
    "modf": lambda a, b, c: {"y": np.modf(a)[0]},
    "divmod": lambda a, b, c: {"y": np.divmod(a, b)[1]},
    "at": lambda a, b, c: {"y": (np.add.at(d := b.copy(), 0, a[0]), d)[1]},
    "round": lambda a, b, c: {"y": a.round(1)},
    "trace": lambda a, b, c: {"y": a * a.trace()},
}


@pytest.mark.parametrize("name", BRANCHES)
@pytest.mark.parametrize("large", [tape.LARGE, 2])
def test_what_cannot_be_seen_is_not_recorded(name, large, monkeypatch):
    """Such a computation runs directly, with the right answer every time."""
    monkeypatch.setattr(tape, "LARGE", large)
    assert_runs_directly(BRANCHES[name])


def test_what_looks_at_values_that_are_not_computed_is_not_recorded(monkeypatch):
    """The inverse of a matrix of zeros, which a blank one is, raises."""
    monkeypatch.setattr(tape, "LARGE", 2)
    assert_runs_directly(lambda a, b, c: {"y": np.linalg.inv(a * b) + c})


def assert_runs_directly(function):
    rng = np.random.default_rng(0)
    inputs = fresh(rng)
    with pytest.raises(NotRecordable):
        Program(function, inputs)
    made = proved_program(function, inputs, partial(exchange, inputs, fresh(rng)))
    assert isinstance(made, Direct)
    for _ in range(3):
        for key, array in fresh(rng).items():
            inputs[key][...] = array
        made()
        np.testing.assert_array_equal(made.outputs["y"], function(**inputs)["y"])


def test_the_proof_leaves_the_inputs_and_outputs_as_they_were():
    rng = np.random.default_rng(0)
    inputs, compute = fresh(rng), random_computation(3)
    before = {key: array.copy() for key, array in inputs.items()}
    made = proved_program(compute, inputs, partial(exchange, inputs, fresh(rng)))
    assert isinstance(made, Program)
    for key, array in before.items():
        np.testing.assert_array_equal(inputs[key], array)
    np.testing.assert_allclose(made.outputs["last"], compute(**before)["last"])


@pytest.mark.parametrize("large", [tape.LARGE, 2])
def test_a_list_is_an_operand_like_an_array(large, monkeypatch):
    monkeypatch.setattr(tape, "LARGE", large)
    inputs = {"x": np.ones((4, 4))}
    made = Program(lambda x: {"y": x * [1.0, 2.0, 3.0, 4.0]}, inputs)
    made()
    np.testing.assert_array_equal(made.outputs["y"], np.ones((4, 4)) * [1, 2, 3, 4])


@pytest.mark.parametrize("large", [tape.LARGE, 2])
def test_sums_begun_outside_of_the_recording_are_found_out(large, monkeypatch):
    """A replay would add to what the last one left."""

    def accumulated(x):
        total = np.zeros_like(np.asarray(x))
        total += x
        return {"y": total}

    monkeypatch.setattr(tape, "LARGE", large)
    inputs = {"x": np.ones((4, 4))}
    made = proved_program(accumulated, inputs, partial(exchange, inputs, {"x": np.eye(4)}))
    for _ in range(3):
        made()
        np.testing.assert_array_equal(made.outputs["y"], np.ones((4, 4)))


def test_an_interrupted_recording_leaves_the_inputs_as_they_were():
    def interrupted(x):
        if tape.TAPES.recorded:
            raise KeyboardInterrupt
        return {"y": x * 2.0}

    inputs = {"x": np.ones(4)}
    change = partial(exchange, inputs, {"x": np.zeros(4)})
    with pytest.raises(KeyboardInterrupt):
        proved_program(interrupted, inputs, change)
    np.testing.assert_array_equal(inputs["x"], np.ones(4))
