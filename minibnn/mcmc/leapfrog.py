"""Hamiltonian dynamics: the leapfrog step and one Metropolis transition of all chains.

Chains stand along the sample axis of the network, so they advance as one batch: the
same number of steps for all, a step size and scales of its own for each.
"""

from typing import NamedTuple

import numpy as np

from minibnn.equations import equation
from minibnn.types import Array, FloatArray

DIVERGED = 1000.0  # nats of energy error that no sensible trajectory makes


class State(NamedTuple):
    """Where the chains are: weights (C, P), log joint (C,), its gradient (C, P)."""

    w: FloatArray
    log_joint: FloatArray
    gradient: FloatArray


class Move(NamedTuple):
    """What a transition did, one value per chain."""

    accept: FloatArray  # probability with which the proposal was accepted
    diverged: Array  # whether its energy error passed all bounds
    energy: FloatArray  # Hamiltonian of the state it left behind


@equation("E94")
def leapfrog(log_density, w, p, g, step, scale, n_steps):
    """Follow Hamilton's equations for ``n_steps`` leapfrog steps.

    (E94)  p ← p + ε/2 s ∘ ∇ℓ(w),   w ← w + ε s ∘ p,   p ← p + ε/2 s ∘ ∇ℓ(w)
    Derivation.  With u = w/s and H = -ℓ + |p|²/2, Hamilton's equations are
        du/dt = p, dp/dt = s ∘ ∇ℓ(w): a diagonal mass 1/s². Each line moves one of w, p
        by a function of the other alone, so its Jacobian is unit triangular and volume
        is kept; with p → -p the three lines undo themselves in reverse order. A
        symmetric map has an even error expansion: ε³ a step, hence |ΔH| = O(ε²) over a
        fixed time. Neighbouring half steps of p are merged. The first two claims hold for
        any function of w in the place of ∇ℓ, rounded or not, if it is the same both ways.
    Source.  Neal 2011, MCMC using Hamiltonian dynamics, sec. 2.3.
    Shapes.  w, p, g (C, P), step (C, 1), scale (C, P) -> w, p, log density (C,), g
    ``log_density(w)`` gives the last two; one that has a ``force`` gives g alone by it.
    """
    drift, kick = step * scale, step * scale
    force = getattr(log_density, "force", lambda w: log_density(w)[1])
    w, p = w.copy(), p + 0.5 * kick * g
    for _ in range(n_steps - 1):
        w += drift * p
        p += kick * force(w)
    w += drift * p
    value, g = log_density(w)
    return w, p + 0.5 * kick * g, value, g


@np.errstate(all="ignore")  # a diverging trajectory overflows; it is counted
def transition(log_density, state, step, scale, n_steps, rng):
    """One HMC transition of every chain: fresh momentum, leapfrog, accept or stay."""
    p = rng.standard_normal(state.w.shape)
    old = 0.5 * (p * p).sum(1) - state.log_joint
    args = (state.w, p, state.gradient, step, scale, n_steps)
    w, p, value, g = leapfrog(log_density, *args)
    new = 0.5 * (p * p).sum(1) - value
    error = np.where(np.isfinite(new), new - old, np.inf)
    accept = np.exp(-np.maximum(error, 0))
    take = rng.random(len(accept)) < accept
    proposal = State(w, value, g)
    columns = (take[:, None], take, take[:, None])
    chosen = zip(columns, proposal, state, strict=True)
    after = State(*(np.where(*three) for three in chosen))
    return after, Move(accept, error > DIVERGED, np.where(take, new, old))
