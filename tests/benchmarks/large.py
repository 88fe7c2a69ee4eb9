"""Large data: CPU seconds of steps and closing ELBO, and peak memory, each by itself."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import minibnn as mb
from minibnn.svi import closing, run

ROWS = 1_000_000
SPENT = ("go", "settle", "fresh_elbo")  # steps, judge, closing ELBO
CASES = ("float64", "float64, mapped", "float32, mapped", "images")


def peak():
    """The most megabytes this process has had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def regression(case, folder):
    """A million rows of ten columns, written to a file and mapped, or in memory."""
    dtype = case.split(",")[0]
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", dtype, (ROWS, 10))
    rng = np.random.default_rng(0)
    for start in range(0, ROWS, 10_000):
        X[start : start + 10_000] = rng.standard_normal((10_000, 10))
    y = np.sin(X[:, 0]) + 0.1 * rng.standard_normal(ROWS, dtype)
    X.flush()
    X = np.load(folder / "X.npy", mmap_mode="r" if "mapped" in case else None)
    model = mb.Model(mb.MLP([10, 50, 1]), mb.Gaussian("learned"), mb.GaussianPrior())
    return model, X, y, {"batch_size": 256, "max_steps": 2000}


def images():
    """Noise in the shape of MNIST, five epochs of it."""
    rng = np.random.default_rng(0)
    X = rng.random((60_000, 784), dtype=np.float32)
    model = mb.Model(
        mb.MLP([784, 400, 400, 10]), mb.Categorical(10), mb.GaussianPrior()
    )
    y = rng.integers(0, 10, len(X))
    return model, X, y, {"batch_size": 128, "max_steps": 5 * 60_000 // 128}


def clocked(owner, name, spent):
    """Let a function add its CPU seconds to ``spent``."""
    function = getattr(owner, name)

    def timed(*args):
        begin = time.process_time()
        try:
            return function(*args)
        finally:
            spent[name] = time.process_time() - begin

    setattr(owner, name, timed)


def measure(case):
    """A line of the table."""
    with tempfile.TemporaryDirectory() as folder:
        made = images() if case == "images" else regression(case, Path(folder))
        model, X, y, options = made
        spent, before, begin = {}, peak(), time.process_time()
        for owner, name in zip((run.Run, closing, closing), SPENT, strict=True):
            clocked(owner, name, spent)
        result = mb.fit(model, mb.MeanField(), X, y, rng=0, start=None, **options)
        total = time.process_time() - begin
    shown = [*(spent[k] for k in SPENT), total, total / spent["go"]]
    seconds = " | ".join(f"{value:.2f}" for value in shown)
    data = (X.nbytes + y.nbytes) / 2**20
    elbo = f"{result.elbo:.0f} ± {result.elbo_se:.0f}"
    return f"| {case} | {seconds} | {elbo} | {data:.0f} | {before:.0f} | {peak():.0f} |"


def main(names):
    if names:
        print(measure(", ".join(names)))
        return 0
    print("| data | steps, s | judge | closing ELBO | total | / steps | ELBO | data, MB |"
          " before | peak |")  # fmt: skip
    print("|" + "---|" * 10)
    for case in CASES:  # each in a process of its own
        command = [sys.executable, str(Path(__file__).parent), "--large"]
        done = subprocess.run(
            [*command, *case.split(", ")], capture_output=True, text=True, check=True
        )
        print(done.stdout.splitlines()[-1], flush=True)
    return 0
