"""Progress: what somebody who has asked for it sees on standard error."""

import sys


def report(text):
    """One line, at once."""
    print(text, file=sys.stderr, flush=True)
