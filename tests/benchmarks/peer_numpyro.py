"""Draws from a posterior side by side: our ``hmc`` and NumPyro's NUTS.

    python tests/benchmarks/peer_numpyro.py [--ess 400] [--rows 1525] [--seed 0]

The rupture network (8-12-1, ReLU, Bernoulli, N(0, 1)) on the generated stand-in. Both
start four chains at the same new networks, warm up for 600 draws (--warmup) and draw until
the slowest logit over the training rows is worth --ess independent draws at an R-hat of
at most 1.02: one rule and one estimator, ours, for both. NUTS as it comes: float32,
diagonal mass, acceptance 0.8, tree depth 10; chains in turn or, with --vectorized, as one
batch. CPU seconds of one core; of NumPyro neither compilation nor the rule, of ours all.
"""

import argparse
import os
import platform
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import jax  # noqa: E402  (threads are set before)
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from numpyro.infer import NUTS  # noqa: E402

import minibnn as mb  # noqa: E402
from minibnn.mcmc import enough  # noqa: E402

D, H = 8, 12


def potential(X, y):
    """Minus the log joint of flat weights in minibnn's order."""

    def f(w):
        W, b = w[: D * H].reshape(D, H), w[D * H : D * H + H]
        v, c = w[D * H + H : -1], w[-1]
        logit = jax.nn.relu(X @ W + b) @ v + c
        return (jax.nn.softplus(logit) - y * logit).sum() + 0.5 * (w * w).sum()

    return f


def timed(steps, states, seconds):
    """The next state of every chain; the CPU time goes into ``seconds``."""
    begin = time.process_time()
    states = [jax.block_until_ready(steps(state)) for state in states]
    seconds.append(time.process_time() - begin)
    return states


def theirs(model, X, y, start, options):
    """(warm-up seconds, drawing seconds, draws, gradients, slowest ESS, R-hat)."""
    data = jnp.asarray(X, jnp.float32), jnp.asarray(y, jnp.float32)
    kernel = NUTS(potential_fn=potential(*data), max_tree_depth=10)
    keys = jax.random.split(jax.random.PRNGKey(options.seed), len(start))
    start = jnp.asarray(start, jnp.float32)
    if options.vectorized:
        states = [kernel.init(keys, options.warmup, start, (), {})]
        steps = jax.jit(jax.vmap(lambda s: kernel.sample(s, (), {})))
    else:
        states = [
            kernel.init(key, options.warmup, w, (), {})
            for key, w in zip(keys, start, strict=True)
        ]
        steps = jax.jit(lambda s: kernel.sample(s, (), {}))
    jax.block_until_ready(steps(states[0]))  # compiles
    warm, drawing, draws, gradients = [], [], [], 0
    for _ in range(options.warmup):
        states = timed(steps, states, warm)
    print(f"NumPyro: warm-up {sum(warm):.1f} s", file=sys.stderr, flush=True)
    rule = enough.Enough(model, model.features(X), True)
    for _ in range(options.most):
        states = timed(steps, states, drawing)
        draws.append(np.concatenate([np.atleast_2d(s.z) for s in states]).astype(float))
        gradients += np.mean([np.mean(s.num_steps) for s in states])
        if rule(draws, options.most):
            break
    found = rule.slowest(np.stack(draws, 1))
    return sum(warm), sum(drawing), len(draws), gradients, *found


def ours(model, X, y, start, options):
    """The same of ``mb.hmc``; its phases are not told apart."""
    begin = time.process_time()
    chains = mb.hmc(model, X, y, rng=options.seed, init=start, n_warmup=options.warmup)
    seconds = time.process_time() - begin
    n, gradients = chains.weights.shape[1], chains.stats["n_steps"][0].sum()
    found = chains.ess(X).min(), chains.r_hat(X).max()
    return 0.0, seconds, n, gradients, *found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ess", type=int, default=400)
    parser.add_argument("--rows", type=int, default=1525)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--warmup", type=int, default=600)
    parser.add_argument("--most", type=int, default=3000)
    parser.add_argument("--vectorized", action="store_true")
    options = parser.parse_args()
    enough.ESS = options.ess
    data = mb.datasets.rupture(rng=0).standardised()
    X, y = data.X[: options.rows], data.y[: options.rows]
    model = mb.Model(mb.MLP([D, H, 1]), mb.Bernoulli(), mb.GaussianPrior(0.0, 1.0))
    rng = np.random.default_rng(options.seed)
    start = np.stack([model.initial_weights(rng) for _ in range(4)])
    rows = []
    for name, run in (("minibnn", ours), ("NumPyro", theirs)):
        warm, drawing, n, gradients, ess, r_hat = run(model, X, y, start, options)
        rows.append(ess / (warm + drawing))
        print(
            f"{name}: {warm + drawing:.1f} CPU s ({drawing:.1f} drawing), 4 x {n} draws, "
            f"{gradients / n:.0f} gradients a draw, slowest ESS {ess:.0f}, R-hat "
            f"{r_hat:.3f}: {rows[-1]:.2f} effective draws a CPU second",
            flush=True,
        )
    print(f"minibnn / NumPyro: {rows[0] / rows[1]:.1f}")
    print(f"Python {platform.python_version()}, numpy {np.__version__}, "
          f"jax {jax.__version__}, {platform.machine()}")  # fmt: skip


if __name__ == "__main__":
    main()
