"""More models for the checker, written after it and never used to shape it."""

import numpy as np
from support.checker_survey import FLOATS, Case, fit, noisy


def hill(rng, A):
    t = np.geomspace(0.1, 30, 14)

    def parts(m, x, t):
        return 1 / (1 + m.exp(x[2] * (m.log(x[1] + 0 * t) - np.log(t))))

    def slopes(m, x, t):
        q = parts(m, x, t)
        bend = -x[0] * q * (1 - q)
        ratio = m.log(x[1] + 0 * t) - np.log(t)
        return q, bend * x[2] / x[1], bend * ratio

    def model(m, x, t):
        return x[0] * parts(m, x, t)

    y = noisy(rng, model(FLOATS, np.array([A, 2.0, 1.8]), t))
    return fit("Hill", model, slopes, [0.9 * A, 2.4, 1.5], t, y, 0.05 * A)


def gompertz(rng, A):
    t = np.linspace(0, 40, 20)

    def model(m, x, t):
        return x[0] * m.exp(-x[1] * m.exp(-x[2] * t))

    def slopes(m, x, t):
        inner = m.exp(-x[2] * t)
        outer = m.exp(-x[1] * inner)
        return outer, -x[0] * outer * inner, x[0] * outer * x[1] * inner * t

    y = noisy(rng, model(FLOATS, [A, 5.0, 0.2], t))
    return fit("Gompertz", model, slopes, [1.3 * A, 4.0, 0.25], t, y, 1.0)


def weibull(rng, A):
    """Negative log-likelihood of lifetimes: scale in hours, a shape."""
    y = A * rng.weibull(1.7, size=25)

    def power(m, x):
        return m.exp(x[1] * (np.log(y) - m.log(x[0] + 0 * y)))

    def f(m, x):
        logs = np.log(y) - m.log(x[0] + 0 * y)
        terms = m.log(x[1] + 0 * y) - m.log(x[0] + 0 * y) + (x[1] - 1) * logs
        return np.sum(power(m, x) - terms)

    def gradient(m, x):
        logs, p = np.log(y) - m.log(x[0] + 0 * y), power(m, x)
        return [np.sum(x[1] / x[0] * (1 - p)), np.sum(p * logs - 1 / x[1] - logs)]

    return Case("Weibull lifetimes", f, gradient, [1.2 * A, 1.4])


def lennard_jones(rng, A):
    """Energy of a chain of atoms: positions in units of 1 / A, depth in units of A."""
    steps = 1.12 + 0.1 * rng.uniform(-1, 1, 3)
    x = np.r_[A, np.cumsum(steps) / A, 1 / A]

    def pairs(x):
        places = [0 * x[0], *x[1:4]]
        return [
            (i, j, places[j] - places[i]) for i in range(4) for j in range(i + 1, 4)
        ]

    def f(m, x):
        total = 0
        for _, _, r in pairs(x):
            s = (x[4] / r) ** 6
            total = total + 4 * x[0] * (s * s - s)
        return total

    def gradient(m, x):
        out = [0, 0, 0, 0, 0]
        for i, j, r in pairs(x):
            s = (x[4] / r) ** 6
            slope = 4 * x[0] * (-12 * s * s + 6 * s) / r
            out[0] = out[0] + 4 * (s * s - s)
            out[j] = out[j] + slope
            if i:
                out[i] = out[i] - slope
            out[4] = out[4] + 4 * x[0] * (12 * s * s - 6 * s) / x[4]
        return out

    return Case("Lennard-Jones", f, gradient, x)


