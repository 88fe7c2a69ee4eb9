"""The KL with a wrong symbol, by rule (E41).

KL = (mu - m0)²/(2 s0²) + sigma²/(2 s0²) - log sigma + const. Each symbol, in each term
or in all, may be another number or function; in the value, which is then rightly
differentiated, or in the derivatives ∂/∂mu and ∂/∂sigma, whose chain rule stays right.
"""

import numpy as np

from minibnn.mistakes.along import rearranged
from minibnn.mistakes.catalogue import Mistake, fine, gaussian_kl, gaussian_prior, rule
from minibnn.mistakes.symbols import substitutes
from minibnn.numerics import magnitude

_VALUE = "KL = (mu - m0)²/(2 s0²) + sigma²/(2 s0²) - log(sigma/s0) - ½"
_SLOPES = "∂KL/∂mu = (mu - m0)/s0², ∂KL/∂sigma = sigma/s0² - 1/sigma"
_REVEAL = "use a prior with m0 != 0 and s0 != 1, and sigma, mu away from both"
_HINT = "Which letter of the KL stands for which of your variables, in every term?"
_WEIGHTS = "Do q and prior speak of the same weight, one by one, in the same order?"
TINY = 1e-30


PLACES = {  # symbol -> suffix of a place -> slots it fills
    "sigma": {"": ("trace", "entropy"), "-in-trace": ("trace",),
              "-in-entropy": ("entropy",)},
    "1/sigma": {"": ("inverse",)},
    "s0": {"": ("s_mean", "s_trace"), "-in-mean": ("s_mean",),
           "-in-trace": ("s_trace",)},
    "mu": {"": ("mu",)},
    "m0": {"": ("m0",)},
    "(mu - m0)": {"": ("distance",)},
}  # fmt: skip


class Terms:
    """The symbols of the three terms, each open to change."""

    def __init__(self, n, slots, f):
        self.n, self.slots, self.f = n, slots, f

    def _of(self, slot, x):
        return self.f(x, self.n) if slot in self.slots else x

    def derivatives(self):
        """∂KL/∂mu and sigma ∂KL/∂sigma with the changed symbols in their formulas."""
        n, of = self.n, self._of
        trace, entropy = of("trace", n.sigma), of("entropy", n.sigma)
        d = of("distance", of("mu", n.mu) - of("m0", n.m0))
        g_sigma = trace / of("s_trace", n.s0) ** 2 - of("inverse", 1 / entropy)
        return d / of("s_mean", n.s0) ** 2, n.sigma * g_sigma

    def value(self):
        """The KL of every weight with the changed symbols."""
        n, of = self.n, self._of
        d = of("distance", of("mu", n.mu) - of("m0", n.m0)) / of("s_mean", n.s0)
        r = of("trace", n.sigma) / of("s_trace", n.s0)
        return 0.5 * d * d + 0.5 * r * r - np.log(magnitude(of("entropy", n.sigma)))


def in_the_formulas(slots, f):
    """The change of the KL's derivatives by f in some slots of their formulas."""
    return lambda value, c: Terms(c.symbols, slots, f).derivatives()


def in_the_value(slots, f):
    """The change of the KL's derivatives by f in some slots of its value."""

    def change(value, c):
        mean = Terms(c.along_mu, slots, f).value()
        spread = Terms(c.along_rho, slots, f).value()
        return np.imag(mean) / TINY, np.imag(spread) / TINY / c.dlog

    return change


_MODES = (
    ("", in_the_formulas, _SLOPES, "in ∂KL"),
    ("-in-the-value", in_the_value, _VALUE, "in the KL, rightly differentiated"),
)


@rule(gaussian_kl)
def symbols(chain):
    """Every symbol, every place, every substitute, in value and derivatives."""
    for symbol, places in PLACES.items():
        for name, wrong, f in [*substitutes(chain, symbol), *_extra(chain, symbol)]:
            for place, slots in places.items():
                for mode, make, right, words in _MODES[: 1 + (symbol != "1/sigma")]:
                    yield Mistake(f"kl-{_name(symbol)}-{name}{place}{mode}", "E41",
                                  f"{wrong} for {symbol} {words}", right, _HINT, _REVEAL,
                                  (("kl_q", make(slots, f)),),
                                  touches=_touched(slots, mode and wrong))  # fmt: skip


