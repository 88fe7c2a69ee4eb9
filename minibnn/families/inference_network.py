"""The inference network: a network of ours that outputs the posterior of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import numpy as np

from minibnn.equations import equation
from minibnn.families.mean_field import MeanField
from minibnn.families.normal import Normal
from minibnn.families.scales import ScaledFamily
from minibnn.model import Model
from minibnn.nn.mlp import MLP, initial_weights
from minibnn.types import ArrayLike, FloatArray, Params, Rng
from minibnn.validation.arguments import (
    as_float_array,
    as_rng,
    check_choice,
    check_instance,
    check_protocol,
    check_shape,
)
from minibnn.validation.own import kept


@equation("E16")
def two_heads(network, phi, context):
    """The two heads of the inference network, and the way back through both.

    (E16)  [mu; rho] = network(c; phi),   ∂loss/∂phi = Jᵀ [g_mu; g_rho],
           J = ∂[mu; rho]/∂phi
    Derivation.  The loss sees phi only through mu and rho. Their gradients, those
        of a mean-field family, are the cotangents of the network's outputs, and the
        network's own way back (E25) multiplies them by Jᵀ. Tasks are rows of its
        batch, so the gradients of phi add up over tasks.
    Shapes.  phi (..., n), context (T, C) or (C,) -> mu, rho (..., T, P) or (..., P);
        pull: (g_mu, g_rho) -> phi (..., n)
    """
    rows = np.atleast_2d(context).astype(phi.real.dtype, copy=False)
    F, pull_network = network.apply(phi[..., None, :], network.features(rows))
    heads = F[..., 0, :, :].reshape(phi.shape[:-1] + context.shape[:-1] + F.shape[-1:])

    def pull(g_mu, g_rho):
        g_F = np.concatenate([g_mu, g_rho], -1).reshape(F.shape)
        return pull_network(g_F)[..., 0, :]

    return np.split(heads, 2, -1), pull


class InferenceNetwork(ScaledFamily):
    """q(w | c) = N(mu_phi(c), sigma_phi(c)²): a network reads a context, writes q.

    With one constant context it is another way to write down a mean-field posterior.
    With one context per data set (a summary of it) it is *amortised*: trained on many
    data sets, it gives the posterior of a new one in a single forward pass,
    ``family.at(new_context).natural(params)``.

    ``params``: {"phi": (network.n_weights,)}.

    Parameters
    ----------
    network : MLP
        From C context numbers to 2 P: first the means, then the raw scales rho.
    context : array (C,) or (T, C)
        (T, C): T data sets (tasks). X is then (T, N, D) and y (T, N); losses are (T,)
        and the gradients of phi are summed over tasks.
    scale : {"softplus", "exp"}
        How rho becomes a standard deviation.
    sigma : float
        Standard deviation every weight starts with, whatever the context; > 0.

    Raises
    ------
    ValueError, TypeError
        If the contexts are not as wide as the network's input, or another argument does
        not fit.

    Examples
    --------
    >>> import minibnn as mb
    >>> import numpy as np
    >>> model = mb.Model(mb.MLP([1, 1]), mb.Gaussian(0.1), mb.GaussianPrior())
    >>> network = mb.MLP([3, 8, 4], "tanh")  # context -> 2 means, 2 raw scales
    >>> family = mb.InferenceNetwork(network, context=np.zeros((5, 3)))
    >>> params = family.init(model, rng=0)
    >>> family.natural(params)[0].mean.shape  # one posterior for each of 5 data sets
    (5, 2)
    >>> family.at(np.ones(3)).natural(params)[0].mean.shape  # and one for a new one
    (2,)
    """

    has_moments = reads_context = True
    labels = (("natural", "E16"),)

    # Given its context, q is that of a mean field.
    sample, kl, density = MeanField.sample, MeanField.kl, MeanField.density
    moments, marginals = MeanField.moments, MeanField.marginals
    neg_entropy = MeanField.neg_entropy

    def __init__(
        self,
        network: MLP,
        context: ArrayLike,
        scale: str = "softplus",
        sigma: float = 0.05,
    ) -> None:
        super().__init__(check_choice("scale", scale, ["exp", "softplus"]), sigma)
        self.network = check_instance("network", network, MLP, "an MLP")
        self.context: FloatArray = kept(as_float_array("context", context, ndim=(1, 2)))
        self.tasks = self.context.shape[:-1]  # (T,), or () for one constant context
        wanted = (*self.tasks, network.n_inputs)
        check_shape("context", self.context, wanted)

    def __repr__(self) -> str:
        return (
            f"InferenceNetwork({self.network!r}, context of shape {self.context.shape})"
        )

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """Two tasks, each with a context of its own, and one constant context."""
        net, contexts = MLP([2, 3, 2 * n_weights], "tanh"), [[0.4, -1.1], [1.3, 0.2]]
        return [cls(net, contexts), cls(net, contexts[0], "exp")]

    def at(self, context: ArrayLike) -> InferenceNetwork:
        """The same network reading other contexts: the posteriors of new data sets.

        Parameters
        ----------
        context : array (C,) or (T, C)

        Raises
        ------
        ValueError, TypeError
            If the contexts are not as wide as the network's input.
        """
        return InferenceNetwork(self.network, context, self.scale, self.sigma)

    def shapes(self, model: Model) -> dict[str, tuple[int, ...]]:
        """Shape of every array in ``params``; checks the network's width."""
        have, want = self.network.n_outputs, 2 * model.n_weights
        if have != want:
            raise ValueError(
                f"the inference network must have {want} outputs, a mean and a raw "
                f"scale for each of the model's {model.n_weights} weights, got {have}"
            )
        return {"phi": (self.network.n_weights,)}

    def init(self, model: Model, rng: Rng = None) -> Params:
        """Nearly the same q for every context: what mean field starts with."""
        self.shapes(check_protocol("model", model, "log_joint"))
        rng = as_rng(rng)
        phi = initial_weights(self.network, rng)
        heads = self.network.blocks(phi)[-1]
        heads *= 0.1
        if self.network.bias:
            rho = np.full(model.n_weights, self.raw(self.sigma))
            heads[-1] = np.concatenate([model.initial_weights(rng), rho])
        return {"phi": phi}

    def natural(self, params: Params) -> tuple[Normal, Callable[[Normal], Params]]:
        """phi -> q of every task, and ``pull(cotangent of q) -> {"phi": ...}``."""
        (mu, rho), pull_heads = two_heads(self.network, params["phi"], self.context)
        q, pull_q = self.spread(mu, rho)

        def pull(c):
            g = pull_q(c)
            return {"phi": pull_heads(g["mu"], g["rho"])}

        return q, pull
