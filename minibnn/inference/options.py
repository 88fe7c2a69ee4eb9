"""What ``fit`` may be told, checked in one place before anything runs."""

from dataclasses import dataclass
from typing import Any

from minibnn.inference.optimizers import Adam, Cosine
from minibnn.inference.start import worth_a_start
from minibnn.kernels.validate import (
    check_bool,
    check_fraction,
    check_int,
    check_number,
    check_positive,
    describe,
)


@dataclass(frozen=True)
class Options:
    """Checked options of a run; see ``fit`` for what each one means."""

    n_samples: int
    batch_size: int | None
    optimizer: Any
    max_steps: int
    start: Any
    stop: Any
    kl_weight: float
    kl_warmup: float
    replicas: int | None
    clip: float | None
    callback: Any
    verbose: bool

    def kl_weight_at(self, step):
        """The KL weight of a step: rising from 0 during warm-up, then the full one."""
        warm = self.kl_warmup * self.max_steps
        return self.kl_weight * (min(1.0, step / warm) if warm else 1.0)

    def starts_with_lbfgs(self, model, family, n_rows):
        """Whether L-BFGS at fixed noise comes first."""
        if self.start == "auto":
            return worth_a_start(model, family, n_rows)
        return self.start == "lbfgs"


def check_options(restarts, **given):
    """Return ``Options``; raise ValueError or TypeError naming the first bad one."""
    check_int("restarts", restarts)
    for name in ("n_samples", "max_steps"):
        given[name] = check_int(name, given[name])
    for name in ("batch_size", "replicas"):
        if given[name] is not None:
            given[name] = check_int(name, given[name])
    if given["replicas"] and restarts > 1:
        raise ValueError("restarts choose one run, replicas keep all: give only one")
    given["kl_weight"] = check_number("kl_weight", given["kl_weight"], minimum=0.0)
    given["kl_warmup"] = check_fraction("kl_warmup", given["kl_warmup"])
    if given["clip"] is not None:
        given["clip"] = check_positive("clip", given["clip"])
    given["verbose"] = check_bool("verbose", given["verbose"])
    given["optimizer"] = check_optimizer(given["optimizer"])
    check_start(given["start"])
    for name in ("stop", "callback"):
        if given[name] is not None and not callable(given[name]):
            raise TypeError(f"{name} must be a function or None, got {describe(given[name])}")
    return Options(**given)


def check_optimizer(optimizer):
    """The optimiser given, or the default one."""
    if optimizer is None:
        return Adam(Cosine(0.02))
    if isinstance(optimizer, type) or not hasattr(optimizer, "update"):
        raise TypeError(
            f"optimizer must be an object such as Adam(0.01), got {describe(optimizer)}"
        )
    return optimizer


def check_start(start):
    """One of the words, nothing, or parameters."""
    words = start is None or (isinstance(start, str) and start in ("auto", "lbfgs"))
    if not words and not isinstance(start, dict):
        raise ValueError(
            f'start must be "auto", "lbfgs", None or a dict of params, got {describe(start)}'
        )
