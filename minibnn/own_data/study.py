"""A table fitted: rows set apart, a network trained on the others, all rows predicted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from minibnn.families.mean_field import MeanField
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.own_data.columns import Table
from minibnn.own_data.inputs import Inputs, inputs_of
from minibnn.own_data.scores import LEVELS, Score, held_out_scores, tails
from minibnn.own_data.target import Target
from minibnn.own_data.text import TableError
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.fit import fit
from minibnn.svi.fit_warning import FitWarning
from minibnn.svi.result import FitResult
from minibnn.types import Array
from minibnn.validation.arguments import as_rng

FEW_UNITS, UNITS, MANY_ROWS = 10, 50, 1000
FEWEST_TO_TRAIN = 5
QUANTILES = sorted({q for level in LEVELS for q in tails(level)})


@dataclass
class TableFit:
    """A fitted table: the network, what it says of every row, and how good that is.

    train, test: (n,) True for rows trained on and held out; neither: no target. told: of
    all rows "mean", "sd" and "quantiles", or "p", "sd" and "quantiles" by class.
    """

    table: Table
    target: Target
    inputs: Inputs
    train: Array
    test: Array
    result: FitResult
    told: dict[str, Any]
    scores: dict[str, Score]
    seconds: float = 0.0


def fit_table(
    table: Table,
    target: Target,
    *,
    test_share: float = 0.2,
    hidden: int | None = None,
    steps: int | None = None,
    seed: int = 0,
    verbose: bool = False,
    clock: Callable[[], float] | None = None,
) -> TableFit:
    """Fit a network to the rows of a table that have a target.

    Parameters
    ----------
    test_share : share of these rows that are held out, and scored when all is done
    hidden : units of the hidden layer; by default 10, from 1000 training rows on 50: on
        few rows a wide layer pays more for its weights than it explains
    steps : the most steps; by default the fit decides
    clock : returns seconds, to say how long the fit took

    Raises
    ------
    TableError
        If too few rows are left to train on, or they have one target only.
    KeyboardInterrupt
        Where the fit is interrupted: half a fit is none.
    """
    split_rng, fit_rng, score_rng = as_rng(seed).spawn(3)
    train, test = split(target, test_share, split_rng)
    inputs = inputs_of(table, target.name, train)
    hidden = hidden or (UNITS if train.sum() >= MANY_ROWS else FEW_UNITS)
    net = MLP([len(inputs.names), hidden, target.n_outputs])
    model = Model(net, target.likelihood, GaussianPrior(0.0, 1.0))
    how: dict[str, Any] = {} if steps is None else {"max_steps": steps}
    begin = clock() if clock else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitWarning)  # the report says it in its own words
        result = fit(
            model, MeanField(), inputs.X[train], target.y[train], rng=fit_rng,
            standardise=True, verbose=verbose, **how,
        )  # fmt: skip
    if result.stop_reason == "interrupted":
        raise KeyboardInterrupt
    told = predictions(result, target, inputs)
    found = held_out_scores(target, train, test, told, score_rng) if test.any() else {}
    seconds = clock() - begin if clock else 0.0
    return TableFit(table, target, inputs, train, test, result, told, found, seconds)


def split(target: Target, share: float, rng: Any) -> tuple[Array, Array]:
    """(train, test), each (n,) of booleans: a share of the rows that have a target."""
    rows = rng.permutation(np.flatnonzero(target.known))
    count = max(1, round(share * len(rows))) if share else 0
    if len(rows) - count < FEWEST_TO_TRAIN:
        raise TableError(
            f"argument --test-share: of {len(rows)} rows with a target it leaves "
            f"{len(rows) - count} to train on; want {FEWEST_TO_TRAIN} at least"
        )
    train, test = np.zeros((2, len(target.y)), bool)
    test[rows[:count]], train[rows[count:]] = True, True
    seen = np.unique(target.y[train])
    if len(seen) == 1:
        value = target.classes[int(seen[0])] if target.classes else f"{seen[0]:g}"
        raise TableError(
            f"argument --target: {target.name!r} is {value!r} in all {train.sum()} rows to "
            "train on: take more rows, another --seed or a smaller --test-share"
        )
    return train, test


def predictions(result: FitResult, target: Target, inputs: Inputs) -> dict[str, Any]:
    """What the fit says of every row, its own included."""
    said = result.predict(inputs.X)
    quantiles = said.quantile(QUANTILES)
    y = np.where(target.known, target.y, target.y[target.known][0])
    told = {"log_prob": said.log_prob(y), "sd": said.std, "quantiles": dict(
        zip(QUANTILES, quantiles, strict=True)
    )}  # fmt: skip
    if not target.classes:
        return told | {"mean": said.mean}
    p = said.mean
    return told | {"p": p if p.ndim == 2 else np.column_stack([1 - p, p])}
