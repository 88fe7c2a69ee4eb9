"""What ``fit`` may be told, checked in one place before anything runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike

from minibnn.families.base import Family
from minibnn.model import Model
from minibnn.optim.adam import Adam
from minibnn.optim.base import Optimizer
from minibnn.optim.cosine import Cosine
from minibnn.optim.slowing import Slowing
from minibnn.prediction.prediction import MOST_SAMPLES
from minibnn.standardise import Standardiser
from minibnn.svi.checkpoint import Checkpoint
from minibnn.svi.elbo import check_params
from minibnn.svi.history import StepInfo
from minibnn.svi.start import worth_a_start
from minibnn.types import Params
from minibnn.validation.arguments import (
    check_bool,
    check_fraction,
    check_function,
    check_instance,
    check_int,
    check_number,
    check_positive,
    check_range,
)
from minibnn.validation.describe import ArgumentTypeError, describe

RATE = 0.02
DEFAULT_STEPS = 1000  # where no noise has to average out
FEWEST_STEPS, MOST_STEPS = 2000, 10_000
WORK = 4e9  # steps x rows of a step x weights, between those bounds
MOST_ROWS = 2048  # that are all taken at every step, if nobody says how many
BATCH = 512  # rows of a step on larger data
POLISH_STEPS = 100, 1000  # from the solution of a simpler family
POLISH_WORK = 4e8  # steps x weights², between those bounds
OF_AN_OPTIMIZER = ("init", "rates", "update", "lr")
MOST_RUNS = 100_000  # all restarts or replicas are in memory at once


@dataclass(frozen=True)
class Options:
    """Checked options of a run; see ``fit`` for what each one means."""

    n_samples: int
    batch_size: int | None
    optimizer: Any  # an Optimizer, or somebody's own with its methods
    max_steps: int
    start: Any  # a word, params or None
    stop: Callable[[dict[str, list[Any]]], bool] | None
    kl_weight: float
    kl_warmup: float
    replicas: int | None
    clip: float | None
    callback: Callable[[StepInfo], object] | None
    checkpoint: Checkpoint | None
    verbose: bool
    own_steps: bool  # max_steps is the caller's
    own_optimizer: bool = False
    kind: str | None = None  # of the start; None: one of its own or none at all
    rival: Any = None  # the ELBO that another kind has reached
    others: bool = False  # whether another kind is still to come
    standardise: Standardiser | None = None  # that of the data
    together: bool = False  # replicas that stand for restarts
    elbo_samples: int | None = None  # of the closing ELBO; 0 leaves it out

    @property
    def ours(self) -> bool:
        """Whether both the start and the number of steps are left to the package."""
        return self.start == "auto" and not self.own_steps

    @property
    def moves_params(self) -> bool:
        """Whether the optimiser moves a family's params; one of a caller's own does not."""
        return isinstance(self.optimizer, Optimizer) and self.optimizer.moves_params

    @property
    def salvage(self) -> bool:
        """Whether a run that overflows returns what it had before, with a warning."""
        return self.ours and not self.together

    @property
    def told(self) -> bool:
        """Whether both are the caller's: then the last state is the result, always."""
        return self.own_steps and self.start != "auto"

    def kl_weights_at(self, steps: Iterable[int]) -> list[float]:
        """The KL weights of steps: rising from 0 during warm-up, then the full one."""
        warm, full = self.kl_warmup * self.max_steps, self.kl_weight
        return [full * min(1.0, step / warm) if warm else full for step in steps]

    def rate_at(self, step: int) -> float:
        """The step size of the schedule; ValueError if it gives no number >= 0."""
        rate = self.optimizer.lr(step, self.max_steps)
        if type(rate) is float and 0.0 <= rate < math.inf:
            return rate
        return check_number(f"lr at step {step}", rate, minimum=0.0)

    def for_restart(self, k: int) -> Self:
        """The same options with the checkpoint file of restart k."""
        if self.checkpoint is None:
            return self
        return replace(self, checkpoint=self.checkpoint.for_restart(k))

    @property
    def needs_one_run(self) -> bool:
        """Whether somebody looks at, stops or saves a single run."""
        stop = None if isinstance(self.stop, Slowing) else self.stop
        lookers = stop, self.callback, self.checkpoint
        return any(looker is not None for looker in lookers)

    def for_replicas(self, count: int) -> Self:
        """The same options for several runs as replicas of one."""
        start = self.start
        if isinstance(start, dict):
            start = {k: np.broadcast_to(v, (count, *v.shape)) for k, v in start.items()}
        return replace(self, replicas=count, start=start, together=True)

    def of_kind(
        self, kind: str | None, kinds: Sequence[str | None], rival: Any = None
    ) -> Self:
        """The same options for a run with one of these kinds, and what it has to beat."""
        file, others = self.checkpoint, kind != kinds[-1]
        if kind != kinds[0] and file is not None:
            file = file.for_kind(kind or "plain")
        return replace(self, kind=kind, rival=rival, others=others, checkpoint=file)

    def for_first_fit(self, model: Model, n_rows: int) -> Self:
        """The default fit of the simpler family that a richer one starts from."""
        return replace(
            self,
            n_samples=1,
            optimizer=default_optimizer(),
            own_optimizer=False,
            max_steps=default_steps(model, self.batch_size or n_rows),
            stop=Slowing(n_rows),
            kl_warmup=0.0,
            replicas=None,
            callback=None,
            checkpoint=None,
        )

    def kinds(
        self, model: Model, family: Family, n_rows: int, exact: bool
    ) -> list[str | None]:
        """The kinds of start to try, of which the one with the best ELBO is kept.

        L-BFGS finds basins that narrow networks do not leave or reach otherwise; means
        that move first, without noise, keep more units of a wide one. They need steps
        that go far enough for sigmas to grow again.
        """
        if self.start != "auto":
            return [self.start if self.start == "lbfgs" else None]
        if family.first_fit and not exact:
            return ["first fit"]
        lbfgs: list[str | None] = ["lbfgs"] * worth_a_start(
            model, family, n_rows, exact
        )
        if exact or family.literal:
            return lbfgs or [None]
        far = not self.own_optimizer and self.max_steps >= DEFAULT_STEPS
        plain = not (far and family.has_elbo) or family.tasks
        return [*lbfgs, None if plain else "small"]


