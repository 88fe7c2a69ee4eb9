"""A pytest plugin that gives every seed in the tests another meaning.

``MINIBNN_RESEED=7 PYTHONPATH=tests python -m pytest -p reseed tests/mcmc/test_hmc.py`` runs
statistical tests with other random numbers throughout: where a test or the package asks
for seed n, it gets the seed (7, n).
"""

import os

import numpy as np

WORLD = int(os.environ.get("MINIBNN_RESEED", "0"))
REAL_RNG, REAL_SEQUENCE = np.random.default_rng, np.random.SeedSequence


class Reseeded(REAL_SEQUENCE):
    """A SeedSequence in this world; what it spawns stays in it."""

    def __init__(self, entropy=None, **kwargs):
        if entropy is not None and not kwargs.get("spawn_key"):
            entropy = [WORLD, *np.atleast_1d(entropy).tolist()]
        super().__init__(entropy, **kwargs)


def default_rng(seed=None):
    """A Generator in this world, unless one is given."""
    if isinstance(seed, int | np.integer) or (
        isinstance(seed, list | tuple) and not isinstance(seed, bool)
    ):
        return REAL_RNG(Reseeded(seed))
    return REAL_RNG(seed)


if WORLD:
    np.random.default_rng, np.random.SeedSequence = default_rng, Reseeded
