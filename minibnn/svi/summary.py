"""What a fit says of itself, in words, tables and numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minibnn.nn.units import ALIVE, outgoing_ratios
from minibnn.optim.stopping import in_words
from minibnn.recipe import plain
from minibnn.tables import Summary, Table
from minibnn.types import Array, FloatArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
MOST_RUNS = 20  # rows of a table; the numbers have all


def summary_of(result: Any) -> Summary:
    """The :class:`Summary` of a ``FitResult``."""
    numbers = numbers_of(result)
    n_rows = (
        "" if result.n_rows is None else f" fitted to {size_of(result.n_rows)} rows"
    )
    parts: list[str | Table] = [
        f"{result.family!r}{n_rows}: {result.model.n_weights} weights",
        Table([], facts_of(result, numbers), "<<"),
    ]
    if numbers["sigma"]:
        parts.append(Table(*quantile_rows(numbers), "<" + ">" * len(QUANTILES)))
    if n_runs(result):
        parts.append(Table(*run_rows(result, numbers), "<>><<<"))
        hidden = n_runs(result) - MOST_RUNS
        parts += [f"and {hidden} more"] * (hidden > 0)
    return Summary(parts, numbers)


# --- numbers -------------------------------------------------------------------------


def numbers_of(result: Any) -> dict[str, Any]:
    """The summary as numbers, texts, lists and dicts: what ``FitResult.to_dict`` says."""
    known = result.elbo is not None and result.n_rows is not None
    units = result.standardiser
    return plain(
        {
            "family": repr(result.family),
            "model": repr(result.model),
            "n_weights": result.model.n_weights,
            "n_rows": result.n_rows,
            "standardised": units is not None,
            "elbo": result.elbo,
            "elbo_se": result.elbo_se,
            "elbo_per_row": np.divide(result.elbo, result.n_rows) if known else None,
            "loss": last_loss(result.history),
            "converged": result.converged,
            "rise": result.rise,
            "rise_se": result.rise_se,
            "diverged": result.diverged,
            "returned": result.returned,
            "stop_reason": result.stop_reason,
            "steps": steps_of(result.history),
            "seconds": result.seconds,
            "replicas": None if result.family.tasks else n_runs(result) or None,
            "tasks": n_runs(result) if result.family.tasks else None,
            "restarts": result.restarts,
            **spread_of(result),
        }
    )


def n_runs(result: Any) -> int:
    """How many replicas q has, or tasks of an inference network; 0 for one run."""
    return sum(result.q.mean.shape[:-1])


def steps_of(history: dict[str, Array]) -> Any:
    """How many steps were taken; an array (R,) where replicas have taken unequal ones."""
    lr = np.asarray(history.get("lr", ()))
    return np.count_nonzero(~np.isnan(lr), axis=0) if lr.ndim == 2 else len(lr)


def last_loss(history: dict[str, Array]) -> Any:
    """The loss of the last step, of each replica, or None before the first."""
    loss = np.asarray(history.get("loss", ()))
    if not len(loss):
        return None
    steps = np.broadcast_to(steps_of(history), loss.shape[1:])
    return np.take_along_axis(loss, np.expand_dims(steps - 1, 0), axis=0)[0]


def spread_of(result: Any) -> dict[str, Any]:
    """Quantiles of sigma and of |mu| / sigma, and how many hidden units are in use.

    ``active_units`` has a list for each replica: a number for each hidden layer.
    """
    q, net = result.q, result.model.net
    hidden = {"hidden_units": list(net.sizes[1:-1])}
    if q.sigma is None:
        return hidden | {"active_units": None, "sigma": None, "signal_to_noise": None}
    mean, variance = result.family.marginals(q)
    sigma = np.sqrt(variance)
    return hidden | {
        "active_units": np.stack(active_units(net, mean, sigma), -1) if net.sizes[2:]
        else np.zeros((*mean.shape[:-1], 0), int),
        "sigma": quantiles_of(sigma),
        "signal_to_noise": quantiles_of(np.abs(mean) / sigma),
    }  # fmt: skip


def active_units(net: Any, mean: FloatArray, sigma: FloatArray) -> list[Array]:
    """How many units of every hidden layer have an outgoing weight beyond 2 sd of 0."""
    blocks = (
        [W for W, _ in net.unpack(a[..., : net.n_weights])] for a in (mean, sigma)
    )
    return [(ratio > ALIVE).sum(-1) for ratio in outgoing_ratios(*blocks)[1:]]


def quantiles_of(values: FloatArray) -> dict[str, float]:
    """Quantiles over all weights, of all replicas, by their name."""
    found = np.quantile(values.astype(float), QUANTILES)
    return {str(q): value for q, value in zip(QUANTILES, found.tolist(), strict=True)}


# --- words ---------------------------------------------------------------------------


def facts_of(result: Any, numbers: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and words of all that is known of the whole fit."""
    rows = [
        ("likelihood", repr(result.model.likelihood)),
        ("prior", repr(result.model.prior)),
        ("ELBO", elbo_in_words(result, numbers)),
    ]
    if numbers["steps"]:  # what has come of another context has none
        rows.append(("state", state_in_words(result)))
        rows.append(("stopped", stop_in_words(result, numbers)))
    if result.restarts:
        found = (
            f"{elbo:.6g}" if elbo is not None else "-" for elbo, _ in result.restarts
        )
        rows.append(("restarts", f"the best of {', '.join(found)}"))
    if numbers["active_units"] and not n_runs(result):
        text = active_in_words(numbers, numbers["active_units"])
        rows.append(("hidden units", f"{text}, by an outgoing weight |mu| > 2 sigma"))
    if result.standardiser is not None:
        rows.append(
            ("units", "ELBO, weights: standardised; predict: raw, as X and y came")
        )
    return rows


