"""The gradient of the negative ELBO, link by link, with every link open to change.

A derivation is a chain: draw, layers, outputs, noise, scale, KL, weights of the sum.
Here the links are computed once with the package's kernels at one case; the gradient
then is a walk along them. A mistake is a change of one link, ``(link, function(value,
chain) -> value)``; two mistakes are two changes. Without changes the walk gives the
package's own gradient.

Links on the way forward. Changing one runs the forward pass again, and the way back is
then the right one *for that pass*: ``features`` (B,D+1), ``targets``, ``noise`` (S,M),
``scale`` = function rho -> sigma of the draw, ``draw`` = function (mu, rho, noise) ->
weights (S,P), both analytic, ``order`` = which weight stands where, ``activations`` =
a function for every hidden layer, ``last`` = one for the outputs; ``slopes_kept``: the
way back through the draw stays that of the right one; ``hidden`` = a function of every
layer's activations (S,H,B) that the way back takes for a constant change, ``before`` =
the same of what enters the activation.

Links on the way back: ``output`` ∂nll/∂F (S,B,C), ``own`` the same for the likelihood's
own weights (S,n), per layer the lists ``back`` (matrices), ``slopes``, ``inputs``,
``errors`` = ∂nll/∂Z as weight gradients meet it, ``passed`` = each of them as it is
handed down, and for local reparameterization ``back_var``, ``half_noise`` = eps/(2 √v),
``squares``, ``twice_inputs``; ``layer_gradients`` (S,D+1,H) each, ``flat`` = all of them
(S,P), ``order_back`` = where the gradient of a weight is put; ``eps`` (S,P); ``samples``
= gradients for mean and sigma, (S,P) each; ``dsigma`` and ``dlog`` = the derivatives of
sigma and log sigma for rho; ``kl_q`` = (∂KL/∂mean, ∂KL/∂log sigma); ``data``, ``kl`` and
``total``, flat over params.
"""

import copy
from functools import cached_property

import numpy as np

from minibnn.diagnosis.blocks import Blocks, parts_of
from minibnn.estimators.local_reparam import LocalReparam, local_layers
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.families.normal import Normal, add, scaled
from minibnn.families.point import Point
from minibnn.families.scales import SCALES
from minibnn.mistakes.symbols import Symbols
from minibnn.nn.activations import ACTIVATIONS
from minibnn.nn.mlp import dense
from minibnn.numerics import softplus
from minibnn.objective import objective

KL_LINKS = {"dlog", "kl_q", "kl"}
FORWARD_LINKS = (
    "features", "targets", "noise", "scale", "draw", "order", "activations", "last",
    "slopes_kept", "hidden", "before",
)  # fmt: skip
TINY = 1e-30  # the complex step
SIGMA = {"softplus": softplus, "exp": np.exp, "identity": lambda rho: rho}


