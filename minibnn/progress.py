"""Progress of long work, for somebody who has asked to see it; else there is silence.

On a terminal it is a bar with rate and time left, tqdm's where that is installed; in a
notebook the same below its cell, where it is no red box; elsewhere, in a log, a line for
each tenth. Words are made only when they are shown, at most ten times a second: who
watches waits no longer.
"""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

Words = Callable[[int], str]  # what there is to say when so much was done
SECONDS = 0.1  # between two pictures of a bar
FIRST = 100  # of a task without known end: it is told at 100, 200, 400, ...


class Progress:
    """A task under way: ``with Progress(verbose, "step", 1000) as progress``.

    Parameters
    ----------
    on : bool
        Whether anything is shown.
    task : str
        Its name; in a line "step 400/1000".
    total : int, optional
        How much there is to do, or at most.
    unit : str
        What is counted, in the plural.
    begun : int
        How much of it was done before.

    Examples
    --------
    >>> from minibnn.progress import Progress
    >>> with Progress(False, "step", 3) as progress:
    ...     for i in range(3):
    ...         progress(i + 1, lambda done: f"{done} of three")
    """

    def __init__(
        self,
        on: bool,
        task: str,
        total: int | None = None,
        unit: str = "",
        begun: int = 0,
    ):
        self._view = view()(task, total, unit, begun) if on else None

    def __call__(self, done: int, words: Words | None = None) -> None:
        """So much is done now, of all there is; ``words(done)`` says more."""
        if self._view is not None:
            self._view.show(done, words)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *error: object) -> None:
        if self._view is not None:
            self._view.close()


SILENT = Progress(False, "")


def report(text: str) -> None:
    """One line, at once."""
    print(text, file=stream(), flush=True)


def in_notebook() -> bool:
    """Whether standard error is a notebook's, which shows it in red."""
    return type(sys.stderr).__module__.startswith("ipykernel")


def stream() -> TextIO:
    """Where progress goes."""
    return sys.stdout if in_notebook() else sys.stderr


def view() -> Callable[[str, int | None, str, int], Any]:
    """What shows a task here."""
    if not in_notebook() and not sys.stderr.isatty():
        return Lines
    if importlib.util.find_spec("tqdm"):
        return Tqdm
    return Cell if in_notebook() else Bar


class Lines:
    """A line for each tenth of a task, and one for where it has ended."""

    def __init__(self, task: str, total: int | None, unit: str, begun: int):
        self.task, self.total, self.unit = task, total, unit
        self.every = max(1, total // 10) if total else FIRST
        self.due = begun - begun % self.every + self.every
        self.told = begun
        self.last: tuple[int, Words | None] = (begun, None)

    def show(self, done: int, words: Words | None) -> None:
        self.last = done, words
        while self.due <= done:
            self.tell(self.due, words)
            self.due = self.due + self.every if self.total else 2 * self.due

    def tell(self, done: int, words: Words | None) -> None:
        self.told = done
        count = f"{done}/{self.total}" if self.total else f"{done} {self.unit}"
        report(f"{self.task} {count}" + (f"  {words(done)}" if words else ""))

    def close(self) -> None:
        if self.told < self.last[0]:
            self.tell(*self.last)


class Bar:
    """One line that is drawn over and over: share, rate, time left, words."""

    def __init__(self, task: str, total: int | None, unit: str, begun: int):
        self.task, self.total, self.unit, self.begun = task, total, unit, begun
        self.begin = self.drawn = time.monotonic()
        self.last: tuple[int, Words | None] = (begun, None)

    def show(self, done: int, words: Words | None) -> None:
        self.last = done, words
        if time.monotonic() - self.drawn >= SECONDS:
            self.draw()

    def draw(self, end: str = "") -> None:
        self.drawn = time.monotonic()
        width = shutil.get_terminal_size().columns - 1
        line = self.line()
        if len(line) > width:  # the words tell more than the picture
            line = self.line(picture=False)[:width]
        self.put(line, width, end)

    def put(self, line: str, width: int, end: str) -> None:
        print(f"\r{line:<{width}}", end=end, file=stream(), flush=True)

    def line(self, picture: bool = True) -> str:
        (done, words), spent = self.last, self.drawn - self.begin
        rate = (done - self.begun) / spent if spent > 0 else 0.0
        head, left = f"{self.task} {done} {self.unit}", ""
        if self.total:
            share, bar = done / self.total, "#" * (10 * done // self.total)
            bar = f" |{bar:<10}|" if picture else ""
            head = f"{self.task} {share:4.0%}{bar} {done}/{self.total}"
            left = f"<{clock((self.total - done) / rate)}" if rate else ""
        timing = f"[{clock(spent)}{left}, {rate:.3g} {self.unit}/s]"
        return f"{head} {timing}" + (f"  {words(done)}" if words else "")

    def close(self) -> None:
        self.draw(end="\n")


class Cell(Bar):
    """The same below a notebook's cell: one output, replaced over and over.

    Of what is printed a notebook that is run and exported in one go keeps every picture.
    """

    handle: Any = None

    def put(self, line: str, width: int, end: str) -> None:
        text = {"text/plain": line}
        if self.handle is not None:
            self.handle.update(text, raw=True)
            return
        ours = importlib.import_module("IPython.display")
        self.handle = ours.display(text, raw=True, display_id=True)


def clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are any."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


class Tqdm:
    """The same by tqdm: in a notebook with widgets a widget, else a line."""

    def __init__(self, task: str, total: int | None, unit: str, begun: int):
        widgets = in_notebook() and importlib.util.find_spec("ipywidgets")
        bar = importlib.import_module("tqdm.notebook" if widgets else "tqdm").tqdm
        line = {} if widgets else {"file": stream(), "dynamic_ncols": True}
        words = {"desc": task, "total": total, "unit": f" {unit}", "initial": begun}
        self.bar = bar(**words, mininterval=SECONDS, leave=True, **line)
        self.shown = 0.0

    def show(self, done: int, words: Words | None) -> None:
        now = time.monotonic()
        if words and now - self.shown >= SECONDS:
            self.shown = now
            self.bar.set_postfix_str(words(done), refresh=False)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        self.bar.close()
