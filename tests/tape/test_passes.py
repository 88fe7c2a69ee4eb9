"""Random steps full of what the passes over a recording look for, compared with themselves.

Products of three, multiples added in place, sums of what is not read again, quotients
e/(1 + e).
"""

import numpy as np
import pytest
from support.sampling import seeds as few

from minibnn.tape import Program, Scan, tape
from minibnn.tape.passes.axpy import add_multiple, multiply_and_add
from minibnn.tape.program import record

SHAPE = (3, 5)
NAMES = ("noise", "more", "a", "b")


def sigmoid(x):
    e = np.exp(np.minimum(x, 88.0))
    return e / (1 + e)


def decayed(x, y):
    x *= 0.75
    x += y
    return x


def partly_exponential(x):
    e = np.exp(np.minimum(x, 1.0))
    e[1:] = x[1:]
    return np.abs(e)


def late_sigmoid(x):
    x = x * 1.5
    e = np.exp(np.minimum(x, 88.0))
    one_plus = 1 + e
    x[1:] = e[:-1]
    return x * (e / one_plus)


def shared_too_late(x, y):
    x, t = x + 1.0, np.tanh(y)
    shared, product = y * t, x * y
    x[1:] = t[1:]
    return product * t + shared * x


UNARY = [
    partly_exponential,
    late_sigmoid,
    np.tanh,
    sigmoid,
    lambda x: np.abs(np.exp(np.minimum(x, 1.0))),
    lambda x: np.abs(x) + np.sqrt(np.abs(x)),
    lambda x: np.maximum(x, 0) * (np.maximum(x, 0) > 0),
    lambda x: 0.5 * x,
    lambda x: x * 1.0,
    lambda x: x.copy(),
    lambda x: ((x * x[0])[None] * 0.5).sum(0),
]


def multiple_too_late(x, y):
    x, y = x + 1.0, y * y
    double = 2.0 * x
    x[1:] = y[1:]
    return (y * y + double) * x


def shifted(x, y):
    x = x * y
    return np.concatenate([x[1:] + 0.5 * x[:-1], y[:1]])


BINARY = [
    shifted,
    multiple_too_late,
    shared_too_late,
    np.add,
    np.subtract,
    np.multiply,
    lambda x, y: x - 0.25 * y,
    lambda x, y: 0.5 * (x * y),
    lambda x, y: y * (np.maximum(x, 0) > 0),
    lambda x, y: y * (x > 0),
    lambda x, y: decayed(x.copy(), y),
]


def twice(a, b, x, y, rate):
    t = rate * x
    a -= t
    b += t


def written_between(a, b, x, y, rate):
    x = x + y
    t = 0.5 * x
    x[1:] = y[1:]
    a += t
    b -= x * rate


def moments(a, b, x, y, rate):
    a *= 0.5
    a += x
    np.add(0.25 * b, y, out=b)
    b -= rate * a


def turned(a, b, x, y, rate):
    np.subtract(rate * x, a, out=a)
    np.subtract(0.5 * b, y, out=b)


def upwards(a, b, x, y, rate):
    a += rate * x
    np.multiply(y, rate, out=b)


MOVES = [upwards, twice, written_between, moments, turned]


def kl_like(x, y, z):
    a, e = x - 0.5, (y - 1.5) / 2.0
    return (0.5 * a * a + (0.5 * e * e + (e - (z - 0.25)))).sum(-1)


SCALES = np.linspace(0.5, 1.5, SHAPE[1], dtype=np.float32)


def with_a_constant_row(x, y, z):
    scales = np.broadcast_to(SCALES.astype(x.dtype), SHAPE).copy()
    return (x * y - (z - scales)).sum(-1)


def twice_read(x, y, z):
    part = x * y
    return (part - 2.0 * z).sum(-1) + part[:, 0]


def written_before_the_sum(x, y, z):
    x = x + y
    value = 3.0 * (x * y) - (z + 1.0)
    x[1:] = y[1:]
    return value.sum(-1) + x.sum(1)


