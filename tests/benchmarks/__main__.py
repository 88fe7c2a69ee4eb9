"""Time every workload side by side: ``python tests/benchmarks --help``.

One core, one thread, contenders taking turns within each round; what is reported is
the median over the rounds of each contender's time and of its ratio to minibnn in the
same round, with the quartiles of that ratio. JAX and PyTorch take part where they are
installed. ``--scaling`` prints cost against N, B, S, P, depth and R instead, ``--memory``
the peak memory of training, ``--large`` where a fit of large data spends its time and
memory; ``--write`` puts the table into table.md beside this file.
"""

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
os.environ["XLA_FLAGS"] = (
    "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import numpy as np  # noqa: E402  (threads are set before)

OTHERS = ("floor", "JAX", "PyTorch", "JAX, noise in scan")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
workloads = importlib.import_module("workloads")


def contenders():
    """minibnn, the floor, and every peer that can be imported."""
    found = {"minibnn": "ours", "floor": "floor"}
    found |= {"JAX": "peer_jax", "PyTorch": "peer_torch"}
    found |= {"JAX, noise in scan": "peer_jax_inside"}
    modules = {}
    for name, module in found.items():
        try:
            modules[name] = importlib.import_module(module)
        except ImportError:
            print(f"{name} is not installed: left out", file=sys.stderr)
    return modules


def measure(work, kind, modules, rounds):
    """Seconds of every contender, one row a round."""
    runs = {name: getattr(module, kind)(work) for name, module in modules.items()}
    runs = {name: run for name, run in runs.items() if run is not None}
    for run in runs.values():
        run()  # warm caches and compilers
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(run())
    return {name: np.array(values) for name, values in times.items()}


def row(work, times):
    """A line of the table: microseconds, and ratios to minibnn round by round."""
    ours = times["minibnn"]
    cells = [work.name, f"{np.median(ours) * 1e6 / (work.replicas or 1):.1f}"]
    for name in OTHERS:
        if name not in times:
            cells.append("")
            continue
        low, mid, high = np.percentile(times[name] / ours, [25, 50, 75])
        cells.append(f"{mid:.2f} ({low:.2f}-{high:.2f})")
    return "| " + " | ".join(cells) + " |"


def versions(modules):
    """What ran where."""
    names = ["numpy", "scipy"] + [n for n in ("jax", "torch") if n in sys.modules]
    parts = [f"{n} {importlib.import_module(n).__version__}" for n in names]
    return (
        f"Python {platform.python_version()}, {', '.join(parts)}, {platform.machine()}"
    )


def arguments():
    """What the command line asks for."""
    works = workloads.TRAINING + workloads.PREDICTION
    known = [work.name for work in works]
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks",
        description="Time every workload beside the bare floor, JAX and PyTorch, on one "
        "core; all of them take about five minutes.",
        epilog="\n".join(work.line() for work in works),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--rounds", type=int, default=7, help="default 7")
    parser.add_argument(
        "--scaling", action="store_true", help="cost against N, B, S, ..."
    )
    parser.add_argument("--memory", action="store_true", help="peak memory of training")
    parser.add_argument(
        "--write", action="store_true", help="the table to table.md here"
    )
    parser.add_argument("--large", action="store_true", help="a million rows")
    args = parser.parse_args()
    if args.large:
        return args
    unknown = sorted(set(args.names) - set(known))
    if unknown:
        parser.error(
            f"NAME must be one of {', '.join(known)}; got {', '.join(unknown)}"
        )
    return args


def main():
    args = arguments()
    if args.scaling:
        return importlib.import_module("scaling").main()
    if args.large:
        return importlib.import_module("large").main(args.names)
    if args.memory:
        return importlib.import_module("memory").main(args.names)
    modules = contenders()
    lines = [
        f"| workload | minibnn, us | {' | '.join(f'{n} / minibnn' for n in OTHERS)} |",
        "|---" * (2 + len(OTHERS)) + "|",
    ]
    print("\n".join(lines))
    groups = {"train": workloads.TRAINING, "predict": workloads.PREDICTION}
    for kind, works in groups.items():
        for work in works:
            if not args.names or work.name in args.names:
                lines.append(row(work, measure(work, kind, modules, args.rounds)))
                print(lines[-1], flush=True)
    lines += ["", f"Float32, one core, {args.rounds} rounds. {versions(modules)}."]
    print(lines[-1])
    if args.write:
        (HERE / "table.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
