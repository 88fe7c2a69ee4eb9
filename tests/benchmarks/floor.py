"""What any NumPy program has to pay: matrix products, noise, Adam's passes."""

import time

import numpy as np

from minibnn.rng import Normals


def train(work):
    """run() -> seconds a step of bare products, noise and twelve passes of Adam."""
    R, S, B = work.replicas or 1, work.samples, work.rows
    products, twice = [], 2 if work.local else 1
    for i, (d, h) in enumerate(zip(work.sizes[:-1], work.sizes[1:], strict=True)):
        W, A, Z = (ones(R * S, *shape) for shape in ((h, d + 1), (d + 1, B), (h, B)))
        products += [(W, A, ones(R * S, h, B))] * twice  # forward
        products += [(A, Z.swapaxes(1, 2), ones(R * S, d + 1, h))] * twice
        if i:
            products += [(W.swapaxes(1, 2), Z, ones(R * S, d + 1, B))] * twice
    units = sum(work.sizes[1:]) * B if work.local else work.n_weights
    noise = np.empty((R, S, units), np.float32)
    normals = Normals(np.random.default_rng(0), np.float32)
    theta, g, m, v, t = (np.ones((R, 2 * work.n_weights), np.float32) for _ in range(5))

    def step():
        for a, b, out in products:
            np.matmul(a, b, out=out)
        normals.fill(noise)
        adam(theta, g, m, v, t)

    return lambda: timed(step, work.steps)


def adam(theta, g, m, v, t):
    np.multiply(m, 0.9, out=m)
    np.multiply(g, 0.1, out=t)
    np.add(m, t, out=m)
    np.multiply(g, g, out=t)
    np.multiply(t, 0.001, out=t)
    np.multiply(v, 0.999, out=v)
    np.add(v, t, out=v)
    np.sqrt(v, out=t)
    np.add(t, 1e-8, out=t)
    np.divide(m, t, out=t)
    np.multiply(t, 1e-3, out=t)
    np.subtract(theta, t, out=theta)


def predict(work):
    """run() -> seconds of one sample's products, as often as there are samples."""
    pairs = list(zip(work.sizes[:-1], work.sizes[1:], strict=True))
    arrays = [
        (ones(h, d + 1), ones(d + 1, work.n_rows), ones(h, work.n_rows))
        for d, h in pairs
    ]

    def step():
        for _ in range(work.samples):
            for W, A, out in arrays:
                np.matmul(W, A, out=out)

    return lambda: timed(step, 1)


def ones(*shape):
    return np.ones(shape, np.float32)


def timed(step, count):
    begin = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - begin) / count
