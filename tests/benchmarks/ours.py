"""minibnn through its public door: ``fit`` and ``predict``."""

import time

import minibnn as mb

WARM = 64  # steps; those of a stretch are asked about together, at its end


class Clock:
    """A stopping rule that never stops and writes down when it was asked."""

    def __init__(self):
        self.times = []

    def __call__(self, history):
        self.times.append(time.perf_counter())
        return False


def model_of(work):
    likelihood = {
        "bernoulli": mb.Bernoulli,
        "gaussian": lambda: mb.Gaussian(0.1),
        "categorical": lambda: mb.Categorical(work.sizes[-1]),
    }[work.likelihood]()
    net = mb.MLP(work.sizes, activation=work.activation)
    return mb.Model(net, likelihood, mb.GaussianPrior(0.0, 1.0))


def fit(work, **options):
    X, y = work.data()
    return mb.fit(
        model_of(work),
        mb.MeanField("exp"),
        X,
        y,
        rng=0,
        start=None,
        batch_size=work.batch,
        n_samples=work.samples,
        replicas=work.replicas,
        estimator=mb.LocalReparam() if work.local else mb.Pathwise(),
        optimizer=mb.Adam(1e-3),
        **options,
    )


def train(work):
    """run() -> seconds a step, the first steps (recording) not counted."""

    def run():
        clock = Clock()
        fit(work, max_steps=work.steps + WARM, stop=clock)
        return (clock.times[-1] - clock.times[WARM - 1]) / work.steps

    return run


def predict(work):
    """run() -> seconds for the predictive mean of all rows."""
    small = type(work)(**vars(work) | {"samples": 1, "batch": min(work.n_rows, 128)})
    result, (X, _) = fit(small, max_steps=2), work.data()

    def run():
        begin = time.perf_counter()
        _ = result.predict(X, n_samples=work.samples, rng=0).mean
        return time.perf_counter() - begin

    return run
