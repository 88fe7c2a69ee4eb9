"""Independent truth for the core: derivatives, networks and posteriors in slow words.

Nothing here is shared with the package; what it computes it computes another way:
derivatives from values alone, networks neuron by neuron, conjugate posteriors by
linear algebra, densities by scipy.stats.
"""

from itertools import pairwise

import numpy as np
from scipy import stats

EPS = np.finfo(float).eps

# --- derivatives from values ---------------------------------------------------------


def each_coordinate(x):
    """Yield (key, index) of every number in a dict of arrays."""
    for key, array in x.items():
        for index in np.ndindex(array.shape):
            yield key, index


def moved(x, key, index, step):
    """A copy of the dict of arrays with one number moved by a real or complex step."""
    dtype = np.result_type(x[key].dtype, type(step))
    out = {k: v.copy() for k, v in x.items()}
    out[key] = x[key].astype(dtype)
    out[key][index] += step
    return out


def complex_step(f, x):
    """Gradient of f at x, coordinate by coordinate: Im f(x + ih) / h, no cancellation.

    f may return an array; the derivative of each entry is kept in leading axes.
    """
    shape = np.shape(f(x))
    out = {key: np.empty(shape + array.shape) for key, array in x.items()}
    for key, index in each_coordinate(x):
        h = 1e-20 * max(abs(x[key][index]), 1e-3)
        value = np.asarray(f(moved(x, key, index, complex(0, h))))
        assert value.dtype.kind == "c", "f drops the imaginary part"
        out[key][(..., *index)] = value.imag / h
    return out


def romberg(f, x, start=2.0**-7):
    """The same from central differences of real values, extrapolated to step 0.

    Returns (gradient, error estimate): the last change in the table plus rounding.
    Each row of the table halves the step; its columns remove h², h⁴, h⁶.
    """
    value = abs(float(f(x)))
    gradient = {key: np.empty(array.shape) for key, array in x.items()}
    error = {key: np.empty(array.shape) for key, array in x.items()}
    for key, index in each_coordinate(x):
        h, table, best = start * max(abs(x[key][index]), 0.5), [], (np.inf, 0.0)
        for _ in range(6):
            plus, minus = (float(f(moved(x, key, index, s))) for s in (h, -h))
            row = [(plus - minus) / (2 * h)]
            for k, old in enumerate(table[-1][:3] if table else []):
                row.append(row[k] + (row[k] - old) / (4.0 ** (k + 1) - 1))
            if table:
                change = abs(row[-1] - table[-1][-1]) + 8 * EPS * value / h
                best = min(best, (change, row[-1]))
            table.append(row)
            h /= 2
        error[key][index], gradient[key][index] = best
    return gradient, error


def jitter_spread(grad, x, copies=4, seed=0):
    """How far one-ulp changes of the input move the gradient: its rounding noise."""
    rng, here = np.random.default_rng(seed), grad(x)
    spread = {key: np.zeros(np.shape(g)) for key, g in here.items()}
    for _ in range(copies):
        near = {
            key: np.nextafter(a, a + rng.choice([-1.0, 1.0], a.shape)).astype(a.dtype)
            for key, a in x.items()
        }
        for key, g in grad(near).items():
            spread[key] = np.maximum(spread[key], np.abs(g - here[key]))
    return spread


def worst_excess(got, want, terms, spread):
    """Largest |got - want| - 1e-11 terms - 64 spread; <= 0 means agreement."""
    excess = {}
    for key in want:
        assert np.shape(got[key]) == want[key].shape, key
        allowed = 1e-11 * terms[key] + 64 * spread[key]
        excess[key] = np.max(np.abs(got[key] - want[key]) - allowed)
    assert set(got) == set(want)
    return max(excess.values())


# --- networks, neuron by neuron ------------------------------------------------------

ACTIVATIONS = {
    "relu": lambda z: z if z.real > 0 else 0.0 * z,
    "tanh": np.tanh,
    "softplus": lambda z: np.log(1 + np.exp(z)),
}


def loop_network(sizes, activation, bias, w, x):
    """Outputs of one network for one input row, one neuron after the other."""
    act, used = ACTIVATIONS[activation], 0
    for layer, (n_in, n_out) in enumerate(pairwise(sizes)):
        W = w[used : used + n_in * n_out]  # row by row: input d feeds unit h at d H + h
        used += n_in * n_out
        b = w[used : used + n_out] if bias else np.zeros(n_out)
        used += n_out if bias else 0
        z = [
            b[h] + sum(x[d] * W[d * n_out + h] for d in range(n_in))
            for h in range(n_out)
        ]
        last = layer == len(sizes) - 2
        x = z if last else [act(value) for value in z]
    assert used == len(w)
    return np.array(x)


