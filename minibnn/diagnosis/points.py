"""Points to test a gradient at, and what a point hides.

At the textbook point (prior N(0, 1), one sample, the whole data set, KL weight 1) many
mistakes change nothing, so no checker can see them there. ``generic`` gives a point
where every scale differs from every other; ``lint`` lists the known mistakes that are
invisible at a point of yours, each with what to change.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from minibnn.diagnosis.chain import Chain
from minibnn.diagnosis.screen import screened, unseen
from minibnn.estimators.base import Estimator
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.base import Family
from minibnn.families.scales import SCALES
from minibnn.likelihoods import Weighted
from minibnn.mistakes.catalogue import BY_RULE, LISTED, Description, catalogue
from minibnn.model import Model
from minibnn.svi.elbo import check_combination, neg_elbo
from minibnn.types import Array, FloatArray, Params, Rng
from minibnn.validation.arguments import as_inputs, as_rng, check_choice, check_instance
from minibnn.validation.doors import door
from minibnn.validation.own import keep_arrays

__all__ = ["Case", "generic", "lint", "resolution"]

RTOL = 1e-9  # of the terms of a coordinate: a mistake is visible if it moves it by more
RULES = tuple(page for page in BY_RULE if page != "precision")  # no set-up hides a bound
JITTER = 64  # roundings of the point whose effect on the gradient is forgiven


@door
@dataclass(frozen=True)
class Case:
    """Everything the gradient of the negative ELBO depends on, checked.

    Parameters
    ----------
    model, family : Model, and MeanField, Point, ...
    params : dict of arrays
        As ``family.init`` makes them, without replica axes.
    noise : array (S, M)
        M from ``estimator.noise_shape(model, family, S, B)``.
    X, y : arrays (B, D) and (B,) or (B, K)
    n_data : int, optional
        N; by default the batch is the whole data set.
    kl_weight : float
        1 for the ELBO itself.
    estimator : Estimator, optional
        Default: the pathwise one.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that does not fit, as ``neg_elbo`` does.

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Gaussian(0.3), mb.GaussianPrior(0, 1))
    >>> family, rng = mb.MeanField(), np.random.default_rng(0)
    >>> params, noise = family.init(model, rng), rng.normal(size=(4, model.n_weights))
    >>> X, y = rng.normal(size=(5, 2)), rng.normal(size=5)
    >>> case = mb.diagnosis.points.Case(model, family, params, noise, X, y, n_data=50)
    >>> mb.check_gradient(case.loss, case.gradient, params).verdict
    'agrees'
    """

    model: Model
    family: Family
    params: Params
    noise: FloatArray
    X: FloatArray
    y: Array
    n_data: int | None = None
    kl_weight: float = 1.0
    estimator: Estimator = field(default_factory=Pathwise)

    def __post_init__(self) -> None:
        if isinstance(getattr(self.model, "likelihood", None), Weighted):
            raise ValueError(
                "model must be one of rows without weights, got likelihood "
                f"{self.model.likelihood!r}; use its likelihood, and rows given twice"
            )
        loss, _, _ = self.neg_elbo()
        set_own = partial(object.__setattr__, self)
        set_own("X", as_inputs(self.X, ndim=(2, 3)))
        set_own("noise", np.asarray(self.noise))
        if self.n_data is None:
            set_own("n_data", self.X.shape[-2])
        keep_arrays(self)
        if np.ndim(loss):
            raise ValueError("params, noise and X of a case must have no replica axis")
        if not np.isfinite(loss):
            raise ValueError(f"the loss at this case is {loss}: choose another point")

    def neg_elbo(self, params: Params | None = None) -> tuple[Any, Params, dict[str, Any]]:
        """The negative ELBO at ``params``, by default at the case itself.

        Parameters
        ----------
        params : dict of arrays, optional
            Like ``case.params``; complex ones too.

        Returns
        -------
        loss : float
            In nats; complex for complex params.
        gradients : dict of arrays
            Like ``params``.
        parts : dict
            "nll" and "kl", in nats.
        """
        return neg_elbo(
            self.model, self.family, self.params if params is None else params,
            self.noise, self.X, self.y, n_data=self.n_data,
            kl_weight=self.kl_weight, estimator=self.estimator,
        )  # fmt: skip

    def loss(self, params: Params) -> Any:
        """The loss alone, in nats.

        Parameters
        ----------
        params : dict of arrays
            Like ``case.params``; complex ones too.
        """
        return self.neg_elbo(params)[0]

    def gradient(self, params: Params | None = None) -> Params:
        """The package's own gradient, a dict like ``params``.

        Parameters
        ----------
        params : dict of arrays, optional
            Where; by default at the case itself.
        """
        return self.neg_elbo(params)[1]

    def __repr__(self) -> str:
        S, B = self.noise.shape[-2], len(self.X)
        return (
            f"Case({self.model!r}, {self.family!r}, {self.estimator!r}, S={S}, B={B}, "
            f"n_data={self.n_data}, kl_weight={self.kl_weight:g})"
        )


# regime: size of the means, of sigma, of the inputs; least batches in N; KL weight
_REGIMES = {
    "generic": (1.0, (0.15, 0.9), 1.0, 4, 0.37),
    "late": (1.0, (0.005, 0.03), 1.0, 900, 0.93),
    "tiny": (1.0, (5e-6, 3e-5), 1.0, 4, 0.37),
    "big": (3.0, (0.15, 0.9), 8.0, 5000, 0.37),
}


@door
def generic(
    model: Model,
    family: Family,
    estimator: Estimator | None = None,
    rng: Rng = 0,
    regime: Literal["generic", "textbook", "late", "tiny", "big"] = "generic",
) -> Case:
    """A :class:`Case` at which as little as possible is equal to anything else.

    S >= 3 samples, a batch smaller than the data and no divisor of it, a KL weight that
    is not 1, means, sigmas and inputs of different size in every layer, targets drawn
    from the model. What belongs to the model (prior, noise scale, widths) is taken as
    it is: see :func:`lint` for what that hides.

    Parameters
    ----------
    model, family : Model, and MeanField, Point, ...
    estimator : Estimator, optional
        Default: the pathwise one.
    rng : int, SeedSequence, Generator or None
        Equal seeds give equal cases.
    regime : {"generic", "textbook", "late", "tiny", "big"}
        "textbook": fresh parameters, S = 1, N = B, KL weight 1 (hides much, by intent);
        "late": end of a training, small sigma, large N; "tiny": sigma near 1e-5;
        "big": a huge objective.

    Raises
    ------
    ValueError, TypeError
        For a regime that is none of these, and objects that do not go together.

    Examples
    --------
    >>> import minibnn as mb
    >>> model = mb.Model(mb.MLP([3, 4, 1]), mb.Bernoulli(), mb.GaussianPrior(0.2, 1.5))
    >>> case = mb.diagnosis.points.generic(model, mb.MeanField())
    >>> case.noise.shape, case.X.shape, case.n_data, case.kl_weight
    ((5, 21), (7, 3), 59, 0.37)
    """
    estimator = Pathwise() if estimator is None else estimator
    check_combination(model, family, estimator)
    rng = as_rng(rng)
    check_choice("regime", regime, ["textbook", *_REGIMES])
    textbook = regime == "textbook"
    size, sigmas, inputs, batches, beta = _REGIMES["generic" if textbook else regime]
    S, B, N = (1, 8, 8) if textbook else _distinct_sizes(model, batches)
    S, M = estimator.noise_shape(model, family, S, B)
    X = inputs * (rng.normal(size=(B, model.net.n_inputs)) + 0.3)
    params = family.init(model, rng)
    if not textbook:
        params = _spread(model, family, params, size, sigmas, rng)
    return Case(
        model, family, params, rng.normal(size=(S, M)), X, _targets(model, X, rng), N,
        1.0 if textbook else beta, estimator,
    )  # fmt: skip


def _distinct_sizes(model, batches):
    """Samples, rows and data of which no ratio equals a width or another ratio."""
    taken = {*model.net.sizes, len(model.net.shapes), 1, 2}
    S = next(n for n in (3, 5, 7, 11, 13) if n not in taken)
    taken |= {S, S - 1}
    B = next(n for n in (5, 7, 11, 13, 17, 19) if n not in taken)
    taken |= {B, B - 1}
    whole = next(n for n in range(batches, batches + 50) if not {n, n + 1} & taken)
    return S, B, B * whole + 3


def _spread(model, family, params, size, sigmas, rng):
    """Parameters of different size in every layer; sigmas spread over their range."""
    out = {}
    for key, start in params.items():
        noise = rng.normal(size=start.shape)
        if key == "rho":
            sigma = np.exp(rng.uniform(*np.log(sigmas), start.shape))
            out[key] = SCALES[family.scale].inverse(sigma)
        elif key == "mu":
            out[key] = size * (0.7 * start + 0.4 * noise)
        else:
            out[key] = start + 0.3 * noise
    return out


def _targets(model, X, rng):
    """Targets drawn from the model itself, so that any likelihood has valid ones."""
    w = model.initial_weights(rng)[None]
    n = model.net.n_weights
    F = model.net(w[:, :n], X)
    y = model.likelihood.sample(F, w[:, n:], rng.uniform(0.02, 0.98, F.shape))[0]
    return np.asarray(y, float)


@door
def lint(case: Case) -> list[Description]:
    """The known mistakes that change nothing at this case, as a list of descriptions.

    Each has ``.name``, ``.label``, ``.wrong``, ``.right`` and ``.reveal``: what to
    change in the set-up to make it visible. A mistake counts as invisible if it moves
    no coordinate of the gradient by more than 1e-9 of the terms the coordinate is a sum
    of, plus what rounding of the point does to it. Mistakes made by rule are listed if
    they would show at a generic point of the same model, and one of those that are the
    same there.

    Parameters
    ----------
    case : Case

    Raises
    ------
    TypeError
        If ``case`` is something else.

    Examples
    --------
    >>> import minibnn as mb
    >>> from minibnn.diagnosis import points
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Gaussian(0.3), mb.GaussianPrior(0.0, 1.0))
    >>> textbook = points.lint(points.generic(model, mb.Point(), regime="textbook"))
    >>> textbook[0].name
    'n-over-b-missing'
    >>> textbook[0].reveal
    'take a batch smaller than the data set: n_data != len(X)'
    >>> len(points.lint(points.generic(model, mb.Point()))) < len(textbook)
    True
    """
    chain = Chain(check_instance("case", case, Case, "a Case, as points.generic makes"))
    allowance = resolution(chain)
    pages = [LISTED, *((page,) for page in RULES)]
    found = [m for p in pages for m in unseen(screened(chain, p), allowance)]
    listed = {m.name for m in catalogue(chain)}
    twin = Chain(generic(case.model, case.family, case.estimator))
    made = _distinct(twin, {m.name for m in found} - listed)
    return [m.description for m in found if m.name in listed | made]


def _distinct(twin, names):
    """Those that show at another point of the model, one of each kind of gradient."""
    allowance, seen, found = resolution(twin), set(), set()
    mix = np.random.default_rng(0).normal(size=twin.blocks.size)
    made = [m for page in RULES for m in catalogue(twin, (page,)) if m.name in names]
    for mistake in made:
        gradient = twin.gradient(mistake.changes)
        with np.errstate(all="ignore"):
            shows = (np.abs(gradient - twin.right) > allowance).any()
            key = f"{gradient @ mix:.9e}"
        if shows and key not in seen:
            seen.add(key)
            found.add(mistake.name)
    return found


@door
def resolution(chain: Chain, dtype: DTypeLike = np.float64) -> FloatArray:
    """How far a right gradient of that dtype may be from ours, per coordinate.

    Parameters
    ----------
    chain : Chain
        Of a case, as ``minibnn.diagnosis.chain`` makes it.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    array (P,)
        In nats per unit of each parameter, in the order of ``case.params``.

    Examples
    --------
    >>> import minibnn as mb
    >>> from minibnn.diagnosis.chain import Chain
    >>> model = mb.Model(mb.MLP([2, 3, 1]), mb.Gaussian(0.3), mb.GaussianPrior(0, 1))
    >>> chain = Chain(mb.diagnosis.points.generic(model, mb.Point()))
    >>> coarse, fine = (mb.diagnosis.points.resolution(chain, t) for t in ("f4", "f8"))
    >>> bool((coarse > 1e4 * fine).all())
    True
    """
    eps = np.finfo(dtype).eps
    rtol = max(RTOL, 256 * eps)
    return rtol * chain.magnitude + JITTER * chain.rounding(eps)
