"""Ctrl-C in the midst of something whose first part is of use."""


class Interrupted(KeyboardInterrupt):
    """An interrupt that brings along what had been found: ``so_far``."""

    def __init__(self, so_far):
        super().__init__()
        self.so_far = so_far