def not_the_last_axis(x, y, z):
    return (x * y + z).sum(0)


def with_a_row(x, y, z):
    return (0.5 - (x * y[0] - z * z[:, :1])).sum(-1)


SUMS = [
    with_a_constant_row,
    kl_like,
    twice_read,
    written_before_the_sum,
    not_the_last_axis,
    with_a_row,
]


def random_step(seed):
    """A step that moves ``a`` and ``b`` by whatever it has made of all its inputs."""

    def step(noise, more, rate, a, b):
        rng = np.random.default_rng(seed)
        made = [noise, more, a.copy(), b.copy()]
        for _ in range(rng.integers(4, 25)):
            late = len(made) - np.minimum(rng.geometric(0.3, 3), len(made))
            i, j, k = np.where(rng.random(3) < 0.7, late, rng.integers(0, len(made), 3))
            kind = rng.integers(0, 13)
            if kind < 3:
                new = UNARY[rng.integers(len(UNARY))](made[i])
            elif kind < 7:
                new = BINARY[rng.integers(len(BINARY))](made[i], made[j])
            elif kind < 9:
                new = made[i] * made[j] * made[k]
            elif kind < 10:
                new = (rate * (made[i] * made[j])[None]).sum(0)
            elif kind == 10:
                new = made[i] * made[j] - rate * made[k]
            else:  # a part is written over
                new = made[max(i, 2)]
                new[1:] = made[j][1:] * 0.5 if kind == 11 else made[j][:-1]
                continue
            bounded = np.minimum(np.maximum(new, -2.0), 2.0)
            made.append(new if rng.random() < 0.6 else bounded)
        odd = SUMS[rng.integers(len(SUMS))](made[-1], made[-2], noise)
        x, y, z = (made[i] for i in rng.integers(2, len(made), 3))
        MOVES[rng.integers(len(MOVES))](a, b, x, y, rate)
        kept = made[-1] * made[-2]
        rest = (kept - noise).sum(-1)
        return {"sum": odd, "z": z, "product": z * made[-1], "kept": kept, "rest": rest}

    return step


def inputs(rng, dtype):
    arrays = {name: rng.uniform(-1, 1, SHAPE).astype(dtype) for name in NAMES}
    return arrays | {"rate": np.array(rng.uniform(0.1, 1.0), dtype)}


def close(got, want, dtype):
    tolerance = 1e-4 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


class Replayed:
    """A program that carries out the rows of a step one by one."""

    def __init__(self, step, first, state):
        self.rows, self.program = first, Program(step, first | state, state)

    def __call__(self, rows):
        for row in rows:
            for key, array in self.rows.items():
                array[...] = row[key]
            self.program()
            yield {key: array.copy() for key, array in self.program.outputs.items()}


class InARow:
    """The same by a program of rows."""

    def __init__(self, step, first, state):
        self.made = Scan(step, first, state)

    def __call__(self, rows):
        for k, row in enumerate(rows):
            for key, value in row.items():
                self.made.inputs[key][k] = value
        self.made(len(rows))
        for k in range(len(rows)):
            yield {key: array[k] for key, array in self.made.outputs.items()}


@pytest.mark.parametrize("way", [Replayed, InARow])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@few(25, 300)
def test_steps_are_what_they_were(seeds, dtype, way):
    for seed in seeds:
        check_step(seed, dtype, way)


@np.errstate(all="ignore")  # rows that are not asked for hold anything
def check_step(seed, dtype, way):
    """Outputs and state after each of three steps, from another state than recorded."""
    rng, step = np.random.default_rng(seed), random_step(seed)
    rows = [inputs(rng, dtype) for _ in range(4)]
    first, *states = [{name: row.pop(name) for name in "ab"} for row in rows]
    made = way(step, rows.pop(), first)
    direct = states[0]
    for name, array in direct.items():
        first[name][...] = array
    for row, outputs in zip(rows, made(rows), strict=True):
        for key, value in step(**row, **direct).items():
            close(outputs[key], value, dtype)
    for name, array in direct.items():
        close(first[name], array, dtype)


