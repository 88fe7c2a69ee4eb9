"""The workloads everybody is timed on: data, network, sizes."""

from dataclasses import dataclass
from functools import cache

import numpy as np


@dataclass(frozen=True)
class Workload:
    """One training step: a full gradient of the ELBO by sampling, and Adam."""

    name: str
    sizes: tuple
    activation: str
    likelihood: str
    n_rows: int
    batch: int | None = None
    samples: int = 1
    local: bool = False
    replicas: int | None = None
    steps: int = 200

    @property
    def rows(self):
        """Rows of one step."""
        return self.batch or self.n_rows

    @property
    def n_weights(self):
        """Weights and biases."""
        pairs = zip(self.sizes[:-1], self.sizes[1:], strict=True)
        return sum((d + 1) * h for d, h in pairs)

    def line(self):
        """The workload in words."""
        layers = "-".join(map(str, self.sizes))
        rows = (
            f"batch {self.batch} of {self.n_rows}"
            if self.batch
            else f"{self.n_rows} rows"
        )
        more = [f"S={self.samples}"]
        more += ["local reparameterization"] * self.local
        more += [f"{self.replicas} replicas"] if self.replicas else []
        return (
            f"{self.name:4} {layers} {self.activation}, {self.likelihood}, {rows}, "
            + ", ".join(more)
        )

    @cache  # noqa: B019  (a handful of workloads)
    def data(self):
        """Float32 inputs and targets; made once, not loaded."""
        rng = np.random.default_rng(0)
        X = rng.normal(size=(self.n_rows, self.sizes[0])).astype(np.float32)
        if self.likelihood == "categorical":
            return X, rng.integers(0, self.sizes[-1], self.n_rows)
        if self.likelihood == "bernoulli":
            return X, (rng.random(self.n_rows) < 0.4).astype(np.float32)
        return X, rng.normal(size=self.n_rows).astype(np.float32)


RUPTURE = {"sizes": (8, 12, 1), "activation": "relu", "likelihood": "bernoulli"}
IMAGES = {
    "sizes": (784, 400, 400, 10),
    "activation": "relu",
    "likelihood": "categorical",
    "n_rows": 5000,
    "batch": 128,
    "steps": 20,
}
TRAINING = [
    Workload("W1a", **RUPTURE, n_rows=1600, steps=1000),
    Workload("W1b", **RUPTURE, n_rows=1600, batch=32, steps=3000),
    Workload("W1c", **RUPTURE, n_rows=1600, samples=10, steps=200),
    Workload("W2", (1, 50, 50, 1), "tanh", "gaussian", 100, samples=10, steps=200),
    Workload("W3", **IMAGES),
    Workload("W3L", **IMAGES, local=True),
    Workload("R64", **RUPTURE, n_rows=1600, batch=32, replicas=64, steps=200),
]
PREDICTION = [
    Workload("P1", **RUPTURE, n_rows=400, samples=1000, steps=1),
    Workload("P3", **IMAGES | {"n_rows": 1000, "batch": None, "steps": 1}, samples=100),
]
