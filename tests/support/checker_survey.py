"""Usual models whose parameters have different units, each with exact derivatives.

A model is written once, over a namespace ``m`` of elementary functions: NumPy's for the
checker, mpmath's for the truth. Nothing here uses the package.
"""

from types import SimpleNamespace

import numpy as np
import pytest

mpmath = pytest.importorskip("mpmath")
FUNCTIONS = ("exp", "log", "sin", "cos", "tanh", "sqrt", "cosh")
FLOATS = SimpleNamespace(**{name: getattr(np, name) for name in FUNCTIONS})
EXACT = SimpleNamespace(
    **{name: np.frompyfunc(getattr(mpmath, name), 1, 1) for name in FUNCTIONS}
)


class Case:
    """f and gradient of one model at x, its exact gradient, and its real-only forms."""

    def __init__(self, name, f, gradient, x):
        self.name, self.x = name, np.array(x, dtype=float)
        self._f, self._gradient = f, gradient

    def f(self, x):
        return self._f(FLOATS, x)

    def real(self, x):
        """The same, where complex arguments are an error."""
        if np.iscomplexobj(x):
            raise TypeError("complex argument")
        return self.f(x)

    def lost(self, x):
        """The same, with the imaginary part lost inside."""
        return self.f(np.real(x)) + 0j * x[0] if np.iscomplexobj(x) else self.f(x)

    def half(self, x):
        """The same, with the imaginary part of the last coordinate lost."""
        if not np.iscomplexobj(x):
            return self.f(x)
        return self.f(np.r_[x[:-1], x[-1].real])

    def gradient(self, x):
        return np.array(self._gradient(FLOATS, x), dtype=float)

    def exact(self):
        """The gradient at these very floats, to fifty digits."""
        with mpmath.workdps(50):
            x = np.array([mpmath.mpf(value) for value in self.x], dtype=object)
            return np.array(self._gradient(EXACT, x), dtype=object)

    def exact_difference(self, i):
        """A derivative from f alone: proves that the gradient above fits f."""
        with mpmath.workdps(80):
            x = np.array([mpmath.mpf(value) for value in self.x], dtype=object)
            h = (abs(x[i]) or 1) * mpmath.mpf(10) ** -30
            up, down = x.copy(), x.copy()
            up[i], down[i] = x[i] + h, x[i] - h
            return (self._f(EXACT, up) - self._f(EXACT, down)) / (2 * h)


def fit(name, model, slopes, x, t, y, sd):
    """Least squares: model(m, x, t), slopes(m, x, t) one array a parameter."""

    def f(m, x):
        return 0.5 * np.sum(((model(m, x, t) - y) / sd) ** 2)

    def gradient(m, x):
        rest = (model(m, x, t) - y) / sd**2
        return [np.sum(rest * slope) for slope in slopes(m, x, t)]

    return Case(name, f, gradient, x)


def noisy(rng, values, share=0.03):
    return values * (1 + share * rng.normal(size=np.shape(values)))


# --- the models ----------------------------------------------------------------------


def logistic_growth(rng, A):
    t = np.linspace(-30, 30, 13)

    def parts(m, x, t):
        return 1 / (1 + m.exp(-x[1] * (t - x[2])))

    def slopes(m, x, t):
        q = parts(m, x, t)
        bend = x[0] * q * (1 - q)
        return q, bend * (t - x[2]), -bend * x[1]

    def model(m, x, t):
        return x[0] * parts(m, x, t)

    y = noisy(rng, model(FLOATS, [1.1 * A, 0.12, 2.0], t))
    return fit("logistic growth", model, slopes, [A, 0.1, 0.0], t, y, 0.02 * A)


def michaelis_menten(rng, A):
    t = np.geomspace(0.05, 20, 12)

    def model(m, x, t):
        return x[0] * t / (x[1] + t)

    def slopes(m, x, t):
        return t / (x[1] + t), -x[0] * t / (x[1] + t) ** 2

    y = noisy(rng, model(FLOATS, [0.9 * A, 1.4], t))
    return fit("Michaelis-Menten", model, slopes, [A, 1.1], t, y, 1.0)


def decays(rng, A):
    t = np.linspace(0, 12, 25)

    def model(m, x, t):
        return x[0] * m.exp(-x[1] * t) + x[2] * m.exp(-x[3] * t)

    def slopes(m, x, t):
        one, two = m.exp(-x[1] * t), m.exp(-x[3] * t)
        return one, -x[0] * t * one, two, -x[2] * t * two

    y = noisy(rng, model(FLOATS, [A, 0.25, 0.5, 2.2], t))
    return fit("two decays", model, slopes, [1.2 * A, 0.3, 0.4, 3.0], t, y, 0.01 * A)


def peak(rng, A):
    t = np.linspace(0, 10, 40)

    def model(m, x, t):
        return x[0] * m.exp(-(((t - x[1]) / x[2]) ** 2) / 2)

    def slopes(m, x, t):
        z = (t - x[1]) / x[2]
        shape = m.exp(-(z**2) / 2)
        return shape, x[0] * shape * z / x[2], x[0] * shape * z**2 / x[2]

    y = noisy(rng, model(FLOATS, [A, 4.2, 0.4], t)) + 0.01 * A
    return fit("Gaussian peak", model, slopes, [0.8 * A, 4.0, 0.5], t, y, np.sqrt(A))


def power_law(rng, A):
    t = np.geomspace(0.1, 1000, 15)

    def model(m, x, t):
        return x[0] * m.exp(x[1] * np.log(t))

    def slopes(m, x, t):
        power = m.exp(x[1] * np.log(t))
        return power, x[0] * np.log(t) * power

    y = noisy(rng, model(FLOATS, [A, 0.74], t))
    return fit("power law", model, slopes, [1.1 * A, 0.7], t, y, 1.0)