_NAMES = {"1/sigma": "inverse-sigma", "s0": "prior-scale", "m0": "prior-mean",
          "(mu - m0)": "distance"}  # fmt: skip


def _touched(slots, wrong):
    """mu, rho or both: by the terms changed, and what a changed value depends on."""
    mean = {"mu", "m0", "distance", "s_mean"}
    places = ("mu", mean & set(slots)), ("rho", set(slots) - mean)
    found = [key for key, yes in places if yes]
    crossed = any(word in wrong for word in ("mu", "rho", "sigma", "s0"))
    return tuple(found) if not (wrong and crossed) else ()


def _name(symbol):
    return _NAMES.get(symbol, symbol)


def _extra(chain, symbol):
    yield "lost", "0", lambda x, n: 0 * x
    if symbol == "mu" and not chain.local:
        yield ("sampled", "mean of w_s",
               lambda x, n: n.mu + n.sigma * n.chain.noise.mean(0))  # fmt: skip
    if symbol in ("s0", "m0", "sigma"):
        yield "averaged", f"mean of {symbol}", lambda x, n: np.mean(x) + 0 * x


@rule(gaussian_kl)
def weights(chain):
    """The number of another weight for one symbol."""
    for symbol, places in PLACES.items():
        if _one_number(chain, symbol):
            continue
        for name, words, f in rearranged(chain):
            for place, slots in places.items():
                change = in_the_formulas(slots, lambda x, n, f=f: f(x))
                yield Mistake(f"kl-{_name(symbol)}-{name}{place}", "E41",
                              f"{symbol} {words}", _SLOPES, _WEIGHTS, _REVEAL,
                              (("kl_q", change),), touches=_touched(slots, ""))


def _one_number(chain, symbol):
    """Whether the prior's symbol is one number for the network: nothing to rearrange."""
    own = {"m0": chain.m0, "s0": chain.s0}.get(symbol)
    return own is not None and np.ptp(own[: chain.net.n_weights]) == 0


_PRIORS = {
    "standard": ("N(0, 1)", lambda c: (0 * c.m0, 0 * c.s0 + 1)),
    "exchanged": ("m0 and s0 exchanged", lambda c: (c.s0, c.m0)),
    "of-the-posterior": ("N(mu, s0²)", lambda c: (c.mu, c.s0)),
    "of-the-means": ("prior from the mean mu, sigma",
                     lambda c: (0 * c.m0 + c.mu.mean(), 0 * c.s0 + c.sigma.mean())),
    "of-variance-and-no-mean": ("N(0, s0⁴)", lambda c: (0 * c.m0, c.s0**2)),
    "without-mean-unsquared": ("N(0, s0)", lambda c: (0 * c.m0, c.s0**0.5)),
}  # fmt: skip
_KLS = {
    "symmetrised": ("½ KL(q||p) + ½ KL(p||q)", lambda v, c, d: (
        (v[0] + d / c.sigma**2) / 2,
        (v[1] + 1 - (c.s0**2 + d * d) / c.sigma**2) / 2)),
    "symmetrised-sum": ("KL(q||p) + KL(p||q)", lambda v, c, d: (
        v[0] + d / c.sigma**2, v[1] + 1 - (c.s0**2 + d * d) / c.sigma**2)),
    "wasserstein": ("squared distances of mean and sd", lambda v, c, d: (
        2 * d, 2 * c.sigma * (c.sigma - c.s0))),
    "half-wasserstein": ("half squared distances of mean and sd", lambda v, c, d: (
        d, c.sigma * (c.sigma - c.s0))),
    "exchanged": ("∂KL/∂mu and ∂KL/∂sigma exchanged", lambda v, c, d: (
        v[1] / c.sigma, v[0] * c.sigma)),
    "modulus-of-distance": ("|mu - m0|/s0", lambda v, c, d: (np.sign(d) / c.s0, v[1])),
    "sampled-sticking": ("log q - log p at w, without the score", lambda v, c, d: (
        _path(c).mean(0), (_path(c) * c.noise).mean(0) * c.sigma)),
    "sampled": ("log q - log p at w", lambda v, c, d: (
        _prior_slope(c).mean(0), (_prior_slope(c) * c.noise).mean(0) * c.sigma - 1)),
    "sampled-log-prior": ("-log p at w, no entropy", lambda v, c, d: (
        _prior_slope(c).mean(0), (_prior_slope(c) * c.noise).mean(0) * c.sigma)),
    "sampled-entropy-sign": ("-log p + log 1/q at w", lambda v, c, d: (
        _prior_slope(c).mean(0), (_prior_slope(c) * c.noise).mean(0) * c.sigma + 1)),
    "before-the-noise": ("(mu - m0)/s0² inside g_s, then ∘ eps", lambda v, c, d: (
        v[0], (v[0] * c.noise).mean(0) * c.sigma)),
    "and-before-the-noise": ("(mu - m0)/s0² inside g_s as well", lambda v, c, d: (
        v[0], v[1] + (v[0] * c.noise).mean(0) * c.sigma)),
}  # fmt: skip


