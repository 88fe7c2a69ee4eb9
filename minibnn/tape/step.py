"""One recorded operation, and what passes over a recording ask about many in a row."""

from functools import cached_property

import numpy as np

from minibnn.tape.memory import arrays_in, moved, overlap, owner, owners_of


class Step:
    """One operation: ``function(*args, **kwargs)`` fills ``out``.

    Of a ufunc or its reduction ``function`` is a pair (ufunc, "__call__" or "reduce").
    A step never changes, so what is asked of it often is found out once.
    """

    def __init__(self, function, args, kwargs, out):
        self.function, self.args, self.kwargs, self.out = function, args, kwargs, out

    @cached_property
    def operands(self):
        """Every array it reads."""
        return [*arrays_in(self.args), *arrays_in(list(self.kwargs.values()))]

    @cached_property
    def reads(self):
        """Ids of the owners of what it reads."""
        return owners_of(self.operands)

    @cached_property
    def writes(self):
        """The id of the owner of what it fills."""
        return id(owner(self.out))

    @cached_property
    def touches(self):
        """Ids of the owners of what it reads or fills."""
        return self.reads | {self.writes}

    def moved(self, places):
        """The step in its new place; the same object where nothing of it moves."""
        if self.touches.isdisjoint(places):
            return self
        kwargs = {key: moved(value, places) for key, value in self.kwargs.items()}
        args, out = moved(self.args, places), moved(self.out, places)
        return Step(self.function, args, kwargs, out)

    def calls(self, ufunc):
        """Whether it is the plain call of a ufunc."""
        return self.function == (ufunc, "__call__") and not self.kwargs

    def is_elementwise(self):
        """Whether every entry of the result is made of the entries at its own place."""
        if not isinstance(self.function, tuple):
            return False
        ufunc, method = self.function
        return method == "__call__" and ufunc.signature is None

    def reduction(self):
        """The arguments of a reduction behind the array, by name."""
        return dict(zip(("axis", "dtype"), self.args[1:], strict=False)) | self.kwargs


def call(ufunc, *args, out):
    """The step that is the plain call of a ufunc."""
    return Step((ufunc, "__call__"), args, {}, out)


def maker(array, before):
    """The last step that wrote an operand, if it wrote just that."""
    if not isinstance(array, np.ndarray):
        return None
    last = next((s for s in reversed(before) if overlap(s.out, array)), None)
    whole = last is not None and last.out.shape == array.shape
    return last if whole and last.out.ctypes.data == array.ctypes.data else None


def made_by(ufunc, array, before):
    """The same, if it is the plain call of a ufunc."""
    step = maker(array, before)
    return step if step is not None and step.calls(ufunc) else None


def is_private(array, steps, fixed):
    """Whether just two of the steps mention an owner: its maker and one reader."""
    key = id(owner(array))
    return key not in fixed and sum(key in step.touches for step in steps) == 2


def written(steps, view):
    """Whether any of the steps writes to memory of a view."""
    return any(overlap(step.out, view) for step in steps)


def read(steps, view):
    """Whether any of the steps reads memory of a view."""
    return any(overlap(a, view) for step in steps for a in step.operands)


def rewritten(values, before, step):
    """Whether anything has been written over arrays since a step."""
    since = before[before.index(step) + 1 :]
    return any(written(since, a) for a in values if isinstance(a, np.ndarray))


def replaced(steps, rule):
    """The steps, where ``rule(step, before)`` may know better.

    It says None, or what is to stand for the step and which of those before it are no
    longer needed.
    """
    done = []
    for step in steps:
        new, gone = rule(step, done) or ([step], [])
        done = [s for s in done if s not in gone] + new
    return done


def needed(steps, results):
    """Only the steps whose numbers reach the results."""
    wanted, kept = owners_of(results), []
    for step in reversed(steps):
        if step.writes in wanted:
            kept.append(step)
            wanted |= step.reads
    return kept[::-1]
