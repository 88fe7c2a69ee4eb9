"""A wrong draw, by rule: another sample of the weights, or of the noise (E14).

"What if the forward pass were this": each rule makes another draw w(mu, rho, eps),
with the right way back for it, or with the way back of the right draw. The noise is
also wrong on the way back alone.
"""

from dataclasses import replace

import numpy as np

from minibnn.mistakes.along import along, rearranged
from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, pathwise
from minibnn.mistakes.kl_rules import in_the_value
from minibnn.mistakes.symbols import Symbols, substitutes

_RIGHT = "w = mu + sigma ∘ eps"
_HINT = "Write the forward pass's w as a formula. Is it a draw from N(mu, sigma²)?"
_KEPT_HINT = "Does your way back differentiate the w that your forward pass makes?"
_REVEAL = "take mu, rho and noise of many sizes and both signs"
KEPT = ("slopes_kept", lambda value, c: True)


def _draw(name, wrong, function):
    """A draw, rightly differentiated; and one that the way back knows nothing of."""

    def draw(value, c):
        return lambda mu, rho, e: function(Symbols(c, mu, rho), e)

    changes = (("draw", draw),)
    yield Mistake(f"draw-{name}", "E14", f"w = {wrong}", _RIGHT, _HINT, _REVEAL, changes)
    yield Mistake(f"draw-{name}-undifferentiated", "E14",
                  f"w = {wrong}, with the way back of {_RIGHT}", _RIGHT, _KEPT_HINT,
                  _REVEAL, (*changes, KEPT))  # fmt: skip


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


@family_of_mistakes
def other_draws(chain):
    """Draws with another symbol for mu, sigma or eps."""
    if not pathwise(chain):
        return []
    found = []
    for name, wrong, function in _DRAWS:
        found += _draw(name, wrong, function)
    for name, wrong, f in substitutes(chain, "sigma"):
        found += _draw(f"sigma-{name}", f"mu + {wrong} ∘ eps",
                       lambda n, e, f=f: n.mu + f(n.sigma, n) * e)  # fmt: skip
    for name, wrong, f in substitutes(chain, "mu"):
        found += _draw(f"mu-{name}", f"{wrong} + sigma ∘ eps",
                       lambda n, e, f=f: f(n.mu, n) + n.sigma * e)  # fmt: skip
    for name, words, f in rearranged(chain):
        found += [
            Mistake(f"draw-{symbol}-{name}", "E14", f"{_RIGHT}, {symbol} {words}",
                    _RIGHT, "Which weight does each number belong to?", _REVEAL,
                    (("draw", _moved(symbol, f)), KEPT))
            for symbol in ("mu", "sigma")
        ]  # fmt: skip
    return found


def _moved(symbol, f):
    def draw(value, c):
        def drawn(mu, rho, e):
            n = Symbols(c, mu, rho)
            values = {"mu": n.mu, "sigma": n.sigma}
            values[symbol] = f(values[symbol])
            return values["mu"] + values["sigma"] * e

        return drawn

    return draw


@family_of_mistakes
def other_scales_everywhere(chain):
    """Another sigma in the draw and in the KL alike."""
    if not (pathwise(chain) and chain.gaussian_prior):
        return []
    found = []
    for name, wrong, f in substitutes(chain, "sigma"):
        (whole, _) = _draw(f"sigma-{name}-and-in-the-kl", f"mu + {wrong} ∘ eps",
                           lambda n, e, f=f: n.mu + f(n.sigma, n) * e)  # fmt: skip
        more = ("kl_q", in_the_value(("trace", "entropy"), f))
        found.append(replace(whole, changes=(*whole.changes, more)))
    return found


@family_of_mistakes
def other_scales(chain):
    """The same for sampled pre-activations, whose variance is made of sigma."""
    if not (chain.fine and chain.local and chain.has_rho):
        return []
    return [
        Mistake(f"draw-sigma-{name}", "E62", f"v = Σ x² s², s = {wrong}",
                "v = Σ x² sigma²", _HINT, _REVEAL, (("scale", _scale(f)),))
        for name, wrong, f in substitutes(chain, "sigma")
    ]  # fmt: skip


def _scale(f):
    def change(scale, c):
        return lambda rho: f(scale(rho), Symbols(c, None, rho))

    return change


# --- the noise ------------------------------------------------------------------------

_MODES = {
    "": "{} on the way back",
    "-in-both-passes": "{}, forward and back",
    "-in-the-forward-pass": "{} in the forward pass alone",
}
_NOISE = "eps_s of the draw, one number for every weight and sample"
_SAME = "Which eps made the weights at which g_s was computed?"
_OWN = "How many independent numbers does one draw of all weights need?"


def _noise(name, wrong, f, label):
    """Wrong noise on the way back, on both ways, on the way forward."""
    right_back = ("eps", lambda e, c: c.given_noise)
    forward = ("noise", lambda e, c: f(e, c))
    changes = ((("eps", lambda e, c: f(e, c)),), (forward,), (forward, right_back))
    for (mode, words), change in zip(_MODES.items(), changes, strict=True):
        hint = _OWN if "both" in mode else _SAME
        yield Mistake(f"eps-{name}{mode}", label, words.format(wrong), _NOISE, hint,
                      "take S >= 3 samples and noise that is not ±1", change,
                      touches=("mu", "rho") if mode else ("rho",))  # fmt: skip


@family_of_mistakes
def other_noise(chain):
    """Another symbol, another sample's, another weight's noise."""
    if not pathwise(chain):
        return []
    found = []
    for name, wrong, f in _noise_rules(chain):
        found += _noise(name, wrong, f, "E14")
    return found


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


@family_of_mistakes
def other_local_noise(chain):
    """Another sample's noise where pre-activations are sampled."""
    if not (chain.fine and chain.local):
        return []
    found = []
    for name, words, op in along("sample"):
        found += list(_noise(name, f"eps {words}", _over(op), "E62"))[1:2]
    return found


def _over(op):
    return lambda e, c: op(e, 0)
