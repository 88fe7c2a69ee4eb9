"""Mistakes with the two arrays: one or a layer forgotten, terms in the wrong one (E52)."""

from minibnn.mistakes.catalogue import Mistake, known, rule, sigmas

TWO = "Draw an arrow from each term to the array it differentiates for."
WORDS = {"data": "∂nll", "kl": "beta ∂KL"}
_SIGMAS = "take sigmas other than 1 and data that pull"


def label_of(place):
    """E53 for what concerns rho, else E52."""
    return "E53" if "rho" in place else "E52"


def of_array(f, keys=()):
    """The change of one array, or of all, of a flat vector over the params."""

    def change(value, c):
        parts = c.blocks.split(value)
        chosen = keys or tuple(parts)
        return c.blocks.flat({k: f(a, c) if k in chosen else a for k, a in parts.items()})

    return change


def two_arrays(name, wrong, label, function, right="each term in its own array",
               link="total", touches=("mu", "rho")):  # fmt: skip
    """A mistake by which ``function(parts, chain)`` gives some arrays anew."""

    def change(value, c):
        parts = c.blocks.split(value)
        return c.blocks.flat({**parts, **function(parts, c)})

    return Mistake(name, label, wrong, right, TWO, _SIGMAS, ((link, change),), sigmas,
                   touches)  # fmt: skip


def swapped(parts, c):
    return {"mu": parts["rho"], "rho": parts["mu"]}


known(
    __name__,
    two_arrays("mu-and-rho-swapped", "the two arrays exchanged", "E53", swapped, "mu, rho"),
    two_arrays("rho-gets-gradient-of-mu", "∂loss/∂mu for rho", "E53",
         lambda parts, c: {"rho": parts["mu"]}, "∂loss/∂rho"),
    two_arrays("mu-gets-gradient-of-rho", "∂loss/∂rho for mu", "E52",
         lambda parts, c: {"mu": parts["rho"]}, "∂loss/∂mu"),
)  # fmt: skip


@rule(lambda chain: True)
def forgotten(chain):
    """An array, or a layer of it, that gets no gradient at all."""
    keys, layers = chain.blocks.keys, range(1, chain.L + 1)
    for key in keys if len(keys) > 1 else ():
        label = label_of(key) if key in ("mu", "rho") else "E51"
        yield _forgotten(f"for-{key}", label, f"∂loss/∂{key}", f"∂loss/∂{key}", key,
                         "Which arrays does the optimiser change?")  # fmt: skip
    for layer in layers if chain.L > 1 else ():
        yield _forgotten(f"for-layer-{layer}", "E25", f"the gradient of layer {layer}",
                         "of every layer", layer,
                         "Which layers does your loop visit?")  # fmt: skip


def _forgotten(name, label, what, right, which, hint):
    def change(total, c):
        out = total.copy()
        for name, cut in zip(c.blocks.names, c.blocks.slices, strict=True):
            if which in name[:2]:
                out[cut] = 0
        return out

    return Mistake(f"no-gradient-{name}", label, f"{what} = 0", right, hint,
                   "take a point that is no optimum", (("total", change),))  # fmt: skip
