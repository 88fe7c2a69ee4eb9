"""Optimisers on one flat vector, in place: the protocol."""

from abc import ABC, abstractmethod
from typing import Any

from minibnn.optim.schedules import Schedule
from minibnn.types import FloatArray


class Optimizer(ABC):
    """What an optimiser has: a schedule, a memory, the numbers of a step, and the step.

    ``lr`` is the schedule, any function of (step, max_steps). Of a subclass ``init`` and
    ``update`` are wanted; ``rates`` too, if more than the step size differs from step to
    step.
    """

    lr: Schedule
    moves_params = False  # whether ``update_params`` moves a family's params instead

    def check_family(self, family: Any) -> None:
        """Raise ValueError for a family that it cannot move; by default there is none.

        Parameters
        ----------
        family : Family
        """
        return None

    @abstractmethod
    def init(self, theta: FloatArray) -> dict[str, FloatArray]:
        """The memory before the first step.

        Parameters
        ----------
        theta : array (..., n)
            The parameters as one vector; leading axes are replicas.

        Returns
        -------
        dict of arrays
            Which ``update`` changes in place.
        """

    def rates(self, lr: float, step: int) -> tuple[float, ...]:
        """The numbers that differ from step to step; here the step size alone.

        Parameters
        ----------
        lr : float
            What the schedule says.
        step : int
            0, 1, ...
        """
        return (lr,)

    @abstractmethod
    def update(
        self,
        theta: FloatArray,
        g: FloatArray,
        state: dict[str, FloatArray],
        *rates: Any,
        **_: Any,  # each has as many as its ``rates`` gives
    ) -> None:
        """One step, in place: array work alone, so that it can be recorded.

        Parameters
        ----------
        theta, g : arrays (..., n)
            The parameters, which move, and the gradient of the loss.
        state : dict of arrays
            The memory, from ``init``.
        lr, *rates : float
            What ``rates`` has given, in its order.
        """

    def move(
        self,
        theta: FloatArray,
        g: FloatArray,
        state: dict[str, FloatArray],
        step: int,
        max_steps: int,
    ) -> None:
        """One whole step, schedule included, on a vector theta, in place.

        Parameters
        ----------
        theta, g : arrays (..., n)
        state : dict of arrays
        step, max_steps : int
            Which step, the first being 0, and how many the run may have.
        """
        self.update(theta, g, state, *self.rates(self.lr(step, max_steps), step))