def student(rng, A):
    """Robust line through readings of size A: intercept, slope, log of the scale."""
    t = np.linspace(2000, 2020, 21)
    y = A * (0.3 + 0.01 * (t - 2000) + 0.02 * rng.standard_t(4, size=21))

    def f(m, x):
        z = (y - x[0] - x[1] * (t - 2000)) * m.exp(-x[2] + 0 * t)
        return np.sum(2.5 * m.log(1 + z**2 / 4) + x[2])

    def gradient(m, x):
        shrink = m.exp(-x[2] + 0 * t)
        z = (y - x[0] - x[1] * (t - 2000)) * shrink
        back = 2.5 * (z / 2) / (1 + z**2 / 4)
        return [
            np.sum(-back * shrink),
            np.sum(-back * shrink * (t - 2000)),
            np.sum(1 - back * z),
        ]

    return Case("robust line", f, gradient, [0.31 * A, 0.011 * A, np.log(0.02 * A)])


def epidemic(rng, A):
    """Six Euler steps of an epidemic in a population A: contact and recovery rate."""

    def run(x):
        s, i = 0.99 * A, 0.01 * A
        ds, di = [0, 0, 0], [0, 0, 0]
        s, i = s - x[2], i + x[2]
        ds[2], di[2] = -1, 1
        for _ in range(6):
            new, heal = 0.3 * x[0] * s * i / A, 0.3 * x[1] * i
            dn = [0.3 * x[0] * (u * i + s * v) / A for u, v in zip(ds, di, strict=True)]
            dh = [0.3 * x[1] * v for v in di]
            dn[0], dh[1] = dn[0] + 0.3 * s * i / A, dh[1] + 0.3 * i
            ds = [u - n for u, n in zip(ds, dn, strict=True)]
            di = [v + n - h for v, n, h in zip(di, dn, dh, strict=True)]
            s, i = s - new, i + new - heal
        return i, di

    target = 0.02 * A * (1 + 0.1 * rng.normal())

    def f(m, x):
        return (run(x)[0] - target) ** 2

    def gradient(m, x):
        i, di = run(x)
        return [2 * (i - target) * v for v in di]

    return Case("epidemic", f, gradient, [0.8, 0.35, 1e-3 * A])


def interference(rng, A):
    """Two waves: amplitude, a large wave number, an offset far from zero."""
    t = np.linspace(0, 1, 30)

    def model(m, x, t):
        return x[0] * m.cos(x[1] * t) + x[2]

    def slopes(m, x, t):
        return m.cos(x[1] * t), -x[0] * t * m.sin(x[1] * t), 1 + 0 * t

    y = noisy(rng, model(FLOATS, [1.0, 3e4, A], t), 1e-3)
    return fit("interference", model, slopes, [1.1, 3e4 + 0.4, 1.0001 * A], t, y, 1.0)


def softmax_units(rng, A):
    """Softmax regression, the second feature in units of 1 / A."""
    X = rng.normal(size=(25, 2)) * np.array([1.0, A])
    picked = rng.integers(0, 3, 25)
    hot = np.eye(3)[picked]

    def odds(m, x):
        out = X @ x.reshape(2, 3)
        e = m.exp(out)
        return out, e, e @ np.ones(3)

    def f(m, x):
        out, _, total = odds(m, x)
        return np.sum(m.log(total)) - np.sum(out * hot)

    def gradient(m, x):
        _, e, total = odds(m, x)
        return list((X.T @ (e / total[:, None] - hot)).ravel())

    x = np.r_[rng.normal(size=3), rng.normal(size=3) / A]
    return Case("softmax in units", f, gradient, x)


def planck(rng, A):
    """Brightness against wavelength in micrometres, temperature in units of A kelvin."""
    t = np.linspace(0.4, 3, 18)
    c2 = 14387.77 * A / 5800

    def model(m, x, t):
        return x[0] / t**5 / (m.exp(c2 / (t * x[1])) - 1)

    def slopes(m, x, t):
        e = m.exp(c2 / (t * x[1]))
        return 1 / t**5 / (e - 1), x[0] / t**5 * e / (e - 1) ** 2 * c2 / (t * x[1] ** 2)

    y = noisy(rng, model(FLOATS, [2.0, A], t))
    return fit("Planck", model, slopes, [2.2, 0.95 * A], t, y, np.mean(y))


MORE = (
    hill, gompertz, weibull, lennard_jones, student, epidemic, interference,
    softmax_units, planck,
)  # fmt: skip