def arrhenius(rng, A):
    t = np.linspace(290, 420, 14)

    def model(m, x, t):
        return x[0] * m.exp(-x[1] / (8.314462618 * t))

    def slopes(m, x, t):
        rate = m.exp(-x[1] / (8.314462618 * t))
        return rate, -x[0] * rate / (8.314462618 * t)

    y = noisy(rng, model(FLOATS, [A, 5.2e4], t))
    return fit("Arrhenius", model, slopes, [1.5 * A, 5.3e4], t, y, np.mean(y))


def damped(rng, A):
    t = np.linspace(0, 3, 60)

    def model(m, x, t):
        return x[0] * m.exp(-x[1] * t) * m.sin(x[2] * t + x[3])

    def slopes(m, x, t):
        fall, phase = m.exp(-x[1] * t), x[2] * t + x[3]
        wave = x[0] * fall * m.cos(phase)
        return fall * m.sin(phase), -x[0] * t * fall * m.sin(phase), t * wave, wave

    y = noisy(rng, model(FLOATS, [A, 0.8, 2000.0, 0.3], t))
    return fit(
        "damped oscillation", model, slopes, [A, 0.7, 2000.5, 0.0], t, y, 0.05 * A
    )


def regression(rng, A):
    columns = rng.normal(size=(30, 4)) * np.array([1.0, A**0.5, A, 1 / A])
    y = columns @ (np.array([1.0, 2.0, -1.0, 0.5]) / np.std(columns, axis=0))
    x = np.array([0.8, 2.3, -1.1, 0.1]) / np.std(columns, axis=0)

    def f(m, x):
        return 0.5 * np.sum((columns @ x - y) ** 2)

    def gradient(m, x):
        return columns.T @ (columns @ x - y)

    return Case("badly scaled columns", f, gradient, x)


def lotka_volterra(rng, A):
    """Five Euler steps of prey and predators; forward sensitivities."""
    dt, prey, hunters = 0.1, 1.0 * A, 0.02 * A
    target = noisy(rng, np.array([1.4 * A, 0.025 * A]))

    def run(x):
        a, b, c, d = x
        u, v = prey, hunters
        du, dv = [0] * 4, [0] * 4
        for _ in range(5):
            fu, fv = a * u - b * u * v, c * u * v - d * v
            own_u, own_v = (u, -u * v, 0, 0), (0, 0, u * v, -v)
            nu = [
                s + dt * ((a - b * v) * s - b * u * w + o)
                for s, w, o in zip(du, dv, own_u, strict=True)
            ]
            nv = [
                w + dt * ((c * u - d) * w + c * v * s + o)
                for s, w, o in zip(du, dv, own_v, strict=True)
            ]
            u, v, du, dv = u + dt * fu, v + dt * fv, nu, nv
        return u, v, du, dv

    def f(m, x):
        u, v, _, _ = run(x)
        return ((u - target[0]) / A) ** 2 + ((v - target[1]) / (0.02 * A)) ** 2

    def gradient(m, x):
        u, v, du, dv = run(x)
        ru, rv = 2 * (u - target[0]) / A**2, 2 * (v - target[1]) / (0.02 * A) ** 2
        return [ru * s + rv * w for s, w in zip(du, dv, strict=True)]

    return Case("Lotka-Volterra", f, gradient, [0.9, 10.0 / A, 0.5 / A, 0.3])


def poisson(rng, A):
    columns = rng.normal(size=(40, 2))
    y = rng.poisson(np.exp(columns @ [0.4, -0.2]) * min(A, 1e9)) * max(A / 1e9, 1.0)

    def rate(m, x):
        return x[0] * m.exp(columns @ x[1:])

    def f(m, x):
        return np.sum(rate(m, x)) - np.sum(y * (m.log(x[0] + 0 * y) + columns @ x[1:]))

    def gradient(m, x):
        rest = rate(m, x) - y
        return [np.sum(rest) / x[0], *(columns.T @ rest)]

    return Case("Poisson counts", f, gradient, [0.9 * A, 0.3, 0.0])


def softplus_network(rng, A):
    t, hidden = rng.normal(size=20), 2
    y = A * np.sin(t)

    def layers(m, x):
        inside = t[:, None] * x[None, :hidden] + x[None, hidden : 2 * hidden]
        return inside, m.log(1 + m.exp(inside))

    def f(m, x):
        out = layers(m, x)[1] @ x[2 * hidden :]
        return np.mean((out - y) ** 2)

    def gradient(m, x):
        inside, out = layers(m, x)
        v = x[2 * hidden :]
        rest = 2 * (out @ v - y) / len(t)
        back = rest[:, None] * v[None, :] / (1 + m.exp(-inside))
        return [*(t @ back), *np.sum(back, axis=0), *(rest @ out)]

    x = rng.normal(size=3 * hidden)
    x[2 * hidden :] *= A
    return Case("softplus network", f, gradient, x)


def beside(rng, A):
    """A slope of about 1 beside one of 2e4 A: of 2e16 at most."""
    a, b = rng.uniform(0.2, 0.4, 2)

    def f(m, x):
        return 2e4 * A * m.sin(x[0] / 1) + m.tanh(x[1] / 1) * 2

    def gradient(m, x):
        return [2e4 * A * m.cos(x[0] / 1), 2 / m.cosh(x[1] / 1) ** 2]

    return Case("slope 1 beside a huge one", f, gradient, [a, b])


MODELS = (
    logistic_growth, michaelis_menten, decays, peak, power_law, arrhenius, damped,
    regression, lotka_volterra, poisson, softplus_network, beside,
)  # fmt: skip
