"""Random streams: one seed, five named children; and standard normals for training."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minibnn.types import Array, Rng
from minibnn.validation.arguments import as_rng
from minibnn.validation.own import kept

NAMES = ("init", "batches", "noise", "validation", "prediction")  # the documented order


def seed_sequence(rng: Rng) -> np.random.SeedSequence:
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

    init: np.random.Generator
    batches: np.random.Generator
    noise: np.random.Generator
    validation: np.random.Generator
    prediction: np.random.Generator

    def __init__(self, seed: Rng) -> None:
        self.seed = seed_sequence(seed)
        for name, child in zip(NAMES, self.seed.spawn(len(NAMES)), strict=True):
            setattr(self, name, np.random.default_rng(child))
        self.prediction_seed = self.child("prediction")
        self.judge_seed = self.child("validation", 0)  # states are judged on this noise

    def child(self, name: str, *further: int) -> np.random.SeedSequence:
        """The seed of a named stream, or of one that springs from it and moves none."""
        key = (*self.seed.spawn_key, NAMES.index(name), *further)
        return np.random.SeedSequence(self.seed.entropy, spawn_key=key)

    def state(self) -> dict[str, Any]:
        """Where every stream stands, as plain dicts."""
        return {name: getattr(self, name).bit_generator.state for name in NAMES}

    def restore(self, state: dict[str, Any]) -> None:
        """Put every stream back to where ``state`` says."""
        for name in NAMES:
            getattr(self, name).bit_generator.state = state[name]


def run_seeds(rng: Rng, count: int) -> list[np.random.SeedSequence]:
    """One seed per restart or replica; the first is that of a single run."""
    return seed_sequence(rng).spawn(count)


BLOCK = 2**15  # normals made at a time; smaller blocks are slower
_UNIT = np.float32(2.0**-32)  # a 32-bit word as a fraction
_TURN = np.float32(np.pi * 2.0**-31)  # a signed 32-bit word as an angle


def box_muller(bit_generator, out):
    """Fill ``out`` (float32, even length) with standard normals.

    With u uniform in (0, 1) and an angle a uniform in (-pi, pi), r = sqrt(-2 log u) has
    the length of a pair of independent normals, (r cos a, r sin a). Words of 32 bits end
    the tails at 6.8 standard deviations, which one number in 10^11 would pass.
    Source.  Box & Muller 1958.
    """
    half = out.size // 2
    first, second, radius = out[:half], out[half:], np.empty(half, np.float32)
    words = bit_generator.random_raw(half).view(np.uint32)
    np.copyto(radius, words[:half], "unsafe")
    np.copyto(second, words[half:].view(np.int32), "unsafe")
    radius *= _UNIT
    radius += np.float32(2.0**-33)  # never 0
    np.log(radius, out=radius)
    radius *= np.float32(-2.0)
    np.sqrt(radius, out=radius)
    second *= _TURN  # the angle
    np.cos(second, out=first)
    np.sin(second, out=second)
    first *= radius
    second *= radius


class Normals:
    """An endless row of standard normals, dealt in order from blocks of fixed size.

    How many are taken at a time changes nothing about the numbers.
    """

    def __init__(self, generator: np.random.Generator, dtype: DTypeLike) -> None:
        self.generator, self.dtype = generator, np.dtype(dtype)
        self.block, self.cursor = np.empty(BLOCK, self.dtype), BLOCK  # used up
        self.before = None  # the generator when this block was made

    def fill(self, out: Array) -> None:
        """Write the next ``out.size`` numbers into an array."""
        end = self.cursor + out.size
        if end <= BLOCK:
            out[...] = self.block[self.cursor : end].reshape(out.shape)
            self.cursor = end
            return
        row = (
            out.reshape(-1)
            if out.flags.c_contiguous
            else np.empty(out.size, self.dtype)
        )
        self._fill_long(row)
        if not np.may_share_memory(row, out):
            out[...] = row.reshape(out.shape)

    def _fill_long(self, row):
        """Finish this block, make whole ones in place, begin another."""
        done = 0
        while done < row.size:
            left = row.size - done
            if self.cursor == BLOCK and left >= BLOCK:
                self._make(row[done : done + BLOCK])
                done += BLOCK
                continue
            if self.cursor == BLOCK:
                self._next_block()
            count = min(BLOCK - self.cursor, left)
            row[done : done + count] = self.block[self.cursor : self.cursor + count]
            self.cursor, done = self.cursor + count, done + count

    def _next_block(self):
        self.before, self.cursor = self.generator.bit_generator.state, 0
        self._make(self.block)

    def _make(self, out):
        if self.dtype == np.float32:
            box_muller(self.generator.bit_generator, out)
        else:
            self.generator.standard_normal(out=out)

    def state(self) -> dict[str, Any]:
        """Where the row stands: the generator before its block, and the place in it.

        A block used up to its end is over: the next one begins at the generator as it is.
        """
        used_up = self.cursor == BLOCK
        before = self.generator.bit_generator.state if used_up else self.before
        return {"before": before, "cursor": self.cursor}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from where ``state`` says."""
        self.generator.bit_generator.state = state["before"]
        if state["cursor"] < BLOCK:
            self._next_block()
        self.cursor = state["cursor"]


class SideBySide:
    """The rows of R replicas, read in step: one copy from all their blocks."""

    def __init__(self, rows: list[Normals]) -> None:
        self.rows = rows
        self.blocks = np.stack([normals.block for normals in rows])
        for normals, block in zip(rows, self.blocks, strict=True):
            normals.block = block

    def fill(self, out: Array) -> None:
        """Write the next numbers of every replica into out (R, ...)."""
        start, end = self.rows[0].cursor, self.rows[0].cursor + out[0].size
        if end > BLOCK:
            for normals, own in zip(self.rows, out, strict=True):
                normals.fill(own)
            return
        out[...] = self.blocks[:, start:end].reshape(out.shape)
        for normals in self.rows:
            normals.cursor = end
