"""What one of several replicas has of a result: a run, a fold, a member."""

from __future__ import annotations

from typing import Any

import numpy as np

from minibnn.standardise import of_replica
from minibnn.svi.history import history_of


def parts_of(result: Any, i: int) -> dict[str, Any]:
    """The fields of a result in which replica i differs from all of them."""
    known = result.elbo is not None

    def one(values):
        return values[i] if np.ndim(values) else values

    reason = "diverged" if one(result.diverged) else str(one(result.stop_reason))
    return {
        "params": {key: array[i] for key, array in result.params.items()},
        "history": history_of(result.history, i),
        "elbo": float(result.elbo[i]) if known else None,
        "elbo_se": float(result.elbo_se[i]) if known else None,
        "stop_reason": reason,
        "converged": bool(one(result.converged)),
        "diverged": bool(one(result.diverged)),
        "returned": str(one(result.returned)),
        "rise": None if result.rise is None else float(one(result.rise)),
        "rise_se": None if result.rise is None else float(one(result.rise_se)),
        "standardiser": of_replica(result.standardiser, i),
        "n_rows": None if result.n_rows is None else int(one(result.n_rows)),
    }