class Chain:
    """The links of one case, and ``gradient(changes)`` along them."""

    def __init__(self, case):
        self.case = case
        self.model, self.family, self.net = case.model, case.family, case.model.net
        self.params = {key: np.asarray(a, float) for key, a in case.params.items()}
        self.noise = np.asarray(case.noise, float)
        X = np.asarray(case.X, float)
        self.A, self.y = self.model.batch(X, case.y)
        self.N, self.B, self.S = case.n_data, len(X), self.noise.shape[-2]
        self.beta, self.L, self.C = case.kl_weight, len(self.net.shapes), self.net.n_outputs
        self.local = isinstance(case.estimator, LocalReparam)
        self.blocks = Blocks(self.model, self.params)
        self.data, self.kl = self._terms()
        self.fine = self._is_fine()
        self._worlds, self.screens, self.twins = {}, {}, {}
        if self.fine:
            self._constants()
            self._links()

    def _is_fine(self):
        """Whether single links are known, not only the two terms."""
        closed = self.model.weight_prior.has_closed_kl
        return type(self.case.estimator) in (Pathwise, LocalReparam) and (
            type(self.family) is Point or (type(self.family) is MeanField and closed)
        )

    def _terms(self):
        """The right data term and the right weighted KL term, flat."""
        case = self.case
        self.q, pull = self.family.natural(self.params)
        nll, pull_nll, (_, self.g_kl) = case.estimator(
            self.model, self.family, self.q, self.noise, self.A, self.y
        )
        none = Normal(*(None if a is None else np.zeros_like(a) for a in self.q))
        g_nll = pull_nll(self.N / self.B / nll.shape[-1])
        data = self.blocks.flat(pull(add(g_nll, none)))
        return data, self.blocks.flat(pull(add(scaled(self.beta, self.g_kl), none)))

    def _prior_links(self):
        """∂KL, and a Gaussian prior's mean and scale for every weight."""
        self.kl_q = self.g_kl.mean, self.g_kl.log_sigma
        self.gaussian_prior = self.model.weight_prior.is_gaussian
        if self.gaussian_prior:
            self.m0, self.s0 = self.model.weight_prior.mean_and_sd(self.model.n_weights)

    # --- one pass forward -----------------------------------------------------------

    def _constants(self):
        """What no changed forward pass changes: scale, prior, the right links."""
        self.has_rho = "rho" in self.params
        self.mu, self.rho = self.params["mu"], self.params.get("rho")
        self.act = ACTIVATIONS[self.net.activation]
        self.scale = self.order = self.draw = self.activations = self.last = None
        self.hidden = self.before = None
        self.slopes_kept, self.given_noise = False, self.noise
        if self.has_rho:
            (self.sigma, _), pull = SCALES[self.family.scale].forward(self.rho)
            one = np.ones_like(self.sigma)
            self.dsigma, self.dlog = pull(one, None), pull(None, one)
            self.right_scale = SIGMA[self.family.scale]
            self.scale = self.right_scale
        self._prior_links()
        self.symbols, self.parts = Symbols(self), parts_of(self)
        if self.has_rho:  # one complex step along mu, one along rho
            h = TINY * 1j
            self.along_mu = Symbols(self, self.mu + h, self.rho + 0j)
            self.along_rho = Symbols(self, self.mu + 0j, self.rho + h)

    def _links(self):
        """Everything the way back needs, recorded on one pass forward."""
        layers, v = self._local_layers() if self.local else self._sampled_layers()
        self.inputs, self.Z, net = [], [], self.net
        if self.activations:
            net = copy.copy(net)
            net.activation = "identity"  # theirs are applied where inputs are recorded
        recorded = [self._recorded(i, layer) for i, layer in enumerate(layers)]
        self.F, _ = net.run(self.A, recorded, (self.S,), np.empty(0))
        self.v = v
        outputs = self.F if self.last is None else self.last(self.F)
        self.nll, self.output, self.own = self.model.likelihood(outputs, self.y, v)
        if self.last is not None:
            self.output = self.output * slope_of(self.last, self.F)
        if self.own is None:
            self.own = np.zeros((self.S, 0))
        self._recorded_links()

    def _recorded_links(self):
        """Slopes, squares and shares of the noise, from what was recorded."""
        bias, act = self.net.bias, self.act
        self.outputs = [A[:, : A.shape[1] - bias] for A in self.inputs[1:]]
        self.slopes = [act.slope(A, np.ones_like(A)) for A in self.outputs]
        if self.activations:
            pairs = zip(self.activations, self.Z, strict=False)
            self.slopes = [slope_of(function, Z) for function, Z in pairs]
        self.squares = [A * A for A in self.inputs]
        self.twice_inputs = [2.0 * A[:, : A.shape[1] - bias] for A in self.inputs]
        if self.local:
            self.half_noise = [self._half_noise(i) for i in range(self.L)]
            own = self.model.n_weights - self.net.n_weights
            self.own_noise = self.noise[:, self.noise.shape[1] - own :]

    def _recorded(self, i, layer):
        def run(A, out):
            inner = A[:, : self.net.sizes[i]]  # without the row of ones
            if self.activations and i:
                inner[...] = self.activations[i - 1](inner)
            if self.hidden and i:
                inner[...] = self.hidden(inner)
            pull = layer(A, out)
            if self.before and i < self.L - 1:
                out[...] = self.before(out)
            self.inputs.append(np.broadcast_to(A, (self.S,) + A.shape[1:]).copy())
            self.Z.append(out.copy())
            return pull

        return run

    def draw_weights(self):
        """w, and its slopes for mu and rho: the first step of the pass."""
        self.eps, self.to_mu = self.noise, 1.0
        self.w = np.array(self._drawn(self.mu, self.rho))
        if self.has_rho and not self.slopes_kept:
            self._draw_slopes()

    def _sampled_layers(self):
        self.draw_weights()
        w = self.w
        if self.order is not None:
            w = w[:, self.order]
        n = self.net.n_weights
        self.back = self.net.blocks(w[:, :n])
        unused = self.net.blocks(np.empty((self.S, n)))
        pairs = zip(self.back, unused, strict=True)
        return [dense(W, g, self.net.bias) for W, g in pairs], w[:, n:]

    def _drawn(self, mu, rho):
        if self.draw is not None:
            return self.draw(mu, rho, self.noise)
        sigma = self.scale(rho) if self.has_rho else None
        return self.family.sample(Normal(mu, sigma), self.noise)[0]

    def _draw_slopes(self):
        """∂w/∂mu and ∂w/∂rho of a changed draw; rho's as eps times a slope."""
        if self.draw is None:
            self.dsigma = slope_of(self.scale, self.rho)
            return
        h = TINY * 1j
        self.to_mu = np.imag(self._drawn(self.mu + h, self.rho)) / TINY
        to_rho = np.imag(self._drawn(self.mu, self.rho + h)) / TINY
        self.eps = np.divide(to_rho, self.dsigma, where=self.dsigma != 0,
                             out=np.zeros_like(to_rho))  # fmt: skip

    def _local_layers(self):
        self.eps, self.to_mu = np.zeros((self.S, 0)), 1.0
        self.dsigma = slope_of(self.scale, self.rho)
        self.spread = self.scale(self.rho)
        q = Normal(self.mu, self.spread)
        mean, var, _ = self.family.moments(q)
        empty = np.empty_like(mean), np.empty_like(var)
        layers, rest = local_layers(self.net, (mean, var), empty, self.A, self.noise)
        self.back = [M[None] for M in self.net.blocks(mean)]
        self.back_var = [V[None] for V in self.net.blocks(var)]
        n = self.net.n_weights
        return layers, mean[n:] + np.sqrt(var[n:]) * rest

    def _half_noise(self, i):
        """eps / (2 √v) of layer i, 0 where the variance is 0: the slope in (E62)."""
        start = self.B * sum(self.net.sizes[1 : i + 1])
        H = self.net.sizes[i + 1]
        eps = self.noise[:, start : start + H * self.B].reshape(self.S, H, self.B)
        sd = np.sqrt(self.back_var[i].swapaxes(-1, -2) @ self.squares[i])
        return np.divide(eps, 2 * sd, out=np.zeros_like(eps), where=sd > 0)

    # --- the walk -------------------------------------------------------------------

    def world(self, changes):
        """The chain whose forward pass has these changes; itself, if none concerns it.

        Functions of the changes still left see that world's links.
        """
        forward = tuple(c for c in changes if c[0] in FORWARD_LINKS)
        if not forward:
            return self
        if forward not in self._worlds:
            world = self._altered(forward)
            with np.errstate(all="ignore"):
                world._links()
                world.data = world._data(lambda link, right: right)
            self._worlds[forward] = world
        return self._worlds[forward]

    def _altered(self, forward):
        """The chain with other settings of its forward pass, which is yet to be run."""
        world = copy.copy(self)
        world.A = _applied(forward, self, "features", self.A)
        world.y = _applied(forward, self, "targets", self.y)
        for link in FORWARD_LINKS[2:]:
            value = _applied(forward, self, link, getattr(self, link))
            setattr(world, link, value)
        return world

    def data_of_draws(self, many):
        """The data terms of many changes that concern the draw alone, in one pass.

        Each is one more set of samples for the package's own ``Model.nll``.
        """
        worlds = []
        with np.errstate(all="ignore"):
            for changes in many:
                world = self._altered([c for c in changes if c[0] in FORWARD_LINKS])
                world.draw_weights()
                world.eps = _applied(changes, world, "eps", world.eps)
                worlds.append(world)
            w = np.concatenate([world.w for world in worlds])
            g_w = self.model.nll(w, self.A, self.y)[1]().reshape(-1, self.S, w.shape[-1])
            weight = self.N / self.B / self.S
            for world, g in zip(worlds, g_w, strict=True):
                g_sigma = (g * world.eps).sum(0) * world.dsigma
                mu = (g * world.to_mu).sum(0)
                yield self.blocks.flat({"mu": weight * mu, "rho": weight * g_sigma})

    def gradient(self, changes=()):
        """The flat gradient with some links changed; a mistake may well be inf."""
        with np.errstate(all="ignore"):
            whole = self.data_term(changes) + self.kl_term(changes)
            return _applied(changes, self.world(changes), "total", whole)

    def data_term(self, changes):
        """The flat data term with some links changed."""
        world = self.world(changes)
        data, links = world.data, {link for link, _ in changes}
        if links - KL_LINKS - {"data", "total"} - set(FORWARD_LINKS):
            data = world._data(lambda link, right: _applied(changes, world, link, right))
        return _applied(changes, world, "data", data)

    def kl_term(self, changes):
        """The flat weighted KL term with some links changed."""
        kl = self.kl
        if any(link in ("dlog", "kl_q") for link, _ in changes):
            kl = self._kl(lambda link, right: _applied(changes, self, link, right))
        return _applied(changes, self, "kl", kl)

    def _data(self, link):
        """(E25) backwards, (E14) or (E62), and the scale's chain rule (E11-E13)."""
        g_w, g_sigma = link("samples", self._samples(link))
        weight = self.N / self.B / self.S
        parts = {"mu": weight * g_w.sum(0)}
        if self.has_rho:
            parts["rho"] = weight * g_sigma.sum(0) * link("dsigma", self.dsigma)
        return self.blocks.flat(parts)

    def _samples(self, link):
        """Per-sample gradients for the mean and for sigma, (S, P) each."""
        own, eps = link("own", self.own), link("eps", self.eps)
        g_w, g_var = self._backward(link)
        g_w = link("flat", _flat_layers(link("layer_gradients", g_w), own))
        order = link("order_back", self.order)
        if order is not None:  # a weight that stood in several places hears from all
            stood, g_w = g_w, np.zeros_like(g_w)
            np.add.at(g_w, (slice(None), order), stood)
        if not self.has_rho:
            return g_w * self.to_mu, None
        if not self.local:
            return g_w * self.to_mu, g_w * eps
        # for the likelihood's own weights (E62) is dv/dsigma = eps
        g_sigma = 2 * self.spread * _flat_layers(g_var, np.zeros_like(own))
        g_sigma[:, self.net.n_weights :] = own * self.own_noise
        return g_w, g_sigma

    def _backward(self, link):
        """The layer recursion backwards: gradients of every layer's matrices."""
        names = ("back", "slopes", "inputs")
        back, slopes, inputs = (link(k, getattr(self, k)) for k in names)
        if self.local:
            names = ("back_var", "half_noise", "squares", "twice_inputs")
            var, half, squares, twice = (link(k, getattr(self, k)) for k in names)
        g = link("output", self.output).swapaxes(-1, -2)
        errors, g_var = [None] * self.L, [None] * self.L
        for i in reversed(range(self.L)):
            n_in = self.net.sizes[i]
            errors[i] = g
            g = link("passed", g)
            down = back[i][:, :n_in] @ g if i else None
            if self.local:
                g_v = g * half[i]
                g_var[i] = squares[i] @ g_v.swapaxes(-1, -2)
                if i:
                    down = down + twice[i] * (var[i][:, :n_in] @ g_v)
            g = down * slopes[i - 1] if i else None
        errors = link("errors", errors)
        pairs = zip(inputs, errors, strict=True)
        return [A @ g.swapaxes(-1, -2) for A, g in pairs], g_var

    def _kl(self, link):
        g_mean, g_log_sigma = link("kl_q", self.kl_q)
        parts = {"mu": self.beta * g_mean}
        if self.has_rho:
            parts["rho"] = self.beta * g_log_sigma * link("dlog", self.dlog)
        return self.blocks.flat(parts)

    # --- how exactly a gradient can be expected -------------------------------------

    @cached_property
    def right(self):
        """The package's own gradient, flat."""
        return self.blocks.flat(self._objective(self.params))

    def _objective(self, params):
        case = self.case
        return objective(
            self.model, self.family, params, self.noise, self.A, self.y,
            self.N, self.beta, case.estimator,
        )[1]()  # fmt: skip

    @cached_property
    def magnitude(self):
        """Sizes of the terms each coordinate is a sum of: the measure of rounding."""
        size = np.abs(self.data) + np.abs(self.kl)
        if not self.fine:
            return size
        g_w, g_sigma = self._samples(lambda link, right: right)
        weight = self.N / self.B / self.S
        parts = {"mu": weight * np.abs(g_w).sum(0)}
        if self.has_rho:
            parts["rho"] = weight * np.abs(g_sigma).sum(0) * np.abs(self.dsigma)
            parts["rho"] += self.beta * np.abs(self.dlog)  # r - 1 is a difference
        if self.gaussian_prior:
            parts["mu"] += self.beta * (np.abs(self.mu) + np.abs(self.m0)) / self.s0**2
        return size + self.blocks.flat(parts)

    def rounding(self, unit):
        """Spread of the right gradient over points one rounding ``unit`` apart."""
        rng = np.random.default_rng(0)
        spread = np.zeros_like(self.right)
        for _ in range(4):
            near = {key: a * (1 + unit * rng.integers(-1, 2, a.shape))
                    for key, a in self.params.items()}  # fmt: skip
            moved = np.abs(self.blocks.flat(self._objective(near)) - self.right)
            spread = np.maximum(spread, moved)
        return spread

    # --- labels of the kernels met here ---------------------------------------------

    def label(self, kind):
        """The equation label of this case's scale, likelihood or activation."""
        if kind == "scale":
            return SCALES[self.family.scale].forward.labels[0]
        if kind == "activation":
            slope = ACTIVATIONS[self.net.activation].slope
            return getattr(slope, "labels", ("E25",))[0]
        if kind == "likelihood":
            return self.model.likelihood.label
        return kind


def _applied(changes, chain, link, value):
    for name, function in changes:
        if name == link:
            value = function(value, chain)
    return value


def _flat_layers(layers, own):
    flat = [block.reshape(len(block), -1) for block in layers]
    return np.concatenate([*flat, own], axis=-1)

def slope_of(function, x):
    """The derivative of an elementwise analytic function, by the complex step."""
    return np.imag(function(x + TINY * 1j)) / TINY