def elbo_in_words(result: Any, numbers: dict[str, Any]) -> str:
    """The ELBO with its error, in nats and a row; what there is instead."""
    if result.elbo is None:
        why = "not estimated" if result.family.has_elbo else "none of a point"
        loss = numbers["loss"]
        if loss is None or np.ndim(loss):
            return why
        return f"{why}; loss of the last step {loss:.6g} nats"
    text = with_error(result.elbo, result.elbo_se)
    if result.n_rows is None:
        return text
    return f"{text}; {np.mean(result.elbo / np.asarray(result.n_rows)):.4g} a row"


def state_in_words(result: Any) -> str:
    """Converged or still rising, and what else became of it."""
    text = in_words(result.converged, result.rise, result.rise_se)
    count = (
        "" if np.ndim(result.diverged) == 0 else f"{np.sum(result.diverged)} of them "
    )
    text += f"; {count}diverged" if np.any(result.diverged) else ""
    back = np.equal(result.returned, "start")
    count = "" if np.ndim(back) == 0 else f"of {np.sum(back)} "
    return text + (f"; {count}the start is returned" if np.any(back) else "")


def stop_in_words(result: Any, numbers: dict[str, Any]) -> str:
    """Why the steps ended, how many there were, and how long it took."""
    reason = " or ".join(dict.fromkeys(map(str, np.ravel(result.stop_reason))))
    text = f"{reason} after {size_of(numbers['steps'])} steps"
    return text if result.seconds is None else f"{text}, {result.seconds:.3g} s"


def active_in_words(numbers: dict[str, Any], active: list[int]) -> str:
    """How many hidden units are in use, layer by layer."""
    pairs = zip(active, numbers["hidden_units"], strict=True)
    return ", ".join(f"{n} of {width}" for n, width in pairs) + " in use"


def size_of(count: Any) -> str:
    """A count, or the least and the largest of those of all replicas."""
    low, high = np.min(count), np.max(count)
    return str(low) if low == high else f"{low} to {high}"


def with_error(value: Any, error: Any) -> str:
    """ "-26.77 ± 0.58 nats": two digits of the error; the mean where there are several."""
    value, error, several = np.mean(value), np.mean(error), np.ndim(value)
    digits = 2
    if 0 < error < np.inf:
        digits = max(0, 1 - math.floor(math.log10(error)))
    text = f"{value:.{digits}f} ± {error:.2g} nats"
    return text + " on average" * bool(several)


def quantile_rows(numbers: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of quantiles."""
    heads = ["of all weights", *(f"{100 * q:g} %" for q in QUANTILES)]
    named = {"sigma": numbers["sigma"], "|mu| / sigma": numbers["signal_to_noise"]}
    rows = [[name, *(f"{v:.3g}" for v in qs.values())] for name, qs in named.items()]
    return heads, rows


def run_rows(result: Any, numbers: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the table of replicas, or of tasks."""

    def of(value: Any, i: int) -> Any:
        return value[i] if np.ndim(value) else value

    known, active = result.elbo is not None, numbers["active_units"]
    kind = "task" if result.family.tasks else "replica"
    heads = [kind, "ELBO" if known else "loss", "error", "state", "stopped"]
    heads.append("hidden units")
    score = result.elbo if known else last_loss(result.history)
    rows = []
    for i in range(min(n_runs(result), MOST_RUNS)):
        state = "converged" if of(result.converged, i) else "not converged"
        rows.append(
            [
                str(i),
                "-" if score is None else f"{of(score, i):.6g}",
                f"{of(result.elbo_se, i):.2g}" if known else "-",
                "diverged" if of(result.diverged, i) else state,
                str(of(result.stop_reason, i)),
                active_in_words(numbers, active[i]) if active and active[i] else "-",
            ]
        )
    return heads, rows
