"""Units: the means and standard deviations that a fit on standardised data remembers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from minibnn.inputs import taken
from minibnn.likelihoods.weighted import (
    checked_weights,
    split_weights,
    unweighted,
    with_weights,
)
from minibnn.types import Array, ArrayLike, FloatArray
from minibnn.validation.arguments import (
    as_float_array,
    as_inputs,
    check_all,
    check_instance,
    check_rows,
    check_shape,
)
from minibnn.validation.describe import ArgumentTypeError, describe
from minibnn.validation.own import keep_arrays
from minibnn.validation.shapes import check_width

CHUNK = 2**18  # numbers that are looked at together
LAZY = 2**20  # numbers; X of more is standardised when its rows are read


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Takes every column to mean 0 and standard deviation 1, and predictions back.

    ``fit(..., standardise=True)`` makes one from its own rows and keeps it with the
    result, which then takes and gives raw units. By hand, for what does not know it
    (``hmc``, ``laplace``): ``units = Standardiser.of(X, y)``, ``units.inputs(X)`` and
    ``units.targets(y)``.

    Parameters
    ----------
    X_mean, X_sd : array (D,), or (R, D) where each of R data sets has its own
        In the unit of each column. A column that is constant has sd 1: it becomes 0, and
        another value of it is taken by its raw distance.
    y_mean, y_sd : array (K,) or (R, K), optional
        None: targets stay as they are (labels, counts).

    Raises
    ------
    ValueError, TypeError
        Unless means and sds are of the same columns, and every sd is > 0.

    Examples
    --------
    >>> import minibnn as mb
    >>> units = mb.Standardiser.of([[10.0, 7.0], [14.0, 7.0]], [500.0, 900.0])
    >>> units.inputs([[12.0, 7.0], [14.0, 8.0]])
    array([[0., 0.],
           [1., 1.]])
    >>> units.targets([700.0, 1100.0])
    array([0., 2.])
    """

    X_mean: FloatArray
    X_sd: FloatArray
    y_mean: FloatArray | None = None
    y_sd: FloatArray | None = None

    def __post_init__(self) -> None:
        """Keep checked arrays of its own."""
        if (self.y_mean is None) != (self.y_sd is None):
            raise ValueError("y_mean and y_sd must both be given, or both be None")
        for name, value in vars(self).items():
            if value is not None or name[0] == "X":
                value = as_float_array(name, value, ndim=(1, 2), dtype=np.float64)
            object.__setattr__(self, name, value)
        for name, mean, sd in self._columns():
            if mean.shape != sd.shape:
                raise ValueError(
                    f"{name}_mean and {name}_sd must be of the same columns, got shapes "
                    f"{mean.shape} and {sd.shape}"
                )
            check_shape(f"{name}_mean", mean, (*self.X_mean.shape[:-1], "columns"))
            check_all(f"{name}_sd", sd, sd > 0, "> 0; of a constant column it is 1")
        keep_arrays(self)

    def _columns(self) -> Iterator[tuple[str, FloatArray, FloatArray]]:
        yield "X", self.X_mean, self.X_sd
        if self.y_mean is not None and self.y_sd is not None:
            yield "y", self.y_mean, self.y_sd

    @classmethod
    def of(
        cls,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """The means and sds of the *training* rows.

        Parameters
        ----------
        X : array (N, D), or (R, N, D)
            With R data sets each has its own.
        y : array (N,) or (N, K), or (R, N) or (R, N, K), optional
            Without them targets stay as they are.
        sample_weight : array (N,) or (R, N), optional
            A row of weight 2 counts as two rows.

        Raises
        ------
        ValueError, TypeError
            Naming X, y or sample_weight.
        """
        X, w = check_rows("X", as_inputs(X, ndim=(2, 3))), sample_weight
        w = None if w is None else checked_weights("sample_weight", w, X.shape[:-1])
        if y is None:
            return cls(*mean_and_sd(X, w))
        y = as_float_array("y", y, ndim=(X.ndim - 1, X.ndim))
        check_shape("y", y, X.shape[:-1] + y.shape[X.ndim - 1 :])
        return cls(*mean_and_sd(X, w), *mean_and_sd(y.reshape(*X.shape[:-1], -1), w))

    def __repr__(self) -> str:
        n_targets = 0 if self.y_mean is None else self.y_mean.shape[-1]
        sets = f"{len(self.X_mean)} data sets of " if self.own else ""
        return (
            f"Standardiser({sets}{self.X_mean.shape[-1]} inputs, {n_targets} targets)"
        )

    @property
    def own(self) -> bool:
        """Whether each of several data sets has units of its own."""
        return self.X_mean.ndim == 2

    @property
    def log_volume(self) -> float | FloatArray:
        """Σ_k log y_sd[k] in nats: what a row's log density in raw units is less.

        With N rows a log evidence or an ELBO of the standardised targets is ``N *
        log_volume`` more than that of the raw ones. 0 where targets stay as they are; a
        float, or (R,).
        """
        if self.y_sd is None:
            return np.zeros(len(self.X_mean)) if self.own else 0.0
        return np.log(self.y_sd).sum(-1)

    def inputs(self, X: ArrayLike) -> FloatArray:
        """X standardised, in its own precision.

        Parameters
        ----------
        X : array (n, D) or (R, n, D)
            With units of R data sets (n, D) is for all of them.

        Returns
        -------
        array (n, D) or (R, n, D)
            In standard deviations from the mean.

        Raises
        ------
        ValueError, TypeError
            Naming X.
        """
        X = as_inputs(X, ndim=(2, 3))
        check_width("X", X, self.X_mean.shape[-1])
        if self.own and X.ndim == 3:
            check_shape("X", X, (len(self.X_mean), *X.shape[1:]))
        return scaled("X", X, self.X_mean, self.X_sd)

    def targets(self, y: ArrayLike) -> Array:
        """y standardised; as it is where targets stay so.

        Parameters
        ----------
        y : array (n,) or (..., n, K)
            With units of R data sets (R, n) or (R, n, K).

        Returns
        -------
        array of the shape of y

        Raises
        ------
        ValueError, TypeError
            Naming y.
        """
        if self.y_mean is None or self.y_sd is None:
            return np.asarray(y)
        y, least = as_float_array("y", y, ndim=(1, 2, 3)), self.y_mean.ndim
        one_column = y.ndim == least and self.y_mean.shape[-1] == 1
        rows = y[..., None] if one_column else y
        sets = self.y_mean.shape[:-1] or rows.shape[:-2]
        check_shape("y", rows, (*sets, "n", self.y_mean.shape[-1]))
        found = scaled("y", rows, self.y_mean, self.y_sd)
        return found[..., 0] if one_column else found


def of_replica(units: Standardiser | None, i: Any) -> Standardiser | None:
    """The units of data set i, or of several; all have the same, or none, if it is one."""
    if units is None or not units.own:
        return units
    own: Any = (v if v is None else v[i] for v in vars(units).values())
    return Standardiser(*own)


def side_by_side(
    units: Sequence[Standardiser | None], order: Array
) -> Standardiser | None:
    """The units of groups of data sets as one, in their own order; or what all share."""
    if units[0] is None or not units[0].own:
        return units[0]
    columns = zip(*(vars(own).values() for own in units), strict=True)
    every: Any = (None if c[0] is None else np.concatenate(c)[order] for c in columns)
    return Standardiser(*every)


def check_units(units: Standardiser, model: Any, lead: tuple[int, ...]) -> None:
    """Raise unless the columns are those of a model and of its replicas."""
    check_instance("standardise", units, Standardiser)
    own = units.X_mean.shape[:-1]
    if own not in ((), lead):
        raise ValueError(
            "standardise must have the units of all rows"
            f"{f' or of {lead[0]} data sets' if lead else ''}, got {units!r}"
        )
    check_shape("standardise.X_mean", units.X_mean, (*own, model.net.n_inputs))
    if units.y_mean is None:
        return
    likelihood = model.likelihood
    if not likelihood.location_scale:
        raise ValueError(
            f"standardise has the mean and sd of y, which {likelihood!r} takes as "
            "it is; use Standardiser.of(X)"
        )
    width = unweighted(likelihood).target_shape((1, model.net.n_outputs))[-1]
    check_shape("standardise.y_mean", units.y_mean, (*own, width))


def standardised(
    standardise: Any, model: Any, family: Any, X: ArrayLike, y: Any
) -> tuple[Any, Any, Standardiser | None]:
    """(X, y, Standardiser) for a fit; with ``False`` as they are, and None.

    X is an array, or `Scaled` if it is large.

    Rows of replicas with data of their own have units of their own; tasks of an
    inference network share theirs, because a new context brings none.
    """
    given = isinstance(standardise, Standardiser)
    if not given and not isinstance(standardise, bool | np.bool_):
        raise ArgumentTypeError(
            "standardise must be True, False or a Standardiser, "
            f"got {describe(standardise)}"
        )
    X = check_rows("X", as_inputs(X, ndim=(2, 3)))
    if not given and not standardise:
        return X, y, None
    check_width("X", X, model.net.n_inputs)
    y, weights = split_weights(model.likelihood, model.targets(X, y))
    units = standardise if given else units_of(model, family, X, y, weights)
    check_units(units, model, () if family.tasks else X.shape[:-2])
    y = units.targets(y)
    y = y if weights is None else with_weights(y, weights)
    if X.size > LAZY and not given:  # no row is too far from the mean of all
        return Scaled(X, units.X_mean, units.X_sd), y, units
    return units.inputs(X), y, units


def units_of(
    model: Any, family: Any, X: Any, y: Any, weights: Any
) -> Standardiser:
    """The Standardiser of checked rows, those of all tasks together."""
    y = y if model.likelihood.location_scale else None
    if family.tasks:
        X, y = (a if a is None else a.reshape(-1, a.shape[-1]) for a in (X, y))
        weights = weights if weights is None else weights.ravel()
    return Standardiser.of(X, y, weights)


def mean_and_sd(array: FloatArray, weights: Any = None) -> tuple[FloatArray, FloatArray]:
    """Mean and standard deviation of every column of (..., N, D), each (..., D).

    In double precision, some rows at a time. Columns are divided by a power of 2, so
    that no square overflows. The sd of a constant column is 1. Rows count as often as
    ``weights`` (..., N) say; one of weight 0 is not looked at.
    """
    pieces, n, w = list(in_pieces(array)), array.shape[-2], None
    if weights is not None:
        w = (weights / weights.max(-1, keepdims=True)).astype(np.float64)[..., None]
        first = np.take_along_axis(array, (w > 0).argmax(-2)[..., None], -2)
        n = w.sum(-2)

    def numbers(rows):  # for a row that does not count the first one that does
        return array[rows] if w is None else np.where(w[rows] > 0, array[rows], first)

    def total(values, rows):
        return (values if w is None else w[rows] * values).sum(-2)

    low = np.min([numbers(rows).min(-2) for rows in pieces], 0).astype(np.float64)
    high = np.max([numbers(rows).max(-2) for rows in pieces], 0).astype(np.float64)
    _, exponent = np.frexp(np.maximum(np.abs(low), np.abs(high)))

    def near_one(rows):
        piece = np.ascontiguousarray(numbers(rows), np.float64)  # sums in one order
        return np.ldexp(piece, -exponent[..., None, :])

    def squares(rows):
        return np.square(near_one(rows) - mean[..., None, :])

    mean = sum(total(near_one(rows), rows) for rows in pieces) / n
    sd = np.sqrt(sum(total(squares(rows), rows) for rows in pieces) / n)
    sd = np.ldexp(sd, exponent)
    constant = (low == high) | (sd == 0.0)
    mean = np.where(constant, low, np.ldexp(mean, exponent))
    return mean, np.where(constant, 1.0, sd)


class Scaled:
    """The columns of an array (..., n, D) less mean and over sd, made when rows are read.

    In double precision, then in the array's own. It stands in the place of X, so that a
    file larger than the memory is standardised a batch at a time.
    """

    def __init__(self, array: FloatArray, mean: FloatArray, sd: FloatArray) -> None:
        self.array, self.mean, self.sd = array, mean, sd
        lead = np.broadcast_shapes(array.shape[:-2], mean.shape[:-1])
        self.shape, self.dtype = (*lead, *array.shape[-2:]), array.dtype
        self.ndim, self.size = len(self.shape), math.prod(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index):
        """Some rows (..., n, D) as an array; of several data sets one, read later."""
        if self.ndim == 3 and isinstance(index, int | np.integer):
            units = (u[index] if u.ndim == 2 else u for u in (self.mean, self.sd))
            return Scaled(self.array[index], *units)
        mean, sd = (u[..., None, :] for u in (self.mean, self.sd))
        with np.errstate(over="ignore"):  # told by whoever needs numbers
            return ((self._read(index) - mean) / sd).astype(self.dtype, copy=False)

    def _read(self, index):
        simple = isinstance(index, np.ndarray) and self.array.ndim == 2
        return taken(self.array, index) if simple else self.array[index]


def scaled(
    name: str, array: FloatArray, mean: FloatArray, sd: FloatArray
) -> FloatArray:
    """The same as an array, every number of it finite."""
    view = Scaled(array, mean, sd)
    out = np.empty(view.shape, view.dtype)
    for rows in in_pieces(array):
        out[rows] = view[rows]
    wanted = "near enough to its column's mean; in standard deviations it is inf"
    check_all(name, np.broadcast_to(array, out.shape), np.isfinite(out), wanted)
    return out


def in_pieces(array: Array) -> Iterator[tuple[Any, ...]]:
    """Indices of some rows of (..., N, D) at a time."""
    size = max(1, CHUNK // max(1, array[..., :1, :].size))
    for start in range(0, array.shape[-2] or 1, size):
        yield ..., slice(start, start + size), slice(None)
