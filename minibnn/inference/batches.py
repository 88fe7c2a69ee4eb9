"""Minibatches: every row once per epoch, in a fresh random order."""

import numpy as np


class Batches:
    """Deals the rows of a data set, shared by all replicas or one set for each.

    Rows are dealt without replacement from a permutation; the last batch of an epoch
    may be smaller, and the objective's N/B knows its true size.

    Parameters
    ----------
    A, y : arrays
        Features (N, D+1) or (R, N, D+1), and the targets that go with them.
    size : int or None
        B; None (or N and more) deals all rows in their own order.
    rngs : list of Generator
        One per replica; ``replicas`` says whether they are an axis of the batch.
    """

    def __init__(self, A, y, size, rngs, replicas):
        self.A, self.y, self.rngs, self.replicas = A, y, rngs, replicas
        self.own_data = A.ndim == 3
        self.n_rows = A.shape[-2]
        self.size = size if size and size < self.n_rows else None
        self.order, self.cursor = None, self.n_rows

    def next(self):
        """Features and targets of the next batch."""
        if self.size is None:
            return self.A, self.y
        if self.cursor >= self.n_rows:
            orders = [rng.permutation(self.n_rows) for rng in self.rngs]
            self.order, self.cursor = np.stack(orders), 0
        rows = self.order[:, self.cursor : self.cursor + self.size]
        self.cursor += self.size
        if self.own_data:
            rows = (np.arange(len(rows))[:, None], rows)
        elif not self.replicas:
            rows = rows[0]
        return self.A[rows], self.y[rows]

    def all_rows(self, replica):
        """The whole data set of one replica."""
        own = self.own_data and self.replicas  # not so for the tasks of a family
        return (self.A[replica], self.y[replica]) if own else (self.A, self.y)
