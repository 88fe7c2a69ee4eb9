"""Whether the parts of a result, read from a file, belong to one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.model import Model
from minibnn.standardise import check_units
from minibnn.svi.elbo import check_params, lead_of
from minibnn.validation.arguments import (
    as_float_array,
    check_instance,
    check_names,
    check_protocol,
    check_shape,
)


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
