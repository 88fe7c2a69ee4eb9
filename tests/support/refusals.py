"""What every refusal of a bad argument is."""

import traceback
from pathlib import Path

import pytest


def check_refusal(call, name, words, most):
    """The error is of the right kind, named, worded, short, and raised by the package."""
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    message = str(caught.value)
    assert name in message
    assert words in message
    assert len(message) < most
    last = Path(traceback.extract_tb(caught.value.__traceback__)[-1].filename)
    assert "minibnn" in last.parts, f"raised from inside {last}"
