"""A wrong factor or a wrong weight's number in the chain rule, by rule (E11-E14).

The last factors of the gradient belong to one weight each: ∂sigma/∂rho in the data term
and in the KL, and the sums over samples for mu and sigma. Each may be another symbol,
be multiplied with one too many, or stand at another weight's place.
"""

from minibnn.mistakes.along import rearranged
from minibnn.mistakes.arrays import TWO, WORDS, label_of, of_array, swapped, two_arrays
from minibnn.mistakes.catalogue import Mistake, fine, rule, sigmas
from minibnn.mistakes.scale import PLACES, in_places
from minibnn.mistakes.symbols import substitutes

_REVEAL = "take rho, sigma and mu that differ between weights, none of them 1"


def _symbols(chain, symbol):
    """(name, wrong, function(value, chain)): other numbers, functions and factors."""
    for name, wrong, f in substitutes(chain, symbol):
        yield name, wrong, lambda v, c, f=f: f(v, c.symbols)


def _places(chain, symbol):
    """The same for numbers of other weights."""
    for name, words, f in rearranged(chain):
        yield name, f"{symbol} {words}", lambda v, c, f=f: f(v)


@rule(sigmas)
def slopes(chain):
    """Another number for ∂sigma/∂rho, or another weight's."""
    right = "∂sigma/∂rho"
    for name, wrong, slope in (*_symbols(chain, right), *_places(chain, right)):
        for suffix, place in PLACES.items():
            yield Mistake(f"scale-slope-{name}{suffix}", "scale",
                          f"{wrong} for ∂sigma/∂rho in {place[0]}",
                          "∂loss/∂rho = ∂loss/∂sigma ∘ ∂sigma/∂rho",
                          "Which number does the optimiser change, and how does sigma "
                          "follow it, weight by weight?", _REVEAL,
                          in_places(slope, place), touches=("rho",))  # fmt: skip


@rule(fine)
def arrays(chain):
    """Gradients of one array times a number of the weight, or another weight's."""
    places = [("loss", "∂loss", "total", ()), ("data", "∂nll", "data", ())]
    if chain.has_rho:
        places += [
            (f"{term}-{key}", f"∂{term}/∂{key}", link, (key,))
            for key in ("mu", "rho")
            for term, link in (("loss", "total"), ("data", "data"), ("kl", "kl"))
        ]
    for place, formula, link, keys in places:
        rules = _factors(chain, formula) if "kl" not in place else ()
        for name, wrong, f in (*rules, *_places(chain, formula)):
            yield Mistake(f"gradient-of-{place}-{name}", label_of(place), wrong,
                          f"{formula}, weight by weight",
                          "Take one weight. Which factors does its own derivative have?",
                          _REVEAL, ((link, of_array(f, keys)),),
                          touches=keys or ("mu", "rho"))  # fmt: skip


def _factors(chain, formula):
    """Functions of a gradient and factors of a weight's number."""
    for name, wrong, f in _symbols(chain, formula):
        if "replaced" not in name:
            yield name, wrong, f
    for name, (words, f) in _SLOPES.items():
        if chain.has_rho:
            yield f"times-{name}", f"{formula} ∘ {words}", lambda v, c, f=f: v * f(c)


_SLOPES = {
    "slope": ("∂sigma/∂rho", lambda c: c.dsigma),
    "inverse-slope": ("1/(∂sigma/∂rho)", lambda c: 1 / c.dsigma),
    "log-slope": ("∂log sigma/∂rho", lambda c: c.dlog),
}


@rule(sigmas)
def crossed(chain):
    """A term of one array added to the other, or in the place of a term there."""
    for to, other in (("mu", "rho"), ("rho", "mu")):
        for source in ("data", "kl"):
            words = f"{WORDS[source]}/∂{other}"
            yield _crossed(f"{source}-of-{other}-added-to-{to}",
                           f"{words} added to ∂loss/∂{to} as well", to,
                           lambda c, s=source, o=other: _term(c, s, o))  # fmt: skip
            for term in ("data", "kl"):
                yield _crossed(f"{source}-of-{other}-in-place-of-{term}-of-{to}",
                               f"{words} for {WORDS[term]}/∂{to}", to,
                               lambda c, s=source, o=other, t=term, k=to:
                               _term(c, s, o) - _term(c, t, k))  # fmt: skip
            yield _crossed(f"{source}-of-{to}-twice", f"{WORDS[source]}/∂{to} added twice",
                           to, lambda c, s=source, k=to: _term(c, s, k))  # fmt: skip
    if not chain.local:
        yield Mistake("noise-in-gradient-of-mu", "E52", "Σ_s g_s ∘ eps_s for mu as well",
                      "∂w/∂mu = 1", TWO, "take noise that is not 1",
                      (("samples", lambda value, c: (value[1], value[1])),),
                      touches=("mu",))  # fmt: skip
    for term, words in WORDS.items():
        yield two_arrays(f"{term}-of-mu-and-rho-exchanged",
                         f"{words}/∂mu and {words}/∂rho exchanged", "E53", swapped,
                         link=term)  # fmt: skip


def _term(c, term, key):
    return c.blocks.split({"data": c.data, "kl": c.kl}[term])[key]


def _crossed(name, wrong, to, added):
    """``added`` is what one array of the gradient has too much."""
    return two_arrays(name, wrong, label_of(to),
                      lambda parts, c: {to: parts[to] + added(c)},
                      touches=(to,))  # fmt: skip
