"""The defaults on data nobody here chose: ``python tests/benchmarks/outside.py --help``.

Every fit is ``mb.fit(model, family, X, y, rng=...)``: nothing is tuned to a set. Splits or
seeds of equal size are advanced together. Nothing here is a timed test.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, pairwise
from pathlib import Path
from typing import NamedTuple

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402  (threads are set before)
from scipy.stats import norm, poisson  # noqa: E402

import minibnn as mb  # noqa: E402

sys.path.insert(0, str(Path(__file__).parent))
import problems  # noqa: E402
import published  # noqa: E402

LIKELIHOODS = {
    "gaussian": (lambda: mb.Gaussian("learned"), 1),
    "heteroscedastic": (mb.HeteroscedasticGaussian, 2),
}
BAD = 0.25  # nats a row by which a fit may be worse than its reference
FAMILIES = {"mean-field": mb.MeanField, "full": mb.FullCovariance}
HELP = """
WHAT is one of
  a folder   UCI protocol on every NAME.npz in it: X (N, D), y (N,), train_idx (K, n) and
             test_idx (K, m), row numbers of K splits. D-50-1 ReLU (heteroscedastic:
             D-50-2), prior N(0, 1), X and y standardised on the rows to fit.
  problems   the generated problems of problems.py, five seeds each, and scikit-learn's
             iris, wine, digits and breast_cancer where it is installed.
  between    the sd of a network between two clusters of inputs and on them, five draws.

columns (mean +- standard error over splits or seeds)
  LL         log predictive density per test row, raw units; higher is better
  worst LL   of a split
  NLL        minus that, of problems in the units of the model
  RMSE       root mean squared error of the predictive mean, raw units
  coverage   test rows inside the central 95 % interval, noise included
  ELBO       evidence lower bound per row to fit, standardised units
  accuracy, ECE   of the classes; ECE in ten bins of confidence
  reference  NLL of logistic regression (classes), of one Gaussian or rate (numbers)
  worse      NLL - reference: above 0 the network is worse
  error      RMSE / RMSE of the mean of the rows to fit
  bad        splits that failed, are said to have diverged, or are worse by > 0.25
  not conv.  splits whose result says that it has not converged
  CPU s      processor seconds of all splits: fits, and predictions
  midway, on, ratio   sd of the function midway between the clusters (|t| < 0.3), on them
             (||t| - 1| < 0.2), and midway / on; they are at t = -1 and 1

