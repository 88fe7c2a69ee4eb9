"""A wrong draw, by rule: another sample of the weights, or of the noise (E14).

"What if the forward pass were this": each rule makes another draw w(mu, rho, eps),
with the right way back for it, or with the way back of the right draw. The noise is
also wrong on the way back alone.
"""

import numpy as np

from minibnn.mistakes.along import along, rearranged
from minibnn.mistakes.catalogue import Mistake, local, pathwise, rule
from minibnn.mistakes.kl_symbols import in_the_value
from minibnn.mistakes.symbols import KEPT, Symbols, drawn, substitutes

_RIGHT = "w = mu + sigma ∘ eps"
_HINT = "Write the forward pass's w as a formula. Is it a draw from N(mu, sigma²)?"
_KEPT_HINT = "Does your way back differentiate the w that your forward pass makes?"
_REVEAL = "take mu, rho and noise of many sizes and both signs"


def _draw(name, wrong, hint, *changes):
    return Mistake(f"draw-{name}", "E14", f"w = {wrong}", _RIGHT, hint, _REVEAL, changes)


_DRAWS = (
    ("without-noise", "mu", lambda n, e: n.mu + 0 * e),
    ("without-mean", "sigma ∘ eps", lambda n, e: n.sigma * e + 0 * n.mu),
    ("without-sigma", "mu + eps", lambda n, e: n.mu + e),
    ("sigma-for-noise", "mu + sigma", lambda n, e: n.mu + n.sigma + 0 * e),
    ("plus-for-times", "mu + sigma + eps", lambda n, e: n.mu + n.sigma + e),
    ("times-for-plus", "mu ∘ sigma ∘ eps", lambda n, e: n.mu * n.sigma * e),
    ("noise-alone", "eps", lambda n, e: e + 0 * n.mu),
    ("multiplicative", "mu (1 + sigma ∘ eps)", lambda n, e: n.mu * (1 + n.sigma * e)),
    ("multiplicative-alone", "mu (1 + eps)", lambda n, e: n.mu * (1 + e)),
    ("roles-exchanged", "sigma + mu ∘ eps", lambda n, e: n.sigma + n.mu * e),
    ("mean-scaled", "sigma (mu + eps)", lambda n, e: n.sigma * (n.mu + e)),
    ("log-normal", "e^(mu + sigma ∘ eps)", lambda n, e: np.exp(n.mu + n.sigma * e)),
)


def _draws(chain):
    yield from _DRAWS
    for name, wrong, f in substitutes(chain, "sigma"):
        yield (f"sigma-{name}", f"mu + {wrong} ∘ eps",
               lambda n, e, f=f: n.mu + f(n.sigma, n) * e)  # fmt: skip
    for name, wrong, f in substitutes(chain, "mu"):
        yield (f"mu-{name}", f"{wrong} + sigma ∘ eps",
               lambda n, e, f=f: f(n.mu, n) + n.sigma * e)  # fmt: skip


@rule(pathwise)
def other_draws(chain):
    """Another symbol for mu, sigma or eps, and the way back of it or of the right draw."""
    for name, wrong, function in _draws(chain):
        change = drawn(function)
        yield _draw(name, wrong, _HINT, change)
        yield _draw(f"{name}-undifferentiated", f"{wrong}, with the way back of {_RIGHT}",
                    _KEPT_HINT, change, KEPT)  # fmt: skip
    for name, words, f in rearranged(chain):
        for symbol, function in (("mu", lambda n, e, f=f: f(n.mu) + n.sigma * e),
                                 ("sigma", lambda n, e, f=f: n.mu + f(n.sigma) * e)):
            yield _draw(f"{symbol}-{name}", f"mu + sigma ∘ eps, {symbol} {words}",
                        "Which weight does each number belong to?", drawn(function),
                        KEPT)  # fmt: skip


@rule(lambda chain: pathwise(chain) and chain.gaussian_prior)
def other_scales_everywhere(chain):
    """Another sigma in the draw and in the KL alike."""
    for name, wrong, f in substitutes(chain, "sigma"):
        yield _draw(f"sigma-{name}-and-in-the-kl", f"mu + {wrong} ∘ eps", _HINT,
                    drawn(lambda n, e, f=f: n.mu + f(n.sigma, n) * e),
                    ("kl_q", in_the_value(("trace", "entropy"), f)))  # fmt: skip


@rule(lambda chain: local(chain) and chain.has_rho)
def other_scales(chain):
    """The same for sampled pre-activations, whose variance is made of sigma."""
    for name, wrong, f in substitutes(chain, "sigma"):
        yield Mistake(f"draw-sigma-{name}", "E62", f"v = Σ x² s², s = {wrong}",
                      "v = Σ x² sigma²", _HINT, _REVEAL, (("scale", _scale(f)),))


def _scale(f):
    return lambda scale, c: lambda rho: f(scale(rho), Symbols(c, None, rho))


# --- the noise ------------------------------------------------------------------------

_MODES = {
    "": "{} on the way back",
    "-in-both-passes": "{}, forward and back",
    "-in-the-forward-pass": "{} in the forward pass alone",
}
_NOISE = "eps_s of the draw, one number for every weight and sample"
_SAME = "Which eps made the weights at which g_s was computed?"
_OWN = "How many independent numbers does one draw of all weights need?"


def _noise(name, wrong, f, label="E14"):
    """Wrong noise on the way back, on both ways, on the way forward."""
    right_back = ("eps", lambda e, c: c.given_noise)
    forward = ("noise", f)
    changes = ((("eps", f),), (forward,), (forward, right_back))
    for (mode, words), change in zip(_MODES.items(), changes, strict=True):
        hint = _OWN if "both" in mode else _SAME
        yield Mistake(f"eps-{name}{mode}", label, words.format(wrong), _NOISE, hint,
                      "take S >= 3 samples and noise that is not ±1", change,
                      touches=("mu", "rho") if mode else ("rho",))  # fmt: skip


@rule(pathwise)
def other_noise(chain):
    """Another symbol, another sample's, another weight's noise."""
    for name, wrong, f in _noise_rules(chain):
        yield from _noise(name, wrong, f)


def _noise_rules(chain):
    yield "missing", "1 for eps", lambda e, c: np.ones_like(e)
    yield "lost", "0 for eps", lambda e, c: 0 * e
    yield "replaced-by-weight", "w for eps", lambda e, c: c.w
    for name, wrong, f in substitutes(chain, "eps"):
        yield name, wrong, lambda e, c, f=f: f(e, c.symbols) + 0 * e
    for name, words, op in along("sample"):
        yield name, f"eps {words}", lambda e, c, op=op: op(e, 0)
    for name, words, f in rearranged(chain):
        yield name, f"eps {words}", lambda e, c, f=f: f(e)
    yield ("over-root-of-samples", "eps / √S", lambda e, c: e / np.sqrt(c.S))
    for part, mask in chain.parts.items():
        yield f"lost-{part}", f"0 for eps {part}", _where(mask, 0.0)
        yield f"missing-{part}", f"1 for eps {part}", _where(mask, 1.0)


def _where(mask, value):
    return lambda e, c: np.where(mask, value, e)


@rule(local)
def other_local_noise(chain):
    """Another sample's noise where pre-activations are sampled."""
    for name, words, op in along("sample"):
        found = _noise(name, f"eps {words}", lambda e, c, op=op: op(e, 0), "E62")
        yield list(found)[1]
