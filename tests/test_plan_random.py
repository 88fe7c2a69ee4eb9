"""Random computations recorded, replayed, and compared with themselves."""

import numpy as np
import pytest

from minibnn.plan.replay import Direct, Program, program
from minibnn.plan.tape import NotRecordable


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


@pytest.mark.parametrize("seed", range(200))
def test_a_replay_is_the_computation(seed):
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


BRANCHES = {
    "if": lambda a, b, c: {"y": a if a[0, 0] > 0 else b},
    "float": lambda a, b, c: {"y": a * float(b[0, 0])},
    "mask": lambda a, b, c: {"y": a[b > 0].sum() + a},
    "sort": lambda a, b, c: {"y": a[np.argsort(b[0])]},
    "dot": lambda a, b, c: {"y": a.dot(b)},
    "cumsum": lambda a, b, c: {"y": a.cumsum(0)},
    "flatten": lambda a, b, c: {"y": a.flatten() * 2.0},
    "repeat": lambda a, b, c: {"y": a.repeat(2)},
    "round": lambda a, b, c: {"y": a.round(1)},
    "trace": lambda a, b, c: {"y": a * a.trace()},
}


@pytest.mark.parametrize("name", BRANCHES)
def test_what_cannot_be_seen_is_not_recorded(name):
    """Such a computation runs directly, with the right answer every time."""
    rng, function = np.random.default_rng(0), BRANCHES[name]
    inputs = fresh(rng)
    with pytest.raises(NotRecordable):
        Program(function, inputs)
    made = program(function, inputs, fresh(rng))
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
    made = program(compute, inputs, fresh(rng))
    assert isinstance(made, Program)
    for key, array in before.items():
        np.testing.assert_array_equal(inputs[key], array)
    np.testing.assert_allclose(made.outputs["last"], compute(**before)["last"])
