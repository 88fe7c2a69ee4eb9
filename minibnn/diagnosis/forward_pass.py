"""One forward pass, run with the package's kernels, and the links it leaves behind.

The links listed in ``chain`` under "way forward" say how the pass is run; all others are
recorded while it runs. A changed link is another pass: ``Chain.world`` makes it.
"""

import copy

import numpy as np

from minibnn.diagnosis.blocks import parts_of
from minibnn.estimators.local_reparam import local_layers
from minibnn.families.normal import Normal
from minibnn.families.scales import SCALES
from minibnn.mistakes.symbols import Symbols
from minibnn.nn.activations import ACTIVATIONS
from minibnn.nn.mlp import dense
from minibnn.numerics import softplus

FORWARD_LINKS = (
    "features", "targets", "noise", "scale", "draw", "order", "activations", "last",
    "slopes_kept", "hidden", "before",
)  # fmt: skip
TINY = 1e-30  # the complex step


SIGMA = {"softplus": softplus, "exp": np.exp, "identity": lambda rho: rho}


class ForwardPass:
    """The links of one pass; the walk back along them is ``Chain``'s."""

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
            if self.activations and i:
                n = self.net.sizes[i]
                A[:, :n] = self.activations[i - 1](A[:, :n])
            if self.hidden and i:
                n = self.net.sizes[i]
                A[:, :n] = self.hidden(A[:, :n])
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


def slope_of(function, x):
    """The derivative of an elementwise analytic function, by the complex step."""
    return np.imag(function(x + TINY * 1j)) / TINY