@pytest.mark.optional
@pytest.mark.parametrize("way", [Replayed, InARow])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@few(10, 100)
def test_large_steps_are_what_they_were(seeds, dtype, way, monkeypatch):
    """Large results are not computed while they are recorded."""
    monkeypatch.setattr(tape, "LARGE", 2)
    for seed in seeds:
        check_step(seed, dtype, way)


def names_of(step, state, **rows):
    """What is left of a step: names of the calls that move the state."""
    arrays = {key: np.array(v, np.float32) for key, v in (rows | state).items()}
    steps, _, _ = record(step, arrays, state)
    return [
        s.function.__name__ if callable(s.function) else s.function[0].__name__
        for s in steps
    ]


def test_a_state_that_is_summed_is_moved_all_the_same():
    def step(x, rate, a, b):
        np.multiply(x, 2.0, out=a)
        b += rate * x
        return {"sums": (a - x).sum() + b.sum()}

    names = ("x", "a", "b")
    arrays = {name: np.ones(4, np.float32) for name in names}
    arrays["rate"] = np.array(0.5, np.float32)
    made = Program(step, arrays, "ab")
    for array in arrays.values():
        array[...] = 3.0
    made()
    assert made.outputs["sums"] == 4 * (6.0 - 3.0) + 4 * 12.0
    np.testing.assert_array_equal([arrays["a"], arrays["b"]], [[6.0] * 4, [12.0] * 4])


def test_moments_are_two_calls_of_blas():
    def step(g, m):
        np.add(0.9 * m, g, out=m)
        return {}

    x = np.ones(4)
    assert names_of(step, {"m": x}, g=x) == [multiply_and_add.__name__]


def test_a_descent_is_one_call_of_blas():
    def step(g, lr, theta):
        theta -= lr * g
        return {}

    x = np.ones(4)
    want = ["negative", add_multiple.__name__]
    assert names_of(step, {"theta": x}, g=x, lr=0.1) == want


def test_a_product_made_before_is_used_again():
    def step(eps, mu, rho):
        sigma = np.exp(rho)
        w = mu + sigma * eps
        g = np.tanh(w)
        rho -= (g * eps) * sigma
        return {}

    x = np.ones(4)
    names = names_of(step, {"mu": x, "rho": x}, eps=x)
    assert names == ["exp", "multiply", "add", "tanh", "multiply", "subtract"]


def test_few_logits_are_one_call():
    def step(a):
        a -= sigmoid(a)
        return {}

    assert names_of(step, {"a": np.ones(4)}) == ["expit", "subtract"]
    assert "expit" not in names_of(step, {"a": np.ones(4000)})


SHARED = {  # a product, how many of its S factors' rows must be copied, and the result
    "forward": (lambda A, W, G: W @ A, ["dot"]),
    "scattered": (lambda A, W, G: W[:, ::2] @ A, ["copyto", "dot"]),
    "gradient": (lambda A, W, G: A @ G.swapaxes(1, 2), ["dot", "copyto"]),
    "both": (lambda A, W, G: A @ G[:, ::2].swapaxes(1, 2), ["copyto", "dot", "copyto"]),
}


@pytest.mark.parametrize("name", SHARED)
def test_products_with_one_shared_factor_are_one_product(name):
    """Rows are copied where they lie scattered, the result where it does."""
    product, calls = SHARED[name]
    rng = np.random.default_rng(0)
    shapes = {"A": (3, 20), "W": (5, 4, 3), "G": (5, 4, 20)}
    arrays = {k: rng.normal(size=n).astype(np.float32) for k, n in shapes.items()}
    made = Program(lambda A, W, G: {"y": product(A, W, G)}, arrays)
    assert [f.__name__ for f, _ in made.calls] == calls
    for array in arrays.values():
        array[...] = rng.normal(size=array.shape)
    made()
    np.testing.assert_allclose(
        made.outputs["y"], product(**arrays), rtol=1e-4, atol=1e-5
    )
