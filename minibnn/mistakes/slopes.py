"""A wrong factor or a wrong weight's number in the chain rule, by rule (E11-E14).

The last factors of the gradient belong to one weight each: ∂sigma/∂rho in the data term
and in the KL, and the sums over samples for mu and sigma. Each may be another symbol,
be multiplied with one too many, or stand at another weight's place.
"""

from minibnn.mistakes.along import rearranged
from minibnn.mistakes.catalogue import Mistake, family_of_mistakes, fine, sigmas
from minibnn.mistakes.symbols import substitutes

_REVEAL = "take rho, sigma and mu that differ between weights, none of them 1"
_CHAIN = "∂loss/∂rho = ∂loss/∂sigma ∘ ∂sigma/∂rho"
_PLACES = {
    "": ("in data term and KL", True, True),
    "-in-data": ("in the data term", True, False),
    "-in-kl": ("in the KL", False, True),
}


@family_of_mistakes
def slopes(chain):
    """Another number for ∂sigma/∂rho, or another weight's."""
    if not sigmas(chain):
        return []
    found = []
    rules = [
        (name, wrong, lambda v, c, f=f: f(v, c.symbols))
        for name, wrong, f in substitutes(chain, "∂sigma/∂rho")
    ]
    rules += [
        (name, f"∂sigma/∂rho {words}", lambda v, c, f=f: f(v))
        for name, words, f in rearranged(chain)
    ]
    for name, wrong, slope in rules:
        for suffix, (words, in_data, in_kl) in _PLACES.items():
            changes = (("dsigma", slope),) if in_data else ()
            changes += (("dlog", _over_sigma(slope)),) if in_kl else ()
            found.append(
                Mistake(f"scale-slope-{name}{suffix}", "scale",
                        f"{wrong} for ∂sigma/∂rho {words}", _CHAIN,
                        "Which number does the optimiser change, and how does sigma "
                        "follow it, weight by weight?", _REVEAL, changes,
                        touches=("rho",))
            )  # fmt: skip
    return found


def _over_sigma(slope):
    return lambda value, c: slope(value * c.sigma, c) / c.sigma


# --- the two arrays -------------------------------------------------------------------


def _array(link, *keys):
    """Change one array, or all, of the data term, the KL or their sum."""

    def place(f):
        def change(value, c):
            parts = c.blocks.split(value)
            chosen = keys or tuple(parts)
            return c.blocks.flat(
                {k: f(a, c) if k in chosen else a for k, a in parts.items()}
            )

        return ((link, change),)

    return place


@family_of_mistakes
def arrays(chain):
    """Gradients of one array times a number of the weight, or another weight's."""
    if not fine(chain):
        return []
    places = [("loss", "∂loss", _array("total")), ("data", "∂nll", _array("data"))]
    if chain.has_rho:
        places += [
            (f"{term}-{key}", f"∂{term}/∂{key}", _array(link, key))
            for key in ("mu", "rho")
            for term, link in (("loss", "total"), ("data", "data"), ("kl", "kl"))
        ]
    found = []
    for name, formula, place in places:
        rules = _factors(chain, formula) if "kl" not in name else []
        rules += [
            (n, f"{formula} {words}", lambda v, c, f=f: f(v))
            for n, words, f in rearranged(chain)
        ]
        found += [
            Mistake(f"gradient-of-{name}-{rule}", "E53" if "rho" in name else "E52",
                    wrong, f"{formula}, weight by weight",
                    "Take one weight. Which factors does its own derivative have?",
                    _REVEAL, place(f),
                    touches=tuple(k for k in ("mu", "rho") if name.endswith(k))
                    or ("mu", "rho"))
            for rule, wrong, f in rules
        ]  # fmt: skip
    return found


def _factors(chain, formula):
    """(name, wrong, f) for functions of a gradient and factors of a weight's number."""
    return [
        (name, wrong, lambda v, c, f=f: f(v, c.symbols))
        for name, wrong, f in substitutes(chain, formula)
        if "replaced" not in name
    ] + [
        (f"times-{key}", f"{formula} ∘ {words}", lambda v, c, f=f: v * f(c))
        for key, (words, f) in _SLOPES.items()
        if chain.has_rho
    ]


_SLOPES = {
    "slope": ("∂sigma/∂rho", lambda c: c.dsigma),
    "inverse-slope": ("1/(∂sigma/∂rho)", lambda c: 1 / c.dsigma),
    "log-slope": ("∂log sigma/∂rho", lambda c: c.dlog),
}

# --- terms that meet the wrong array --------------------------------------------------

_TWO = "Draw an arrow from each term to the array it differentiates for."
_WORDS = {"data": "∂nll", "kl": "beta ∂KL"}


@family_of_mistakes
def crossed(chain):
    """A term of one array added to the other, or in the place of a term there."""
    if not sigmas(chain):
        return []
    found = []
    for to, other in (("mu", "rho"), ("rho", "mu")):
        for source in ("data", "kl"):
            found.append(_crossed(to, None, source, other))
            found += [_crossed(to, term, source, other) for term in ("data", "kl")]
            found.append(_doubled(to, source))
    if not chain.local:
        found.append(
            Mistake("noise-in-gradient-of-mu", "E52", "Σ_s g_s ∘ eps_s for mu as well",
                    "∂w/∂mu = 1", _TWO, "take noise that is not 1",
                    (("samples", lambda value, c: (value[1], value[1])),),
                    touches=("mu",))
        )  # fmt: skip
    return found + [_exchanged(term) for term in ("data", "kl")]


def _exchanged(term):
    def change(value, c):
        parts = c.blocks.split(value)
        return c.blocks.flat({"mu": parts["rho"], "rho": parts["mu"]})

    return Mistake(f"{term}-of-mu-and-rho-exchanged", "E53",
                   f"{_WORDS[term]}/∂mu and {_WORDS[term]}/∂rho exchanged",
                   "each term in its own array", _TWO, "take sigmas other than 1",
                   ((term, change),))  # fmt: skip


def _term(c, term, key):
    return c.blocks.split({"data": c.data, "kl": c.kl}[term])[key]


def _crossed(to, term, source, other):
    """``source`` of the other array added to ``to``, or in the place of ``term``."""

    def change(total, c):
        parts = c.blocks.split(total)
        own = _term(c, term, to) if term else 0.0
        parts[to] = parts[to] - own + _term(c, source, other)
        return c.blocks.flat(parts)

    name = f"{source}-of-{other}-in-place-of-{term}-of-{to}"
    wrong = f"{_WORDS[source]}/∂{other} for {_WORDS.get(term)}/∂{to}"
    if term is None:
        name = f"{source}-of-{other}-added-to-{to}"
        wrong = f"{_WORDS[source]}/∂{other} added to ∂loss/∂{to} as well"
    return Mistake(name, "E53" if to == "rho" else "E52", wrong,
                   "each term in its own array", _TWO,
                   "take sigmas other than 1 and data that pull",
                   (("total", change),), touches=(to,))  # fmt: skip


def _doubled(to, term):
    def change(total, c):
        parts = c.blocks.split(total)
        parts[to] = parts[to] + _term(c, term, to)
        return c.blocks.flat(parts)

    return Mistake(f"{term}-of-{to}-twice", "E53" if to == "rho" else "E52",
                   f"{_WORDS[term]}/∂{to} added twice", "once", _TWO,
                   "take a point where the term is not 0", (("total", change),),
                   touches=(to,))