def _prior_slope(c):
    return (c.w - c.m0) / c.s0**2


def _path(c):
    return _prior_slope(c) - c.noise / c.sigma


@rule(gaussian_kl)
def others(chain):
    """Another prior, another divergence, an estimate of it."""
    for name, (wrong, f) in _PRIORS.items():
        yield Mistake(f"kl-prior-{name}", "E41", f"prior {wrong}", "prior N(m0, s0²)",
                      _HINT, _REVEAL, (("kl_q", _with_prior(f)),), touches=())
    for name, (wrong, f) in _KLS.items():
        if not (chain.local and ("sampled" in name or "noise" in name)):
            yield Mistake(f"kl-{name}", "E41", wrong, _VALUE,
                          "Is this number the KL? Is it a KL at all?", _REVEAL,
                          (("kl_q", lambda v, c, f=f: f(v, c, c.mu - c.m0)),),
                          touches=())  # fmt: skip


def _with_prior(f):
    def change(value, c):
        m0, s0 = f(c)
        return (c.mu - m0) / s0**2, (c.sigma / s0) ** 2 - 1

    return change


@rule(fine)
def parts(chain):
    """The KL forgotten in a part of the weights, or counted there alone or twice."""
    parts = dict(chain.parts)
    if chain.has_rho:
        parts |= {"where-mu-is-positive": chain.mu > 0,
                  "where-rho-is-positive": chain.rho > 0}  # fmt: skip
    for part, mask in parts.items():
        for word, wrong, factors in (("missing", "no KL", (0.0, 1.0)),
                                     ("alone", "the KL alone", (1.0, 0.0)),
                                     ("twice", "the KL twice", (2.0, 1.0))):  # fmt: skip
            yield Mistake(f"kl-{word}-{part}", "E51", f"{wrong} {part}",
                          "the sum over all weights", "Which weights have a prior?",
                          "move q away from the prior",
                          (("kl_q", _times(np.where(mask, *factors))),),
                          placed=True)  # fmt: skip
    for name, count in (("inputs", chain.symbols.fan_in),
                        ("layer", _sizes(chain, chain.net.slices)),
                        ("each-tensor", _sizes(chain, chain.blocks.slices))):  # fmt: skip
        yield Mistake(f"kl-averaged-over-{name}", "E51", f"KL / size of {name}",
                      "the sum over all weights", "Is it a sum or a mean?",
                      "take tensors of more than one weight",
                      (("kl_q", _times(1 / count)),))  # fmt: skip


def _times(factor):
    return lambda value, c: tuple(None if g is None else g * factor for g in value)


def _sizes(chain, slices):
    """The number of weights in the part of the vector that each belongs to."""
    out = np.ones(chain.model.n_weights)
    for part in slices:
        out[part] = part.stop - part.start
    return out


@rule(gaussian_prior)
def slopes(chain):
    """∂KL/∂mu and ∂KL/∂log sigma as functions of themselves and of other numbers."""
    for i, (place, symbol, key) in enumerate((
        ("mean", "∂KL/∂mu", "mu"), ("spread", "∂KL/∂log sigma", "rho")
    )[: 1 + chain.has_rho]):  # fmt: skip
        for name, wrong, f in substitutes(chain, symbol):
            yield Mistake(f"kl-{place}-gradient-{name}", "E41", wrong, _SLOPES, _HINT,
                          _REVEAL, (("kl_q", _entry(i, f)),), touches=(key,))


def _entry(i, f):
    def change(value, c):
        value = list(value)
        if value[i] is not None:
            value[i] = f(value[i], c.symbols)
        return tuple(value)

    return change
