"""Peak resident memory of training, in units of the parameters' own.

What counts is memory that has been written to and not given back to the system: the
recording of a step asks for an array for every intermediate result and leaves the large
ones untouched.
"""

import dataclasses
import importlib
import os
import subprocess
import sys
from pathlib import Path

from workloads import TRAINING


def resident():
    """Bytes of this process in memory now."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def highest():
    """The most bytes it has had in memory since ``forget``."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(x.split()[1]) for x in lines if x.startswith("VmHWM"))


def forget():
    """Let the highest mark begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def measure(work):
    """(peak of the steps above the data, bytes of data, activations, params)."""
    ours = importlib.import_module("ours")
    small = dataclasses.replace(
        work, sizes=(3, 2, work.sizes[-1]), n_rows=200, batch=work.batch and 16
    )
    ours.fit(small, max_steps=3)  # imports, compiled regular expressions and the like
    work.data()
    empty, seen = resident(), []
    forget()

    def look(history):
        seen.append(highest())
        return False

    ours.fit(work, max_steps=10, stop=look)
    data = 4 * work.n_rows * (work.sizes[0] + 2)  # features and targets of the run
    units = sum(work.sizes[1:]) + len(work.sizes)
    kinds = 3 if work.local else 1  # also their squares, and variances of the next
    activations = 4 * (work.replicas or 1) * work.samples * work.rows * units * kinds
    params = 8 * (work.replicas or 1) * work.n_weights
    return seen[-1] - empty, data, activations, params


def main(names):
    print("| workload | peak, MB | data, MB | activations, MB | rest / parameters |")
    print("|---|---|---|---|---|")
    for work in TRAINING:
        if names == [work.name]:
            top, data, activations, params = measure(work)
            rest = (top - data - activations) / params
            sizes = " | ".join(f"{size / 1e6:.2f}" for size in (top, data, activations))
            print(f"| {work.name} | {sizes} | {rest:.1f} |", flush=True)
        elif not names or work.name in names:  # each in a process of its own
            command = [sys.executable, str(Path(__file__).parent), work.name]
            done = subprocess.run(
                [*command, "--memory"], capture_output=True, text=True, check=True
            )
            print(done.stdout.splitlines()[-1], flush=True)
    return 0
