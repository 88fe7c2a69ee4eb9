"""What a function takes, also where an annotation of it names what is not there.

From Python 3.14 on an annotation is evaluated when somebody asks for it, not where the
function is defined. So a reader's function works whose annotation cannot be evaluated,
and ``inspect.signature``, which asks for all of them, would raise its NameError.
"""

import inspect
import sys
from collections.abc import Callable
from typing import Any

LAZY: dict[str, Any] = {}
if sys.version_info >= (3, 14):
    import annotationlib

    LAZY = {"annotation_format": annotationlib.Format.FORWARDREF}


def signature_of(function: Callable[..., Any]) -> inspect.Signature:
    """``inspect.signature``, which leaves open what cannot be evaluated."""
    return inspect.signature(function, **LAZY)
