"""The same steps in JAX, compiled: a scan with its noise drawn ahead, or a jitted step."""

import time

import jax
import jax.numpy as jnp
import numpy as np


def unpack(work, w):
    layers, start = [], 0
    for d, h in zip(work.sizes[:-1], work.sizes[1:], strict=True):
        layers.append(
            w[..., start : start + (d + 1) * h].reshape((*w.shape[:-1], d + 1, h))
        )
        start += (d + 1) * h
    return layers


def dense(A, W):
    return A @ W[..., :-1, :] + W[..., -1:, :]


def activation(work, Z):
    return jnp.tanh(Z) if work.activation == "tanh" else jax.nn.relu(Z)


def nll(work, F, y):
    if work.likelihood == "categorical":
        picked = jnp.take_along_axis(jax.nn.log_softmax(F), y[..., None, :, None], -1)
        return -picked.sum((-1, -2))
    if work.likelihood == "bernoulli":
        logit = F[..., 0]
        return (jax.nn.softplus(logit) - y * logit).sum(-1)
    return 0.5 * (((F[..., 0] - y) / 0.1) ** 2).sum(-1)


def loss(work, theta, eps, X, y):
    mu, rho = jnp.split(theta, 2)
    sigma = jnp.exp(rho)
    if work.local:
        A, used = X, 0
        means, variances = unpack(work, mu), unpack(work, sigma**2)
        for i, (M, V) in enumerate(zip(means, variances, strict=True)):
            size = M.shape[-1] * X.shape[0]
            noise = eps[:, used : used + size].reshape(-1, X.shape[0], M.shape[-1])
            used += size
            A = dense(A, M) + jnp.sqrt(dense(A**2, V)) * noise
            A = activation(work, A) if i < len(means) - 1 else A
    else:
        layers, A = unpack(work, mu + sigma * eps), X
        for i, W in enumerate(layers):
            A = dense(A, W)
            A = activation(work, A) if i < len(layers) - 1 else A
    kl = 0.5 * (mu**2 + sigma**2 - 1.0 - 2.0 * rho).sum()
    return work.n_rows / X.shape[0] * nll(work, A, y).mean() + kl


def adam(theta, m, v, t, g):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    scale = jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return theta - 1e-3 * scale * m / (jnp.sqrt(v) + 1e-8), m, v


def replicas_drawing_inside(work):
    """run() -> seconds a step of replicas; None for a single chain."""
    return train(work, inside=True) if work.replicas else None


def train(work, inside=False):
    """run() -> seconds a step; ``inside``: noise is drawn step by step."""
    X, y = (jnp.asarray(a) for a in work.data())
    P, S, B = work.n_weights, work.samples, work.rows
    size = B * sum(work.sizes[1:]) if work.local else P
    ahead = 128 if size * S < 1e5 else 1

    def step(state, inputs):
        (theta, m, v, t), (eps, rows) = state, inputs
        batch = (X, y) if work.batch is None else (X[rows], y[rows])
        value, g = jax.value_and_grad(lambda th: loss(work, th, eps, *batch))(theta)
        return (*adam(theta, m, v, t, g), t + 1), value

    def draw(key, count):
        a, b = jax.random.split(key)
        eps = jax.random.normal(a, (*count, S, size))
        return eps, jax.random.randint(b, (*count, B), 0, work.n_rows)

    def chunk(state, key):
        if not inside:
            return jax.lax.scan(step, state, draw(key, (ahead,)))
        keys = jax.random.split(key, ahead)
        return jax.lax.scan(lambda s, k: step(s, draw(k, ())), state, keys)

    many = chunk if work.replicas is None else jax.vmap(chunk)
    compiled, count = jax.jit(many), max(1, work.steps // ahead)
    theta = jnp.concatenate([jnp.full(P, 0.1), jnp.full(P, -3.0)])
    state = (theta, jnp.zeros(2 * P), jnp.zeros(2 * P), jnp.ones(()))
    keys = jax.random.split(jax.random.PRNGKey(0), 3 * count)
    if work.replicas:
        state = tuple(jnp.broadcast_to(a, (work.replicas, *a.shape)) for a in state)
        keys = [jax.random.split(key, work.replicas) for key in keys]
    jax.block_until_ready(compiled(state, keys[0]))

    def run():
        now, begin = state, time.perf_counter()
        for key in keys[:count]:
            now, values = compiled(now, key)
            np.asarray(values)
        jax.block_until_ready(now)
        return (time.perf_counter() - begin) / (count * ahead)

    return run


def predict(work):
    """run() -> seconds for the predictive mean: a scan over weight samples."""
    X, P = jnp.asarray(work.data()[0]), work.n_weights
    link = jax.nn.softmax if work.likelihood == "categorical" else jax.nn.sigmoid

    def one(total, key):
        A, layers = X, unpack(work, 0.1 + 0.05 * jax.random.normal(key, (P,)))
        for i, W in enumerate(layers):
            A = dense(A, W)
            A = activation(work, A) if i < len(layers) - 1 else A
        return total + link(A), None

    keys = jax.random.split(jax.random.PRNGKey(0), work.samples)
    start = jnp.zeros((work.n_rows, work.sizes[-1]))
    compiled = jax.jit(lambda keys: jax.lax.scan(one, start, keys)[0] / work.samples)
    compiled(keys).block_until_ready()

    def run():
        begin = time.perf_counter()
        compiled(keys).block_until_ready()
        return time.perf_counter() - begin

    return run
