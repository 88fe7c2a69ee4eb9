"""Minibatches: every row once per epoch, in a fresh random order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minibnn.inputs import Inputs, own_rows, whole
from minibnn.types import Array, FloatArray, IntArray

SMALL = 2**20  # numbers; features of so many are made once, which gathers quicker


def held(A: Inputs, size: int | None) -> Any:
    """Inputs as features, where batches of ``size`` rows gain by it; else as they are."""
    return A if size and size < A.shape[-2] and A.size > SMALL else whole(A)


@dataclass
class Order:
    """The order in which rows are dealt, and the place in it.

    ``rngs`` has a Generator for each replica, ``rows`` (R, N) the numbers of the rows of
    this epoch. With ``cursor`` N all are dealt: the next batch begins another.
    """

    rngs: list[np.random.Generator]
    cursor: int
    rows: Any = None


class Batches:
    """Deals the rows of a data set, shared by all replicas or one set for each.

    Rows are dealt without replacement from a permutation; the last batch of an epoch
    may be smaller, and the objective's N/B knows its true size.

    Parameters
    ----------
    A, y : arrays
        Features (N, D+1) or (R, N, D+1), or the Inputs they are made from, and the targets
        that go with them. Of Inputs a batch is made into features at a time.
    size : int or None
        B; None (or N and more) deals all rows in their own order.
    order : Order
        Moved on by every batch.
    replicas : bool
        Whether they are an axis of the batch.
    """

    def __init__(
        self, A: Any, y: Array, size: int | None, order: Order, replicas: bool
    ) -> None:
        self.A, self.y, self.order, self.replicas = A, y, order, replicas
        self.own_data = A.ndim == 3
        self.n_rows = A.shape[-2]
        self.size = size if size and size < self.n_rows else None

    def next(self) -> IntArray | None:
        """Rows (B,), or (R, B) for replicas, of the next batch; None means all rows."""
        if self.size is None:
            return None
        order = self.order
        if order.cursor >= self.n_rows:
            order.rows = np.stack([rng.permutation(self.n_rows) for rng in order.rngs])
            order.cursor = 0
        rows = order.rows[:, order.cursor : order.cursor + self.size]
        order.cursor += self.size
        return rows if self.replicas or self.own_data else rows[0]

    def ahead(self, most: int) -> tuple[int, int]:
        """(B, n): the size of the next batches, and how many in a row have it."""
        if self.size is None:
            return self.n_rows, most
        left = max(0, self.n_rows - self.order.cursor) or self.n_rows
        if left < self.size:
            return left, 1
        whole = self.n_rows % self.size == 0  # then the next epoch goes on alike
        return self.size, most if whole else min(most, left // self.size)

    def next_rows(self, n: int) -> IntArray | None:
        """Rows (n, B) or (n, R, B) of the next n batches, of equal size; None: all."""
        if self.size is None:
            return None
        order, found, shared = self.order, [], not (self.replicas or self.own_data)
        while n:
            first: Any = self.next()  # a new order, where the last one has been dealt
            left = max(0, self.n_rows - order.cursor)
            more = min(n - 1, left // self.size)
            start, order.cursor = order.cursor, order.cursor + more * self.size
            shape = len(order.rngs), more, first.shape[-1]
            rows = order.rows[:, start : order.cursor].reshape(shape)
            found += [first[None], rows[0] if shared else rows.swapaxes(0, 1)]
            n -= 1 + more
        return np.concatenate(found)

    def buffers(self, size: int) -> tuple[FloatArray, Array]:
        """Empty arrays for the features and targets of ``size`` rows."""
        lead = (len(self.order.rngs),) if self.replicas or self.own_data else ()
        width, depth = self.A.shape[-1], self.A.ndim - 1
        A = np.empty((*lead, size, width), self.A.dtype)
        return A, np.empty((*lead, size, *self.y.shape[depth:]), self.y.dtype)

    def gather(self, rows: IntArray, A: FloatArray, y: Array) -> None:
        """Copy rows of the data into A and y."""
        if isinstance(self.A, Inputs):
            self.A.gather(rows, A)
            y[...] = self.y[own_rows(self.A.X, rows)]
            return
        flat_A, flat_y = self.A, self.y
        if self.own_data:
            flat_A = flat_A.reshape(-1, flat_A.shape[-1])
            flat_y = flat_y.reshape(-1, *flat_y.shape[2:])
            rows = rows + self.n_rows * np.arange(rows.shape[-2])[:, None]
        # "clip" lets NumPy write into A at once; rows are never out of range
        np.take(flat_A, rows, axis=0, out=A, mode="clip")
        np.take(flat_y, rows, axis=0, out=y, mode="clip")

    def other_rows(self, size: int, y: Array) -> tuple[FloatArray, Array]:
        """A batch unlike one with targets y: the largest targets, or the smallest."""
        return max(self.extremes(size), key=lambda b: np.count_nonzero(b[1] != y))

    def extremes(self, size: int) -> list[tuple[FloatArray, Array]]:
        """The batches (A, y) with the largest and with the smallest targets."""
        lead = (len(self.order.rngs),) if self.replicas or self.own_data else ()
        targets = self.y[0] if self.own_data else self.y
        targets, n = targets.reshape(self.n_rows, -1)[:, 0], self.n_rows
        order = np.argpartition(targets, (size - 1, n - size))
        found = []
        for rows in (order[-size:], order[:size]):
            found.append(self.buffers(size))
            self.gather(np.broadcast_to(rows, (*lead, size)), *found[-1])
        return found
