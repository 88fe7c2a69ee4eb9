"""What a hidden unit is worth: the likelihood lost when it is removed."""

import numpy as np

ALIVE = 1.0  # nats of expected log-likelihood above which a unit counts as used
SAMPLES = 200


def unit_costs(result, X, y, n_samples=SAMPLES):
    """Expected log-likelihood (nats) lost without each unit of the last layer, (H,).

    The outgoing weights of one unit are set to zero in the same weight samples that
    give the whole network's likelihood, so the noise of the two cancels. The KL of a
    unit says nothing here: a unit that does nothing keeps a KL of a few nats.
    """
    model = result.model
    A, y = model.batch(X, y)
    w = result.sample_weights(n_samples)
    whole = model.nll(w, A, y)[0].mean()
    index = model.net.unpack(np.arange(model.net.n_weights))[-1][0]
    costs = [model.nll(without(w, out), A, y)[0].mean() - whole for out in index]
    return np.array(costs)


def without(w, columns):
    """A copy of the weights with some of them zero."""
    w = w.copy()
    w[:, columns] = 0.0
    return w