def check_options(restarts: int, **given: Any) -> Options:
    """Return ``Options``; raise ValueError or TypeError naming the first bad one."""
    check_int("restarts", restarts, maximum=MOST_RUNS)
    own = not (isinstance(given["max_steps"], str) and given["max_steps"] == "auto")
    steps = check_int("max_steps", given["max_steps"]) if own else DEFAULT_STEPS
    given |= {"max_steps": steps, "own_steps": own}
    samples = check_int("n_samples", given["n_samples"])
    given["n_samples"] = check_int("n_samples", samples, maximum=MOST_SAMPLES)
    for name, most in (("batch_size", None), ("replicas", MOST_RUNS)):
        if given[name] is not None:
            given[name] = check_int(name, given[name], maximum=most)
    if given["replicas"] and restarts > 1:
        raise ValueError("restarts choose one run, replicas keep all: give only one")
    given["kl_weight"] = check_number("kl_weight", given["kl_weight"], minimum=0.0)
    given["kl_warmup"] = check_fraction("kl_warmup", given["kl_warmup"])
    if given["clip"] is not None:
        given["clip"] = check_positive("clip", given["clip"])
    if given.get("elbo_samples") is not None:
        given["elbo_samples"] = check_int(
            "elbo_samples", given["elbo_samples"], 0, MOST_SAMPLES
        )
    given["verbose"] = check_bool("verbose", given["verbose"])
    given["own_optimizer"] = given["optimizer"] is not None
    given["optimizer"] = check_optimizer(given["optimizer"])
    if not isinstance(given["checkpoint"], Checkpoint | None):
        given["checkpoint"] = Checkpoint(given["checkpoint"])
    check_start(given["start"])
    for name in ("stop", "callback"):
        check_function(name, given[name], optional=True)
    return Options(**given)