def loop_outputs(net, w, X):
    """F (S, B, C) of an MLP object's widths, activation and bias."""
    args = net.sizes, net.activation, net.bias
    return np.array([[loop_network(*args, ws, x) for x in X] for ws in w])


# --- conjugate linear regression -----------------------------------------------------


class LinearRegression:
    """Exact answers for y = [X, 1] w + noise, noise sd s, prior N(m0, diag(s0²)).

    The weights are ordered as in a one-layer network: slopes, then the intercept.
    """

    def __init__(self, X, y, noise, m0=0.0, s0=1.0):
        self.Phi = np.column_stack([X, np.ones(len(X))])
        n_weights = self.Phi.shape[1]
        self.y, self.noise = np.asarray(y).ravel(), noise
        self.m0 = np.broadcast_to(np.asarray(m0, float), n_weights)
        self.s0 = np.broadcast_to(np.asarray(s0, float), n_weights)
        self.precision = self.Phi.T @ self.Phi / noise**2 + np.diag(self.s0**-2.0)
        self.cov = np.linalg.inv(self.precision)
        right = self.Phi.T @ self.y / noise**2 + self.m0 / self.s0**2
        self.mean = self.cov @ right

    def log_evidence(self):
        """log p(y): y is Gaussian with mean Phi m0 and covariance Phi S0 Phi' + s²."""
        cov = self.Phi @ np.diag(self.s0**2) @ self.Phi.T
        cov += self.noise**2 * np.eye(len(self.y))
        return stats.multivariate_normal(self.Phi @ self.m0, cov).logpdf(self.y)

    def mean_field_sd(self):
        """Standard deviations of the best independent Gaussian."""
        return np.diag(self.precision) ** -0.5

    def mean_field_gap(self):
        """log evidence - best mean-field ELBO: the KL that independence costs."""
        return 0.5 * (
            np.log(np.diag(self.precision)).sum() - np.linalg.slogdet(self.precision)[1]
        )

    def predictive(self, X, cov=None):
        """Mean and standard deviation of y at new rows, noise included."""
        Phi = np.column_stack([X, np.ones(len(X))])
        cov = self.cov if cov is None else cov
        variance = np.einsum("nd,de,ne->n", Phi, cov, Phi) + self.noise**2
        return Phi @ self.mean, np.sqrt(variance)


def regression_data(seed=0, n=40, d=2, noise=0.5):
    """Correlated inputs and a noisy linear target."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) @ (np.eye(d) + 0.6)
    return X, X @ np.linspace(1.0, -0.7, d) + 0.4 + noise * rng.normal(size=n)


# --- the negative ELBO, weight by weight and row by row ------------------------------

SCALES = {
    "softplus": lambda rho: np.log(1 + np.exp(rho)),
    "exp": np.exp,
    "identity": lambda rho: rho,
}


def loop_kl(mu, sigma, m0, s0):
    """KL of independent Gaussians as the textbook has it."""
    ratio = sigma**2 / s0**2
    return np.sum(np.log(s0 / sigma) + (ratio + (mu - m0) ** 2 / s0**2 - 1) / 2)


def loop_nll(net, log_density, w, X, y):
    """-log p(y | X, w) for one weight vector."""
    n = net.n_weights
    args = net.sizes, net.activation, net.bias
    return -sum(
        log_density(loop_network(*args, w[:n], x), row, w[n:])
        for x, row in zip(X, y, strict=True)
    )


def loop_local_nll(net, log_density, mu, sigma, noise, X, y):
    """The same, every pre-activation drawn on its own: noise (units x rows) a layer."""
    act, total, used_noise = ACTIVATIONS[net.activation], 0.0, 0
    rows, starts = [], []
    for n_out in net.sizes[1:]:
        starts.append(used_noise)
        used_noise += n_out * len(X)
    for b, x in enumerate(X):
        used = 0
        for layer, (n_in, n_out) in enumerate(pairwise(net.sizes)):
            inputs = [*x, 1.0] if net.bias else list(x)
            z = []
            for h in range(n_out):
                at = [used + d * n_out + h for d in range(len(inputs))]
                mean = sum(mu[i] * a for i, a in zip(at, inputs, strict=True))
                var = sum((sigma[i] * a) ** 2 for i, a in zip(at, inputs, strict=True))
                eps = noise[starts[layer] + h * len(X) + b]
                z.append(mean + np.sqrt(var) * eps)
            used += len(inputs) * n_out
            last = layer == len(net.sizes) - 2
            x = z if last else [act(value) for value in z]
            assert n_in == len(inputs) - net.bias
        rows.append(np.array(x))
    v = mu[used:] + sigma[used:] * noise[used_noise:]
    for f, row in zip(rows, y, strict=True):
        total -= log_density(f, row, v)
    return total
