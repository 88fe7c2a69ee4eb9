"""The report of a fitted table: as plain values, and in words of 80 columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

import numpy as np

from minibnn.optim.stopping import in_words as in_words_of_rise
from minibnn.own_data.inputs import listed
from minibnn.own_data.scores import LEVELS, Score
from minibnn.own_data.study import TableFit
from minibnn.own_data.text import WORDS
from minibnn.recipe import plain

HEAD, WIDTH = 10, 79
MOST_NAMED = 12  # columns of which the same is said
SURE = 2.0  # standard errors of a gain
NAMES = {"log_density": "log density", "rmse": "RMSE", "accuracy": "accuracy",
         "brier": "Brier score"}  # fmt: skip
CONSTANT = {
    "regression": "the normal distribution of the targets trained on",
    "counts": "the Poisson distribution of the targets trained on",
    "binary": "the shares of the classes trained on",
    "classes": "the shares of the classes trained on",
}


def facts(found: TableFit) -> dict[str, Any]:
    """All there is to say, as plain values; equal for equal seeds but for "seconds"."""
    table, target, result = found.table, found.target, found.result
    names = "elbo elbo_se converged rise rise_se diverged returned stop_reason".split()
    return plain({
        "table": {
            "rows": len(table), "columns": len(table.columns) + len(table.left_out),
            "delimiter": table.delimiter, "decimal": table.decimal,
            "encoding": table.encoding,
        },
        "target": {"name": target.name, "task": target.task, "classes": target.classes,
                   "hint": target.hint},
        "columns": found.inputs.told, "left_out": found.inputs.left_out,
        "unseen": found.inputs.unseen, "inputs": found.inputs.names,
        "rows": {"training": found.train.sum(), "held_out": found.test.sum(),
                 "without_target": (~target.known).sum()},
        "model": {"sizes": result.model.net.sizes, "weights": result.model.n_weights,
                  "likelihood": repr(result.model.likelihood)},
        "fit": {name: getattr(result, name) for name in names}
        | {"steps": len(result.history["loss"])},
        "scores": found.scores, "seconds": found.seconds,
    })  # fmt: skip


def in_words(found: TableFit) -> str:
    """The report as text of 80 columns."""
    return "\n".join([
        *of_table(found), *of_rows(found), *of_fit(found), *of_scores(found),
    ])  # fmt: skip


def paragraph(head: str, text: str) -> list[str]:
    """A head, and text wrapped beside it."""
    lines = wrap(text, WIDTH - HEAD, break_long_words=False) or [""]
    return [f"{head if i == 0 else '':<{HEAD}}{line}" for i, line in enumerate(lines)]


def of_table(found: TableFit) -> Iterator[str]:
    """What was read, and what became of each column."""
    table, target, inputs = found.table, found.target, found.inputs
    n_columns = len(table.columns) + len(table.left_out)
    how = WORDS.get(table.delimiter, f"{table.delimiter!r}")
    text = f"{len(table)} rows, {n_columns} columns; {how} between cells"
    text += f", decimal {'comma' if table.decimal == ',' else 'point'}"
    if table.encoding not in ("utf-8", "utf-8-sig"):
        text += f"; no UTF-8: read as {table.encoding}"
    yield from paragraph("table", text)
    yield from paragraph("target", f"{target.name}: {of_target(found)}")
    if target.hint:
        yield from paragraph("", target.hint)
    names, told = len(inputs.names), len(inputs.told)
    count = f"{names} input{'s' * (names > 1)} from {told} column{'s' * (told > 1)}"
    yield from paragraph("inputs", count)
    for words, columns in by_words(inputs.told).items():
        yield from indented(f"{listed(columns, MOST_NAMED)}: {words}")
    for why, columns in by_words(inputs.left_out).items():
        yield from indented(f"left out, {why}: {listed(columns, MOST_NAMED)}")
    for name, rows in inputs.unseen.items():
        yield from indented(f"{name}: {rows} rows have a word that no training row has")


def by_words(told: dict[str, str]) -> dict[str, list[str]]:
    """Columns of which the same is said, together."""
    groups: dict[str, list[str]] = {}
    for name, words in told.items():
        groups.setdefault(words, []).append(name)
    return groups


def indented(text: str) -> list[str]:
    """An item of a list, below its head."""
    pad = " " * (HEAD + 2)
    return wrap(
        text, WIDTH, initial_indent=" " * HEAD, subsequent_indent=pad,
        break_long_words=False,
    )  # fmt: skip


def of_target(found: TableFit) -> str:
    """The task, and the numbers or classes of the target."""
    target = found.target
    y = target.y[target.known]
    if not target.classes:
        return f"{target.task}, from {y.min():.4g} to {y.max():.4g}{unit(found)}"
    counts = np.bincount(y.astype(int))
    each = [f"{name} ({n})" for name, n in zip(target.classes, counts, strict=True)]
    return f"{target.task}: {listed(each)}"


def unit(found: TableFit) -> str:
    """The sign that the target's numbers had."""
    return f" {found.target.symbol}" if found.target.symbol else ""