With --jobs the splits of a process have random streams of their own: numbers move a little.
"""


class Fold(NamedTuple):
    """Standardised rows, and the sd that a unit of y stands for."""

    rows: problems.Rows
    unit: float


# --- fits ----------------------------------------------------------------------------


def fit_all(model, family, rows, seed):
    """A result for each of the Rows, None where a fit fails; together if sizes agree."""
    if len(rows) > 1 and len({r.X.shape for r in rows}) == 1:
        X, y = np.stack([r.X for r in rows]), np.stack([r.y for r in rows])
        try:
            result = mb.fit(model, family, X, y, rng=seed, replicas=len(rows))
            return [result.replica(i) for i in range(len(rows))]
        except mb.FitError as error:
            print(f"together: {error}", file=sys.stderr)
    return [fit_one(model, family, r, [*seed, i]) for i, r in enumerate(rows)]


def fit_one(model, family, rows, seed):
    """One result, or None."""
    try:
        return mb.fit(model, family, rows.X, rows.y, rng=seed)
    except mb.FitError as error:
        print(f"alone: {error}", file=sys.stderr)


def scores(result, model, rows, unit=1.0):
    """What a fit is worth on the rows to test, beside what it has to beat."""
    beat = reference(rows, model.likelihood)
    if result is None:
        return {"reference": beat, "bad": 1}
    pred = result.predict(rows.X_test)
    nll = -float(np.mean(pred.log_prob(rows.y_test)))
    found = {
        "ELBO": result.elbo / len(rows.y),
        "LL": -nll - float(np.log(unit)),
        "NLL": nll,
        "reference": beat,
        "worse": nll - beat,
        "bad": int(result.diverged or not nll - beat < BAD),  # nan is bad
        "not conv.": int(not result.converged),
    }
    numbers = model.likelihood.kind == "regression"
    return found | (of_numbers if numbers else of_classes)(pred, rows, unit)


def of_numbers(pred, rows, unit):
    """Error in units of ``unit`` and beside that of the mean, coverage."""
    y, rmse = rows.y_test, mb.metrics.rmse
    error, constant = rmse(y, pred.mean), rmse(y, np.full(len(y), rows.y.mean()))
    inside = mb.metrics.coverage(y, *pred.interval(0.95))
    return {"RMSE": error * unit, "error": error / constant, "coverage": inside}


def of_classes(pred, rows, unit):
    """Scores of the probabilities; they have no unit."""
    y, p = rows.y_test, pred.mean
    return {"accuracy": mb.metrics.accuracy(y, p), "ECE": mb.metrics.ece(y, p)}


def reference(rows, likelihood):
    """NLL of what every network has to beat."""
    if likelihood.kind != "regression":
        return mb.metrics.nll(rows.y_test, problems.logistic_regression(rows))
    if isinstance(likelihood, mb.Poisson):
        return -float(np.mean(poisson.logpmf(rows.y_test, rows.y.mean())))
    return -float(np.mean(norm.logpdf(rows.y_test, rows.y.mean(), rows.y.std())))


def timed(model, family, folds, seed):
    """Scores of every fold, and the CPU seconds of the fits and of the predictions."""
    begin = time.process_time()
    results = fit_all(model, family, [fold.rows for fold in folds], seed)
    middle = time.process_time()
    found = [scores(r, model, *fold) for r, fold in zip(results, folds, strict=True)]
    return found, middle - begin, time.process_time() - middle


# --- UCI -----------------------------------------------------------------------------


def folds_of(path, n_splits, dtype):
    """The first splits of a file."""
    with np.load(path) as data:
        X, y = data["X"].astype(np.float64), data["y"].astype(np.float64)
        pairs = list(zip(data["train_idx"], data["test_idx"], strict=True))[:n_splits]
    return [fold_of(X, y, fit, test, dtype) for fit, test in pairs]


def fold_of(X, y, fit, test, dtype):
    """One split, standardised on its rows to fit."""
    X, z = problems.standardised(X, fit), problems.standardised(y, fit)
    rows = [array.astype(dtype) for array in (X[fit], z[fit], X[test], z[test])]
    return Fold(problems.Rows(*rows), float(y[fit].std()) or 1.0)


def uci_part(path, first, last, args):
    """Scores and seconds of some splits of a set; a process may do just this."""
    folds = folds_of(path, last, args.dtype)[first:]
    make, outputs = LIKELIHOODS[args.likelihood]
    n_inputs = folds[0].rows.X.shape[1]
    model = problems.network([n_inputs, 50, outputs], make())
    return timed(model, FAMILIES[args.family](), folds, [args.seed, first])


def uci_set(path, args):
    """Every split of a set, in as many processes as are asked for."""
    with np.load(path) as data:
        n = min(len(data["train_idx"]), args.splits or len(data["train_idx"]))
    edges = np.unique(np.linspace(0, n, args.jobs + 1).astype(int)).tolist()
    parts = [(path, a, b, args) for a, b in pairwise(edges)]
    if len(parts) == 1:
        return joined([uci_part(*parts[0])])
    with ProcessPoolExecutor(len(parts)) as pool:
        return joined(pool.map(uci_part, *zip(*parts, strict=True)))


def joined(parts):
    """Scores in one list, seconds in one sum."""
    found, fitting, predicting = zip(*parts, strict=True)
    return list(chain(*found)), sum(fitting), sum(predicting)


def run_uci(args):
    """A line for each set, and what has been published about it."""
    head = ["LL", "RMSE", "coverage", "ELBO", "worse"]
    record = {}
    print_head(["set", "splits", *head, "worst LL", "bad", "not conv.", "CPU s"])
    for path in sorted(args.what.glob("*.npz")):
        if args.sets and path.stem not in args.sets:
            continue
        found, *seconds = uci_set(path, args)
        keep(args, record, path.stem, {"splits": found, "CPU s": seconds})
        cells = [path.stem, str(len(found)), *(mean_of(found, key) for key in head)]
        cells += [f"{min(values_of(found, 'LL'), default=np.nan):.2f}"]
        print_row(cells + counts(found) + [cpu(seconds)])
    for name in record:
        print_published(name, record[name]["splits"])
    print("\n".join(f"{name}: {text}." for name, text in published.SOURCES.items()))


def print_published(name, found):
    """LL and RMSE of a set beside those that others have printed."""
    ll, rmse = (published.column(t, name) for t in (published.LL, published.RMSE))
    if not ll:
        return
    print()
    print_head([name, "LL", "RMSE"])
    print_row(["this run", mean_of(found, "LL"), mean_of(found, "RMSE")])
    for method, cell in ll.items():
        print_row([method, cell, rmse.get(method, "")])
    print()


# --- generated problems --------------------------------------------------------------


def problem(name, args):
    """Scores of every seed of a problem, and the seconds."""
    one, n = problems.PROBLEMS[name], args.splits or len(problems.SEEDS)
    folds = [Fold(one.draw(seed), 1.0) for seed in range(n)]
    return timed(one.model(), FAMILIES[args.family](), folds, [args.seed])


def run_problems(args):
    """A line for each problem."""
    head = ["ELBO", "NLL", "reference", "worse", "accuracy", "ECE", "error", "coverage"]
    record = {}
    print_head(["problem", *head, "bad", "not conv.", "CPU s"])
    for name in problems.PROBLEMS:
        if args.sets and not name.startswith(tuple(args.sets)):
            continue
        found, *seconds = problem(name, args)
        keep(args, record, name, {"seeds": found, "CPU s": seconds})
        cells = [name, *(mean_of(found, key) for key in head)]
        print_row(cells + counts(found) + [cpu(seconds)])


# --- in between ----------------------------------------------------------------------


def sds(result):
    """sd of the function midway between the clusters, on them, and their ratio."""
    t, points = problems.between()
    sd = np.sqrt(result.predict(points).epistemic)
    midway = float(sd[np.abs(t) < 0.3].mean())
    on = float(sd[np.abs(np.abs(t) - 1) < 0.2].mean())
    return {"midway": midway, "on": on, "ratio": midway / on}


def run_between(args):
    """A line for each draw, by fit and, where asked for, by Hamiltonian Monte Carlo."""
    record = {}
    print_head(["draw", "by", "midway", "on", "ratio", "ELBO", "CPU s"])
    for seed in range(args.splits or len(problems.SEEDS)):
        rows = problems.two_clusters(seed)
        for by in [args.family] + ["HMC"] * args.hmc:
            begin = time.process_time()
            found, elbo = sds_by(by, rows, [args.seed, seed])
            keep(args, record, f"{by} {seed}", {"ELBO": elbo, **found})
            cells = [f"{value:.3f}" for value in (*found.values(), elbo)]
            print_row([str(seed), by, *cells, f"{time.process_time() - begin:.1f}"])


def sds_by(by, rows, seed):
    """The sds, and the ELBO per row, which HMC has not."""
    model = problems.two_clusters_model()
    if by == "HMC":
        return sds(mb.hmc(model, rows.X, rows.y, rng=seed)), np.nan
    result = mb.fit(model, FAMILIES[by](), rows.X, rows.y, rng=seed)
    return sds(result), result.elbo / len(rows.y)


# --- tables and records --------------------------------------------------------------


def values_of(found, key):
    """The values of one score, where there are any."""
    return [score[key] for score in found if key in score]


def mean_of(found, key):
    """Mean +- standard error, three digits behind the point."""
    values = values_of(found, key)
    if not values:
        return ""
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{np.mean(values):.3f}+-{np.std(values, ddof=1) / np.sqrt(len(values)):.3f}"


def counts(found):
    """How many are bad, and how many have not converged."""
    return [str(sum(values_of(found, key))) for key in ("bad", "not conv.")]


def cpu(seconds):
    """Seconds of fits + predictions."""
    return " + ".join(f"{value:.0f}" for value in seconds)


def keep(args, record, name, value):
    """Add to the record, and write it: what is done is not lost if the rest is."""
    record[name] = value
    if args.json:
        args.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def print_head(cells):
    """The first two lines of a table."""
    print_row(cells)
    print("|" + "---|" * len(cells))


def print_row(cells):
    """One line, at once."""
    print("| " + " | ".join(cells) + " |", flush=True)


# --- the command ---------------------------------------------------------------------


def arguments(argv=None):
    """What the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python tests/benchmarks/outside.py",
        description=__doc__.split("\n\n")[1],
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("what", metavar="WHAT", help="a folder of npz, problems, or between")
    add("--likelihood", choices=LIKELIHOODS, default="gaussian", help="folders only")
    add("--family", choices=FAMILIES, default="mean-field")
    add("--splits", type=int, metavar="K", help="only the first K splits or seeds")
    add("--sets", metavar="A,B", help="these sets, or problems that begin so")
    add(
        "--dtype",
        choices=("float64", "float32"),
        default="float64",
        help="folders only",
    )
    add("--seed", type=int, default=0, help="of the fits; default 0")
    add("--jobs", type=int, default=1, help="processes that share the splits of a set")
    add("--hmc", action="store_true", help="between: HMC beside the fit")
    add("--json", type=Path, metavar="FILE", help="every number to this file")
    args = parser.parse_args(argv)
    args.sets = args.sets.split(",") if args.sets else []
    if args.what not in ("problems", "between"):
        args.what = Path(args.what)
        if not list(args.what.glob("*.npz")):
            parser.error(
                f"WHAT must be a folder of npz, problems or between; {args.what}"
            )
    return args


def main(argv=None):
    """Run what is asked for."""
    args = arguments(argv)
    runs = {"problems": run_problems, "between": run_between}
    runs.get(args.what, run_uci)(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
