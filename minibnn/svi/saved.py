"""A result in a file: what is written, and whether what was read fits together."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.model import Model
from minibnn.recipe import from_recipe, seed_facts, seed_from, to_recipe
from minibnn.standardise import check_units
from minibnn.storage import as_written, check_path, read, with_prefix, write
from minibnn.svi.elbo import check_params, lead_of
from minibnn.types import Path
from minibnn.validation.arguments import (
    as_float_array,
    check_instance,
    check_names,
    check_protocol,
    check_shape,
)

SAVED = "model family elbo elbo_se stop_reason restarts".split()
LATER = """converged diverged returned rise rise_se standardiser columns n_rows
seconds""".split()


def write_result(result: Any, path: Path) -> None:
    """What ``FitResult.save`` does."""
    facts = {name: to_recipe(getattr(result, name)) for name in SAVED + LATER}
    facts["seed"] = seed_facts(result.prediction_seed)
    arrays = {f"params.{key}": value for key, value in result.params.items()}
    arrays |= {f"history.{key}": value for key, value in result.history.items()}
    write(check_path("path", path), "posterior", facts, arrays)


def read_result(cls: Any, path: Path) -> Any:
    """What ``FitResult.load`` does: an object of the class."""
    facts, arrays = read(path, "posterior")
    with as_written(path):
        names = SAVED + [name for name in LATER if name in facts]
        known = {name: from_recipe(facts[name]) for name in names}
        known["restarts"] = [tuple(pair) for pair in known["restarts"]]
        known["params"] = with_prefix("params.", arrays)
        known["history"] = with_prefix("history.", arrays)
        result = cls(**known, prediction_seed=seed_from(facts["seed"]))
        check_result(result)
    return result


def check_result(result: Any) -> None:
    """Raise ValueError unless the parts of a result belong to one another."""
    check_instance("model", result.model, Model)
    check_protocol("family", result.family, "natural")
    params = check_params(result.family, result.model, result.params)
    for key, array in result.params.items():
        check_instance(f"params[{key!r}]", array.flat[0], np.floating, "real")
    lead = lead_of(result.family, params)
    for name in ("elbo", "elbo_se"):
        value = getattr(result, name)
        if value is not None:
            check_shape(name, as_float_array(name, value, finite=False), lead)
    reasons = np.asarray(result.stop_reason)
    check_instance("stop_reason", reasons.flat[0], str)
    check_shape("stop_reason", reasons, lead if reasons.ndim else ())
    if result.standardiser is not None:
        check_units(result.standardiser, result.model, lead)
    if result.columns is not None:
        check_names("columns", result.columns, result.model.net.n_inputs)
    if len({len(array) for array in result.history.values()}) > 1:
        raise ValueError("the arrays of history must have one length")