def of_rows(found: TableFit) -> list[str]:
    """Which rows serve what."""
    text = f"{found.train.sum()} to train on, {found.test.sum()} held out"
    empty = int((~found.target.known).sum())
    return paragraph(
        "rows", text + (f", {empty} without a target (predicted too)" if empty else "")
    )


def of_fit(found: TableFit) -> Iterator[str]:
    """The network, its ELBO, and whether that had come to rest."""
    result = found.result
    sizes = "-".join(map(str, result.model.net.sizes))
    yield from paragraph(
        "model",
        f"network {sizes}, {result.model.n_weights} weights with prior N(0, 1), mean "
        f"field; likelihood {result.model.likelihood!r}; columns standardised by the "
        "training rows",
    )
    spent = f" in {found.seconds:.0f} s" if found.seconds else ""
    steps = len(result.history["loss"])
    scale = ", target standardised" if found.target.task == "regression" else ""
    elbo = plus_minus({"value": result.elbo, "se": result.elbo_se})
    yield from paragraph(
        "fit", f"ELBO {elbo} nats ({found.train.sum()} rows{scale}) after {steps} "
        f"steps{spent}; {rest(found)}"
    )  # fmt: skip


def rest(found: TableFit) -> str:
    """Whether the fit had come to rest, and what to do if it had not."""
    result, steps = found.result, len(found.result.history["loss"])
    if result.diverged:
        return f"the steps DIVERGED, the {result.returned} state is kept: do not trust it"
    words = in_words_of_rise(result.converged, result.rise, result.rise_se)
    state, _, rise = words.partition(", ")
    by = f" (it rose by {rise})" if rise else ""
    if result.converged:
        return f"{state}{by}"
    return f"{state.upper()}{by}: say --steps {4 * steps}"


def of_scores(found: TableFit) -> Iterator[str]:
    """Scores of the held-out rows, beside those of a constant."""
    if not found.scores:
        yield from paragraph("scores", "none: no row was held out")
        return
    rows = f"{found.test.sum()} rows that the fit has not seen, ± standard error"
    yield from paragraph("held out", rows)
    yield f"{'':<{HEAD}}{'':<24}{'network':>20}{'constant':>20}"
    for key, name in NAMES.items():
        if key in found.scores:
            score = found.scores[key]
            label = f"{name}{unit_of(key, found)}"
            pair = f"{plus_minus(score):>20}{plus_minus(score['constant']):>20}"
            yield f"{'':<{HEAD}}{label:<24.24}{pair}"
    yield from paragraph("", gained(found))
    yield from paragraph("doubt", calibration(found))


def unit_of(key: str, found: TableFit) -> str:
    """In what a score is measured, and which way is better."""
    if key == "log_density":
        return ", nats a row"
    if key == "rmse":
        return f",{unit(found)}" if unit(found) else ""
    return ""


def gained(found: TableFit) -> str:
    """What the network gains in log density, whether surely, and over what."""
    gain = found.scores["log_density"]["gain"]
    value, se = gain["value"], gain["se"]
    if se is None or abs(value) <= SURE * se:
        verdict = "not surely better than the constant"
    else:
        verdict = "better than the constant" if value > 0 else "WORSE than the constant"
    text = f"gain in log density {plus_minus(gain)} nats a row: {verdict}"
    what = CONSTANT[found.target.task]
    return f"{text}, which is {what}. Higher log density is better."


def calibration(found: TableFit) -> str:
    """Whether the doubts are of the right size."""
    scores = found.scores
    if found.target.classes:
        ece = scores["ece"]
        usual = plus_minus({"value": ece["expected"], "se": ece["se"]})
        right = ece["value"] <= ece["expected"] + SURE * ece["se"]
        verdict = "no sign of wrong confidence" if right else "so its confidence is WRONG"
        return (
            f"calibration error (ECE, 10 bins) {ece['value']:.3f}; probabilities that are "
            f"right show {usual} on so many rows: {verdict}"
        )
    held = [scores[f"coverage_{100 * level:.0f}"] for level in LEVELS]
    words = [
        f"the {100 * s['expected']:.0f} % interval {100 * s['value']:.{d}f} % "
        f"(± {100 * s['se']:.{d}f})"
        for s in held
        for d in [int(s["se"] < 0.01)]
    ]
    text = f"of the held-out targets hold: {', '.join(words)}"
    return f"{text}: {judged(held)}"


def judged(held: list[Score]) -> str:
    """Whether the intervals hold as many targets as they say, as far as it shows."""
    off = [(s["value"] - s["expected"]) / s["se"] for s in held]
    if min(off) < -SURE and max(off) <= SURE:
        return "they are TOO NARROW"
    if max(off) > SURE and min(off) >= -SURE:
        return "they are TOO WIDE"
    return "as they should" if max(map(abs, off)) <= SURE else "of the WRONG shape"


def plus_minus(score: Score) -> str:
    """A number ± its standard error, to two digits of that."""
    value, se = score["value"], score["se"]
    if not se or not math.isfinite(se):
        return f"{value:.4g}"
    digits = 1 - math.floor(math.log10(se))
    if digits > 6 or abs(value) >= 1e7:
        return f"{value:.4g} ± {se:.1g}"
    digits = max(0, digits)
    return f"{value:.{digits}f} ± {se:.{digits}f}"
