"""Random streams: one seed, five named children, always in the same order.

A stream of its own for every purpose means that changing the batch size leaves the
initial weights alone, and that predicting never moves the training noise.
"""

import numpy as np

from minibnn.kernels.keep import kept
from minibnn.kernels.validate import as_rng

NAMES = ("init", "batches", "noise", "validation", "prediction")  # the documented order


def seed_sequence(rng):
    """Turn None, an int, a SeedSequence or a Generator into a SeedSequence.

    A Generator gives 128 bits once (it advances); a SeedSequence is copied, so that
    equal arguments give equal runs.
    """
    if isinstance(rng, np.random.SeedSequence):
        return np.random.SeedSequence(kept(rng.entropy), spawn_key=rng.spawn_key)
    if rng is None:
        return np.random.SeedSequence()
    generator = as_rng(rng)
    if isinstance(rng, np.random.Generator | np.random.BitGenerator):
        return np.random.SeedSequence(generator.integers(0, 2**32, 4).tolist())
    return np.random.SeedSequence(kept(rng))


class Streams:
    """The named streams of one run: ``streams.noise`` is a Generator, and so on.

    The seed is copied, not used up: a run may be begun anew.
    """

    def __init__(self, seed):
        self.seed = seed_sequence(seed)
        for name, child in zip(NAMES, self.seed.spawn(len(NAMES)), strict=True):
            setattr(self, name, np.random.default_rng(child))
        self.prediction_seed = self.child("prediction")
        self.judge_seed = self.child("validation", 0)  # states are judged on this noise

    def child(self, name, *further):
        """The seed of a named stream, or of one that springs from it and moves none."""
        key = (*self.seed.spawn_key, NAMES.index(name), *further)
        return np.random.SeedSequence(self.seed.entropy, spawn_key=key)

    def state(self):
        """Where every stream stands, as plain dicts."""
        return {name: getattr(self, name).bit_generator.state for name in NAMES}

    def restore(self, state):
        """Put every stream back to where ``state`` says."""
        for name in NAMES:
            getattr(self, name).bit_generator.state = state[name]


def run_seeds(rng, count):
    """One seed per restart or replica; the first is that of a single run."""
    return seed_sequence(rng).spawn(count)
