"""Casts of complex numbers to real ones, a warning of NumPy's, as an error."""

import threading
import warnings

from numpy.exceptions import ComplexWarning


class CastsAreErrors:
    """A context that several threads may be in at once.

    The filters of ``warnings`` belong to the whole process. If every thread put back
    what it found, a thread that left late would put back the filter of another for good:
    the first one in sets the filter, the last one out takes it away.
    """

    def __init__(self):
        self.lock, self.inside, self.filters = threading.Lock(), 0, None

    def __enter__(self):
        with self.lock:
            if not self.inside:
                self.filters = warnings.catch_warnings()
                self.filters.__enter__()
                warnings.simplefilter("error", ComplexWarning)
            self.inside += 1

    def __exit__(self, *error):
        with self.lock:
            self.inside -= 1
            if not self.inside:
                self.filters.__exit__(*error)


casts_are_errors = CastsAreErrors()
