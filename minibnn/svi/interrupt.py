"""Ctrl-C in the midst of something whose first part is of use."""

from __future__ import annotations

from typing import Any

import numpy as np


class Interrupted(KeyboardInterrupt):
    """An interrupt that brings along what had been found: ``so_far``."""

    def __init__(self, so_far: Any) -> None:
        super().__init__()
        self.so_far = so_far


def was_interrupted(result: Any) -> bool:
    """Whether Ctrl-C has ended a result, or any of its replicas."""
    return "interrupted" in np.ravel(result.stop_reason)
