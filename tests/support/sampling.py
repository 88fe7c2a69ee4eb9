"""Sweeps of which a part runs quickly and the rest with ``pytest -m slow``."""

import pytest


def seeds(quick, count):
    """Parameter ``seeds``: the first few in one quick test, the others in a slow one."""
    rest = pytest.param(range(quick, count), id="rest", marks=pytest.mark.slow)
    return pytest.mark.parametrize("seeds", [pytest.param(range(quick), id="few"), rest])
