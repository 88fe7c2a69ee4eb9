"""Optimisers on one flat vector, in place: the protocol.

Protocol: the schedule ``lr``, any function ``lr(step, max_steps) -> float`` with step =
0, 1, ... (a number makes a constant one); ``init(theta) -> state``, a dict of arrays;
``rates(lr, step)``, the numbers that differ from step to step; and
``update(theta, g, state, *rates)``.
"""


class Optimizer:
    """What all optimisers share."""

    lr = None  # the schedule
    moves_params = False  # whether ``update_params`` moves a family's params instead

    def check_family(self, family):
        """Raise ValueError for a family that it cannot move; by default there is none."""

    def rates(self, lr, step):
        """The numbers that differ from step to step; here the step size alone."""
        return (lr,)

    def move(self, theta, g, state, step, max_steps):
        """One whole step, schedule included, on a vector theta, in place."""
        self.update(theta, g, state, *self.rates(self.lr(step, max_steps), step))
