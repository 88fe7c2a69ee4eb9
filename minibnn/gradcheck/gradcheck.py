"""Is this gradient right? Three verdicts, each with a certified bound.

The checker knows nothing of networks: it judges any Python function of an array.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import numpy as np

from minibnn.gradcheck import reasons, verdict
from minibnn.gradcheck.claim import ask, jitter
from minibnn.gradcheck.coordinates import Coordinates
from minibnn.gradcheck.directions import Directions
from minibnn.gradcheck.noise import value_noise
from minibnn.gradcheck.problem import EPS, Layout, Problem, floating, function
from minibnn.gradcheck.report import GradientReport
from minibnn.types import ArrayLike, Rng
from minibnn.validation.arguments import as_rng, check_choice, check_int, check_positive
from minibnn.validation.doors import door


@door
def check_gradient(
    f: Callable[[Any], Any],
    grad: Callable[[Any], Any] | ArrayLike | dict[str, Any],
    x: ArrayLike | dict[str, Any],
    *,
    names: Iterable[str] | None = None,
    blocks: Mapping[str, int] | Iterable[Any] | None = None,
    rng: Rng = 0,
    tol: float | None = None,
    kinks: Literal["guard", "ignore"] = "guard",
    max_coordinates: int = 400,
) -> GradientReport:
    """Judge a claimed gradient of a real function: agrees, wrong, or cannot tell.

    The complex step judges where f is analytic, and is itself checked: Romberg
    differences with a certified bound are the second opinion, and the judge where f
    is not complex-safe. Two opinions that exclude each other are judged by shorter
    steps, down to where rounding hides the matter; what is still open then is "cannot
    tell". x may hold numbers of any size and unit: the length of a step is found from
    f, for each coordinate. What rounding may explain is measured by moving x by one
    unit in the last place, so float32 gradients are judged at their own resolution.

    Parameters
    ----------
    f : function
        Of x, giving one real number; its noise, if any, held fixed. It is called with
        float64 and, if it can, complex128 arrays. Where it raises beside x, it has no
        value there.
    grad : function, array or dict of arrays
        Function of x giving a floating-point array like x, or that array (or dict of
        arrays). Neither f nor grad may change its argument.
    x : array of any shape, or dict of arrays
        P numbers in all; float32 or float64.
    names : P strings, optional
        Names of the coordinates in flat order.
    blocks : dict or P labels, optional
        Block name -> size in flat order, or the block of each coordinate; default: the
        arrays of x.
    rng : int, SeedSequence, Generator or None
        Of the jitter and the random directions.
    tol : float > 0, optional
        Relative error of a coordinate that still counts as right (1e-9).
    kinks : {"guard", "ignore"}
        "guard" keeps differences away from kinks, and at a kink at x itself accepts
        any slope between the two sides; "ignore" takes f to be smooth.
    max_coordinates : int
        Above this many parameters, scaled random directions are judged instead of
        coordinates: at most 70 calls of f, 60 more to find a coordinate that is wrong.

    Returns
    -------
    GradientReport

    Raises
    ------
    TypeError, ValueError
        Naming the argument; what f and grad raise at x itself passes through.

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> def f(x):
    ...     return np.sum(x**3)
    >>> mb.check_gradient(f, lambda x: 3 * x**2, np.array([1.0, -2.0]))
    <GradientReport: agrees (2 parameters, by complex step)>
    >>> report = mb.check_gradient(f, lambda x: 2 * x**2, np.array([1.0, -2.0]))
    >>> report.verdict, report.oracle.round(9).tolist()
    ('wrong', [3.0, 12.0])
    """
    options = _options(tol, kinks, rng, max_coordinates)
    with np.errstate(all="ignore"):
        return _check(Problem(f, grad, x, names, blocks), *options)


@door
def check_adjoint(
    forward: Callable[[Any], Any],
    pullback: Callable[[Any], Any],
    x: ArrayLike | dict[str, Any],
    rng: Rng = 0,
    *,
    tol: float | None = None,
    kinks: Literal["guard", "ignore"] = "guard",
    max_coordinates: int = 400,
) -> GradientReport:
    """Judge the pullback of a map by the dot-product test <u, Jv> = <pullback(u), v>.

    With a random cotangent u, <u, forward(x)> is a scalar function whose gradient is
    pullback(u); it is judged as in check_gradient, coordinate by coordinate (v = e_i)
    or along random v. Two draws of u; the worse report is returned.

    Parameters
    ----------
    forward : function
        Of x, giving an array of any shape.
    pullback : function
        Of u, shaped like forward(x), giving the cotangent of x, shaped like x.
    x : array, or dict of arrays
        float32 or float64.
    rng, tol, kinks, max_coordinates :
        As in :func:`check_gradient`.

    Returns
    -------
    GradientReport

    Raises
    ------
    TypeError, ValueError
        Naming the argument.

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> A, x = np.arange(6.0).reshape(2, 3), np.ones(3)
    >>> mb.check_adjoint(lambda x: A @ x, lambda u: A.T @ u, x).verdict
    'agrees'
    >>> mb.check_adjoint(lambda x: A @ x, lambda u: 2 * A.T @ u, x).verdict
    'wrong'
    """
    options = _options(tol, kinks, rng, max_coordinates)
    function(forward, "forward")
    function(pullback, "pullback")
    with np.errstate(all="ignore"):
        out = floating(forward(Layout(x).unflatten(Layout(x).flat)), "forward(x)")
        pairings = (_Pairing(forward, pullback, x, out, options[2]) for _ in range(2))
        reports = [_check(pairing, *options) for pairing in pairings]
    order = ("agrees", "cannot tell", "wrong")
    return max(reports, key=lambda report: order.index(report.verdict))


class _Pairing(Problem):
    """<u, forward(x)> and its gradient pullback(u), for one random u."""

    grad_name = "pullback(u)"

    def __init__(self, forward, pullback, x, out, rng):
        self.u, self.rng = np.asarray(rng.standard_normal(out.shape)), rng
        super().__init__(lambda z: np.sum(self.u * forward(z)), pullback, x)

    def gradient(self, flat):
        """Give pullback(u); elsewhere than at x, u is jittered in place of x."""
        u = self.u
        if flat is not self.x:
            u = jitter(u.ravel(), self.resolution, self.rng).reshape(u.shape)
        self.calls["grad"] += 1
        return self.layout.flatten(self._grad(u.copy()), self.grad_name)


def _check(problem, tol, guard, rng, most):
    """Run the checks in order; anything unsteady ends them."""
    again = problem.at(problem.x)
    if _drifts(problem, again):
        return _unsteady(problem, tol, again)
    claim = ask(problem, rng)
    if not claim.steady:
        return verdict.unsteady(problem, tol, reasons.unsteady_grad(problem, claim))
    few = problem.size <= most
    problem.measure(None if few else claim.g)
    look = (1e-6, 2) if few else (1e-7, 50)  # with many parameters kinks are close
    noise = max(value_noise(problem, rng, *look), abs(again - problem.value))
    judge = Coordinates if few else Directions
    evidence = judge(problem, claim, noise, tol, guard, rng).run()
    again = problem.at(problem.x)
    if _drifts(problem, again):
        return _unsteady(problem, tol, again)
    return (verdict.by_coordinates if few else verdict.by_directions)(problem, evidence)


def _unsteady(problem, tol, again):
    reason = reasons.UNSTEADY_F.format(problem.value, again)
    return verdict.unsteady(problem, tol, reason)


def _drifts(problem, again):
    """Whether f has changed by more than a reordered sum would."""
    return not abs(again - problem.value) <= 64 * EPS * abs(problem.value)


def _options(tol, kinks, rng, max_coordinates):
    """The checked options of both checkers: tol, guard, rng, most."""
    return (
        1e-9 if tol is None else check_positive("tol", tol),
        check_choice("kinks", kinks, ("guard", "ignore")) == "guard",
        as_rng(rng),
        check_int("max_coordinates", max_coordinates, minimum=0),
    )
