"""A Bayesian neural network by stochastic variational inference: all of it, in NumPy.

Labels in the margin are those of the book, numbers 1 to 6 its steps. Under q a weight
is N(mu, sigma²), its prior N(0, s0²). To run it: python tutorials/six_steps.py
"""

import numpy as np


# --- the core ---
def loss_and_gradients(mu, rho, eps, X, y, N, noise_sd, s0):
    sigma = np.log(1 + np.exp(rho))                                              # E11
    w = mu + sigma * eps                                  # 3 draw S networks      E14
    W1, b1, W2, b2 = unpack(w, X.shape[1])
    Z = X @ W1 + b1                                       # (S, B, H)              E21
    A = np.maximum(Z, 0)
    f = A @ W2 + b2                                       # (S, B, 1)              E25
    nll = ((f - y) / noise_sd) ** 2 / 2 + np.log(noise_sd * np.sqrt(2 * np.pi))  # E31
    kl = (mu**2 + sigma**2) / (2 * s0**2) + np.log(s0 / sigma) - 1 / 2           # E41
    scale = N / len(X) / len(w)                           # N/B, mean over draws
    loss = scale * nll.sum() + kl.sum()                   # 2 the negative ELBO    E51
    delta2 = (f - y) / noise_sd**2                        # 4 the way back         E31
    delta1 = (Z > 0) * (delta2 @ W2.swapaxes(1, 2))                              # E23
    g1, g2 = X.T @ delta1, A.swapaxes(1, 2) @ delta2                             # E21
    g = pack(g1, delta1.sum(1), g2, delta2.sum(1))        # (S, P)
    d_mu = scale * g.sum(0) + mu / s0**2                                         # E52
    d_sigma = scale * (g * eps).sum(0) + sigma / s0**2 - 1 / sigma
    return loss, d_mu, d_sigma / (1 + np.exp(-rho))                              # E53


def train(mu, rho, X, y, noise_sd, s0, rng, steps, B=10, S=2, a=1e-4):
    for _ in range(steps):                                # 6 repeat
        rows = rng.permutation(len(X))[:B]                # a minibatch
        eps = rng.standard_normal((S, len(mu)))
        args = eps, X[rows], y[rows], len(X), noise_sd, s0
        _, d_mu, d_rho = loss_and_gradients(mu, rho, *args)
        mu, rho = mu - a * d_mu, rho - a * d_rho          # 5 update               E71
    return mu, rho
# --- end of the core ---


def unpack(w, D):
    """Flat weights (S, P) as W1 (S, D, H), b1 (S, 1, H), W2 (S, H, 1), b2 (S, 1, 1)."""
    H = (w.shape[1] - 1) // (D + 2)
    W1, b1, W2, b2 = np.split(w, [D * H, D * H + H, D * H + 2 * H], axis=1)
    return W1.reshape(-1, D, H), b1[:, None], W2[..., None], b2[:, None]


def pack(*parts):
    """The inverse: parts of S networks as one flat array (S, P)."""
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def initialise(D, H, rng, sigma=0.05):
    """Step 1: means as in any new network, small standard deviations."""
    W1, W2 = rng.normal(0, np.sqrt(2 / D), D * H), rng.normal(0, np.sqrt(2 / H), H)
    mu = np.concatenate([W1, np.zeros(H), W2, [0.0]])
    return mu, np.full(len(mu), np.log(np.exp(sigma) - 1))


def predict(mu, rho, X, noise_sd, rng, S=1000):
    """Mean of y (E81) and its standard deviation (E82), of both kinds."""
    w = mu + np.log(1 + np.exp(rho)) * rng.standard_normal((S, len(mu)))
    W1, b1, W2, b2 = unpack(w, X.shape[1])
    f = (np.maximum(X @ W1 + b1, 0) @ W2 + b2)[..., 0]
    return f.mean(0), np.sqrt(noise_sd**2 + f.var(0))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (40, 1))
    y = np.sin(3 * X) + 0.1 * rng.standard_normal((40, 1))
    start = initialise(1, 8, rng)
    end = train(*start, X, y, 0.1, 1.0, rng, steps=10000)
    for name, q in (("first", start), ("last", end)):
        eps = rng.standard_normal((1000, 25))
        print(f"{name} ELBO: {-loss_and_gradients(*q, eps, X, y, 40, 0.1, 1.0)[0]:.0f}")
    for x in (0.5, 2.0):
        (m,), (sd,) = predict(*end, np.array([[x]]), 0.1, rng)
        print(f"x = {x}: y is {m:.2f} +- {2 * sd:.2f} (two standard deviations)")
