"""The rupture study: every model on the same rows, under one protocol.

Inputs are standardised with the fit rows, the threshold is 0.5, and the test rows are
looked at once, after everything is fitted. Nothing is chosen by a test score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from minibnn import datasets
from minibnn.datasets.base import Dataset
from minibnn.rupture.claims import look_at_claims
from minibnn.rupture.displaced_labels import Detection, detect
from minibnn.rupture.models import BUILDERS, FitRows, Row, annealed
from minibnn.rupture.scores import look_at_test_rows
from minibnn.rupture.settings import QUICK, Settings
from minibnn.types import Array
from minibnn.types import Path as PathLike
from minibnn.validation.arguments import (
    as_rng,
    check_choice,
    check_function,
    check_instance,
    check_int,
)


@dataclass
class Study:
    """The finished study: rows, their scores, and what became of the claims.

    Attributes
    ----------
    dataset, raw : Dataset
        With standardised inputs, and in physical units.
    stored_labels : array (n,)
        Of the fit rows, as stored.
    labels : {"repaired", "published"}
        Those that were fitted.
    settings : Settings
    seed : int
    detection : Detection
        What the stored rows show: ``run``, ``columns``, ``block``.
    rows : dict
        Key -> Row, such as "mf" (mean field), "hmc", "map".
    predictions : dict
        Key -> one Prediction of the test rows for each seed.
    scores : dict
        Key -> column ("accuracy", "nll", ...) -> one value for each seed.
    reference : dict
        Diagnostics of the chains.
    claims : dict
        What the numbers say to the published claims.

    Examples
    --------
    Of the study in :func:`rupture_study`:

    >>> study.detection.run.lag  # doctest: +SKIP
    75
    >>> len(study.scores["mf"]["accuracy"]) == study.settings.seeds  # doctest: +SKIP
    True
    """

    dataset: Dataset
    raw: Dataset
    stored_labels: Array
    labels: Literal["repaired", "published"]
    settings: Settings
    seed: int
    detection: Detection
    rows: dict[str, Row] = field(repr=False)
    predictions: dict[str, list[Any]] = field(default_factory=dict, repr=False)
    scores: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    reference: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Study({self.labels} labels, {len(self.dataset.y)} rows, seed {self.seed}: "
            f"{len(self.rows)} models, {len(self.claims)} claims)"
        )


def rupture_study(
    data: PathLike | None = None,
    labels: Literal["repaired", "published"] = "repaired",
    settings: Settings | None = None,
    seed: int = 0,
    report: Callable[[str], Any] | None = None,
    clock: Callable[[], float] | None = None,
) -> Study:
    """Fit every model of the study and score it on the test rows.

    Parameters
    ----------
    data : str or Path, optional
        Folder with the three published files. Without it a synthetic stand-in is drawn
        and its labels are displaced as in the published training file.
    labels : {"repaired", "published"}
        Fit to the labels moved back to their rows, or to the labels as stored.
    settings : Settings, optional
        How many seeds, steps and draws; default `QUICK` for the stand-in, the complete
        ``Settings()`` for files.
    seed : int
        Equal seeds give equal studies.
    report : function, optional
        Called with one line of text per stage.
    clock : function, optional
        Returns seconds, like ``time.perf_counter``; without it no time is measured.

    Returns
    -------
    Study

    Raises
    ------
    ValueError, TypeError, OSError
        For arguments and files that are not as expected, before anything is fitted.

    Examples
    --------
    It takes minutes; ``report=print`` says where it is.

    >>> study = mb.rupture.rupture_study(report=print)  # doctest: +SKIP
    >>> from minibnn.rupture.report import markdown, to_dict  # doctest: +SKIP
    >>> "mean field" in markdown(to_dict(study))  # doctest: +SKIP
    True
    """
    check_choice("labels", labels, ("repaired", "published"))
    if data is not None:
        check_instance("data", data, (str, Path), "a folder")
    settings = default_settings(data) if settings is None else settings
    check_instance("settings", settings, Settings)
    say = check_function("report", report, optional=True) or (lambda line: None)
    check_function("clock", clock, optional=True)
    data_rng, detect_rng, fit_rng, anneal_rng, claim_rng = as_rng(seed).spawn(5)
    raw, stored = load(data, labels, data_rng)
    dataset = raw.standardised()
    say(f"data: {raw.note} {len(raw.y)} rows to fit, {len(raw.y_test)} to test")
    say("detective work: does each label belong to its row?")
    found = detect(stored.X, stored.standardised().X, stored.y, detect_rng)
    say(f"labels displaced: {'yes' if found.block else 'no'}")
    problem = FitRows(dataset.X, raw.X, raw.y)
    rows = fit_rows(problem, settings, fit_rng, say, clock)
    say("log evidence by annealed importance sampling")
    rows["hmc"].elbo = [annealed(problem, settings, anneal_rng).log_evidence]
    study = Study(dataset, raw, stored.y, labels, settings, seed, found, rows)
    say("test rows: scores, importance, claims")
    look_at_test_rows(study)
    look_at_claims(study, claim_rng)
    return study


def default_settings(data, seeds=None):
    """`QUICK` for the stand-in, complete ones for files; ``seeds`` for every model."""
    settings = QUICK if data is None else Settings()
    return replace(settings, seeds=check_int("seeds", seeds)) if seeds else settings


def load(data, labels, rng):
    """The data with the labels asked for, and as stored."""
    seed = int(rng.integers(2**31))  # the same rows twice
    damage = data is None
    return [
        datasets.rupture(data, rng=seed, labels=kind, damage=damage)
        for kind in (labels, "published")
    ]


def fit_rows(problem, settings, rng, say, clock):
    """All rows, key -> Row; seconds are those of one seed."""
    rows = {}
    count = len(BUILDERS)
    for i, (build, own) in enumerate(zip(BUILDERS, rng.spawn(count), strict=True), 1):
        say(f"fit {i} of {count}: {build.__doc__.splitlines()[0]}")
        begin = clock() if clock else None
        new = build(problem, settings, own, rows)
        spent = clock() - begin if clock else None
        for row in new:
            row.seconds = None if spent is None else spent * row.share
            rows[row.key] = row
    return rows
