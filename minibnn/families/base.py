"""What all families share, and what of each of them may be asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Self

from minibnn.families.normal import Normal
from minibnn.model import Model
from minibnn.priors.base import Prior
from minibnn.types import FloatArray, Params, Rng


class Family:
    """Free numbers, a dict of arrays ``params`` -> a normal q over the weights, and back.

    ``shapes`` and ``init`` make params, ``natural`` turns them into q; all other methods
    speak of q. A family has those without a body here by what it says it ``has``.
    """

    has_elbo: bool = True  # a density, an entropy, and with them a KL
    has_moments: bool = False  # weights are independent: mean and variance say all
    has_natural_step: bool = False
    has_curvature_step: bool = False
    literal: bool = False  # rho is sigma itself, which a step may carry out of (0, inf)
    fixed_noise_start: bool = False  # L-BFGS at fixed noise is a good start
    reads_context: bool = False  # a network makes q: it has ``network`` and ``at``
    tasks: tuple[int, ...] = ()  # of q, not of params: one posterior per data set
    labels: tuple[tuple[str, str], ...] = ()  # (method, label of its formula)

    density: Callable[
        [Normal, FloatArray],
        tuple[FloatArray, FloatArray, Callable[[FloatArray], Normal]],
    ]
    neg_entropy: Callable[[Normal], tuple[FloatArray, Normal]]
    moments: Callable[
        [Normal],
        tuple[FloatArray, FloatArray, Callable[[FloatArray, FloatArray], Normal]],
    ]
    natural_step: Callable[[Params, Params, float], None]
    curvature_step: Callable[[Params, FloatArray, Prior, FloatArray, float], None]

    @classmethod
    def examples(cls, n_weights: int) -> list[Self]:
        """Families worth testing.

        Parameters
        ----------
        n_weights : int
            P of the model they are for.
        """
        return []

    @property
    def first_fit(self) -> Family | Any:
        """A simpler family whose solution is the start, or None."""
        return None

    def shapes(self, model: Model) -> dict[str, tuple[int, ...]]:
        """Shape of every array in params.

        Parameters
        ----------
        model : Model
        """
        raise NotImplementedError

    def init(self, model: Model, rng: Rng = None) -> Params:
        """Params to begin with.

        Parameters
        ----------
        model : Model
        rng : int, SeedSequence, Generator or None
            Where the means, a new network's weights, are drawn from.

        Raises
        ------
        ValueError, TypeError
            If model is none, or rng no source of random numbers.
        """
        raise NotImplementedError

    def natural(self, params: Params) -> tuple[Normal, Callable[[Normal], Params]]:
        """q, and the way back to params.

        Parameters
        ----------
        params : dict of arrays
            Shapes as ``shapes`` says, after any replica axes (...).

        Returns
        -------
        q : Normal
            Arrays (..., *tasks, P).
        pull : function
            Cotangent of q -> gradients, a dict like params.
        """
        raise NotImplementedError

    def sample(
        self, q: Normal, eps: FloatArray
    ) -> tuple[FloatArray, Callable[[FloatArray], Normal]]:
        """Weights that standard normals make, and the way back to q.

        Parameters
        ----------
        q : Normal
        eps : array (..., S, noise_size)
            Standard normals.

        Returns
        -------
        w : array (..., S, P)
        pull : function
            Cotangent of w -> cotangent of q.
        """
        raise NotImplementedError

    def kl(self, q: Normal, prior: Prior) -> tuple[FloatArray, Normal]:
        """KL(q || prior), and its cotangent.

        Parameters
        ----------
        q : Normal
        prior : Prior
            One with a closed KL.

        Returns
        -------
        value : array (...)
        cotangent of q : Normal
        """
        raise NotImplementedError

    def marginals(self, q: Normal) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of every weight by itself.

        Parameters
        ----------
        q : Normal

        Returns
        -------
        mean, variance : arrays (..., P)
        """
        raise NotImplementedError

    def check_params(self, params: Params) -> None:
        """Raise ValueError naming the first number outside its range; here all are in.

        Parameters
        ----------
        params : dict of arrays
        """

    def keep_valid(self, params: Params, clip: float | None = None) -> None:
        """After a step: raise ValueError if a number left its range; here none can.

        Parameters
        ----------
        params : dict of arrays
            Changed in place where clip asks for it.
        clip : float, optional
            Least sigma, for scales that a step may carry below it.
        """

    def noise_size(self, model: Model) -> int:
        """Standard normals one weight sample needs.

        Parameters
        ----------
        model : Model
        """
        return model.n_weights

    def rate(self, model: Model) -> float:
        """The largest step size of Adam that serves from a good start.

        Parameters
        ----------
        model : Model
        """
        return math.inf