def check_optimizer(optimizer: Any) -> Any:
    """The optimiser given; None leaves it open."""
    if optimizer is None:
        return None
    methods = (getattr(optimizer, name, None) for name in OF_AN_OPTIMIZER)
    if isinstance(optimizer, type) or not all(map(callable, methods)):
        raise ArgumentTypeError(
            "optimizer must be an object such as Adam(0.01), with init, rates, update "
            f"and lr; got {describe(optimizer)}"
        )
    return optimizer


def default_optimizer(rate: float = RATE) -> Adam:
    """The optimiser of a run, if nobody gives one."""
    return Adam(Cosine(rate))


def check_start(start: object) -> None:
    """One of the words, nothing, or parameters."""
    words = start is None or (isinstance(start, str) and start in ("auto", "lbfgs"))
    if not words and not isinstance(start, dict):
        raise ValueError(
            'start must be "auto", "lbfgs", None or a dict of params, '
            f"got {describe(start)}"
        )


def default_steps(model: Model, n_rows: int) -> int:
    """The most steps of a run on so many rows a step, if nobody says how many."""
    return int(np.clip(WORK / (n_rows * model.n_weights), FEWEST_STEPS, MOST_STEPS))


def with_defaults(
    model: Model, family: Family, n_rows: int, options: Options, noisy: bool
) -> Options:
    """Options in which what is left open follows the data and the family."""
    size = options.batch_size
    if options.optimizer is None:
        good = noisy and options.start is not None  # the place to start from
        rate = family_rate(model, family) if good else RATE
        options = replace(options, optimizer=default_optimizer(rate))
    if size is None and n_rows > MOST_ROWS:
        size = BATCH
    if options.own_steps or not noisy:
        return replace(options, batch_size=size)
    stop = options.stop
    if stop is None and not options.kl_warmup:
        stop = Slowing(n_rows)
    steps = default_steps(model, min(size or n_rows, n_rows))
    if options.start == "auto" and family.first_fit:
        steps = int(np.clip(POLISH_WORK / model.n_weights**2, *POLISH_STEPS))
    return replace(options, batch_size=size, max_steps=steps, stop=stop)


def family_rate(model: Model, family: Family) -> float:
    """Step size of a family's steps from a good start, at most the default one."""
    return min(RATE, family.rate(model))


def fit_to_data(
    model: Model, family: Family, A: Any, options: Options, noisy: bool = True
) -> Options:
    """Options checked against the rest: the replica axis, clip, where to begin."""
    if family.tasks and options.replicas:
        raise ValueError(
            f"replicas must be None with the {family.tasks[0]} tasks of {family!r}, "
            f"got {options.replicas}"
        )
    sets = options.replicas or math.prod(family.tasks)
    alone = not (options.replicas or family.tasks)
    if A.ndim == 3 and (alone or sets != len(A)):
        raise ValueError(
            f"X has {len(A)} data sets, so replicas (or the tasks of the family) must "
            f"be {len(A)}, got {None if alone else sets}"
        )
    if isinstance(options.optimizer, Optimizer):
        options.optimizer.check_family(family)
    if options.clip is not None and not family.literal:
        raise ValueError(
            "clip is for a family whose sigma can leave (0, inf), with "
            f"scale='identity'; got clip={options.clip!r} with {family!r}"
        )
    options = with_defaults(model, family, A.shape[-2], options, noisy)
    if not isinstance(options.start, dict):
        return options
    return replace(options, start=start_params(model, family, options, A.dtype))


def start_params(
    model: Model, family: Family, options: Options, dtype: DTypeLike
) -> Params:
    """The given parameters to begin with, one set for each replica."""
    given = check_params(family, model, options.start, "start")
    lead = (options.replicas,) if options.replicas else ()
    for key, array in given.items():
        check_instance(f"start[{key!r}]", array.flat[0], np.floating, "real")
        check_range(f"start[{key!r}]", array, dtype)
        if array.shape[:-1] not in ((), lead):
            raise ValueError(
                f"start[{key!r}] must have shape {lead + array.shape[-1:]}, "
                f"got {array.shape}"
            )
    return {k: np.broadcast_to(v, lead + v.shape[-1:]) for k, v in given.items()}
