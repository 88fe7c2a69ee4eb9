"""Stages of a long run on standard error: a line each; in a terminal a clock runs."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

TICK = 1.0  # seconds


class Moving:
    """``say(line)`` for the stages of a run, each with the seconds since its beginning.

    In a terminal the last line is written anew every second until the next one comes, so
    that something moves; elsewhere, in a log, every line is written once.
    """

    def __init__(self, stream: Any, clock: Callable[[], float]) -> None:
        self._stream, self._clock, self._begin = stream, clock, clock()
        self._live = stream.isatty()
        self._stage, self._shown = "", 0
        self._lock, self._done = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        if self._live:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._live:
            self._thread.join()
            with self._lock:
                self._end_line()

    def __call__(self, line: str) -> None:
        """A stage begins."""
        with self._lock:
            if self._live:
                self._end_line()
                self._stage = line
                self._draw()
            else:
                self._write(f"{self._seconds()}{line}\n")

    def _run(self) -> None:
        while not self._done.wait(TICK):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        """The line of the stage at work over the one before it, within the terminal."""
        if self._stage:
            width = shutil.get_terminal_size().columns - 1
            line = f"{self._seconds()}{self._stage}"
            line = line if len(line) <= width else f"{line[: width - 3]}..."
            self._write(f"\r{line:<{self._shown}}")
            self._shown = len(line)

    def _end_line(self) -> None:
        if self._stage:
            self._draw()
            self._write("\n")
        self._stage, self._shown = "", 0

    def _seconds(self) -> str:
        return f"{self._clock() - self._begin:6.0f} s  "

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
