"""What all families share, and what of each of them may be asked."""

import math


class Family:
    """Free numbers, a dict of arrays ``params`` -> a normal q over the weights, and back.

    ``shapes(model)`` and ``init(model, rng)`` make params; ``natural(params)`` turns
    them into a :class:`Normal` q and a pullback from cotangents of q to gradients of
    params. ``sample``, ``kl``, ``marginals`` and, by what it ``has``, ``density``,
    ``neg_entropy``, ``moments``, ``natural_step``, ``curvature_step`` speak of q.
    """

    has_elbo = True  # a density, an entropy, and with them a KL
    has_moments = False  # weights are independent: mean and variance say everything
    has_natural_step = has_curvature_step = False
    literal = False  # rho is sigma itself, which a step may carry out of (0, inf)
    fixed_noise_start = False  # L-BFGS at fixed noise is a good start
    reads_context = False  # a network makes q: it has ``network`` and ``at``
    tasks = ()  # leading shape of q that params has not: one posterior per data set
    first_fit = None  # a simpler family whose solution is the start
    labels = ()  # (method, label of its formula)

    def check_params(self, params):
        """Raise ValueError naming the first number outside its range; here all are in."""

    def keep_valid(self, params, clip=None):
        """After a step: raise if a number left its range; here none can."""

    def noise_size(self, model):
        """Standard normals one weight sample needs."""
        return model.n_weights

    def rate(self, model):
        """The largest step size of Adam that serves from a good start."""
        return math.inf
