"""The rupture data: a synthetic stand-in, the published files, and their damage.

An earthquake rupture runs along a fault that has a bump y = h exp(-x²/2w²). Will it
break through (label 1) or stop (label 0)? The published answer is 2000 dynamic
simulations (Ahamed and Daub, arXiv 1906.06250; neural network study: Ahamed and Uddin,
arXiv 1911.09660). Their files carry two defects that this module can show without
being told: a block of displaced labels (`longest_repeated_label_run`) and two swapped
column names (`check_column_names`).

Units. The files name none. The simulated domain is 32 km by 24 km (1906.06250), so the
bump's height and width are in km; stresses up to 160 fit MPa and the slip-weakening
distance of 0.4 fits metres. Compression is negative.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from minibnn.types import Array, ArrayLike, FloatArray, IntArray, Rng
from minibnn.validation.arguments import (
    as_float_array,
    as_inputs,
    as_rng,
    as_vector,
    check_all,
    check_instance,
    check_int,
    check_names,
    check_not_empty,
    check_shape,
)
from minibnn.validation.doors import door

NAMES = ("height", "width", "sxx", "sxy", "syy", "mud", "drop", "dc")
PUBLISHED_NAMES = ("height", "width", "sxx", "sxy", "syy", "sdrop", "mud", "dc")
UNITS = ("km", "km", "MPa", "MPa", "MPa", "1", "1", "m")
FILES = {"train": 1000, "validate": 600, "test": 400}  # name: number of rows
BLOCK = slice(100, 500)  # the rows whose labels are displaced
LAG = 75  # by how many rows


# --- the synthetic stand-in ----------------------------------------------------------


def draw_inputs(n: int, rng: Rng = None) -> FloatArray:
    """Draw n simulated faults, shape (n, 8), with the distributions of the real ones.

    |syy| ~ U(10, 160), sxx/syy ~ U(.75, 1.25), mud ~ U(.2, .6), u ~ U(.02, .15),
    drop = .2 + (.6 - mud) U(0, 1), sxy = |syy| (mud + u drop), dc ~ N(.4, .05),
    width ~ U(1, 2), height/width ~ U(0, .1), all independent.
    """
    n, rng = check_int("n", n), as_rng(rng)
    syy = -rng.uniform(10, 160, n)
    sxx = syy * rng.uniform(0.75, 1.25, n)
    mud = rng.uniform(0.2, 0.6, n)
    drop = 0.2 + (0.6 - mud) * rng.uniform(0, 1, n)
    sxy = -syy * (mud + rng.uniform(0.02, 0.15, n) * drop)
    width = rng.uniform(1, 2, n)
    height = width * rng.uniform(0, 0.1, n)
    dc = rng.normal(0.4, 0.05, n)
    return np.column_stack([height, width, sxx, sxy, syy, mud, drop, dc])


def log_odds(
    X: ArrayLike, b: float = 0.5, k: float = 10.0, C: float = 111.0
) -> FloatArray:
    """Return the log odds (n,) that a rupture breaks through, a three-constant rule.

    On the bump's steepest flank, x = -w, the fault is turned by θ = atan(e^{-1/2} h/w).
    With s = sin θ, c = cos θ the stresses there are

        normal  sn = sxx s² - 2 sxy s c + syy c²
        shear   ts = (syy - sxx) s c + sxy (c² - s²)

    The stress drop is D0 = sxy + mud syy on the flat and D1 = ts + mud sn on the flank
    (MPa), De = max((1-b) D0 + b D1, 0.01), the strength drop is G = -drop syy (MPa):

        log odds = k (2 ln De + ln G - ln C)

    b, k and C were fitted to the repaired labels of the fit rows; dc has no effect.
    """
    height, width, sxx, sxy, syy, mud, drop, _ = _check_inputs(X).T
    theta = np.arctan(np.exp(-0.5) * height / width)
    s, c = np.sin(theta), np.cos(theta)
    normal = sxx * s**2 - 2 * sxy * s * c + syy * c**2
    shear = (syy - sxx) * s * c + sxy * (c**2 - s**2)
    flat, flank = sxy + mud * syy, shear + mud * normal
    effective = np.maximum((1 - b) * flat + b * flank, 0.01)
    strength = check_all("X", -drop * syy, drop * syy < 0, "of drop > 0 and syy < 0")
    return k * (2 * np.log(effective) + np.log(strength) - np.log(C))


def draw_labels(X: ArrayLike, rng: Rng = None) -> IntArray:
    """Draw labels (n,), 0 or 1, with the log odds of `log_odds`."""
    odds = log_odds(X)
    return (as_rng(rng).logistic(size=len(odds)) < odds).astype(np.int64)


# --- the published files -------------------------------------------------------------


def read_files(path):
    """Read the three published files from a folder: X (1600, 8), y, X_test, y_test.

    Fit rows are train and validate, in that order; nothing is downloaded or written.
    Raises FileNotFoundError, NotADirectoryError, or ValueError naming the file.
    """
    folder = Path(check_instance("path", path, (str, Path), "a folder")).expanduser()
    files = {name: folder / f"rupturemodel_{name}.txt" for name in FILES}
    if not folder.is_dir():
        kind = NotADirectoryError if folder.exists() else FileNotFoundError
        raise kind(f"path must be a folder with {files['train'].name}, got {folder}")
    missing = [file.name for file in files.values() if not file.is_file()]
    if missing:
        raise FileNotFoundError(f"path {folder} lacks {', '.join(missing)}")
    tables = {name: _read_table(files[name], rows) for name, rows in FILES.items()}
    fit = np.concatenate([tables["train"], tables["validate"]])
    return *_split(fit), *_split(tables["test"])


def _read_table(file, rows):
    text = file.read_text(encoding="ascii", errors="replace")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    widths = sorted({len(line) for line in lines})
    if len(lines) != rows or widths != [9]:
        raise ValueError(
            f"{file.name} must hold {rows} rows of 9 columns, got {len(lines)} rows of "
            f"{' or '.join(map(str, widths)) or 'no'} columns"
        )
    try:
        table = as_float_array(file.name, [[float(v) for v in line] for line in lines])
    except ValueError as error:
        raise ValueError(f"{file.name} must hold finite numbers: {error}") from error
    labels = table[:, 8]
    good = (labels == 0) | (labels == 1)
    check_all(f"the label column of {file.name}", labels, good, "0 or 1")
    return table


def _split(table):
    return np.ascontiguousarray(table[:, :8]), table[:, 8].astype(np.int64)


# --- the displaced labels ------------------------------------------------------------


def displace_labels(y: ArrayLike) -> Array:
    """Return labels damaged as published: rows 100..499 carry the label 75 rows up."""
    y = np.array(y)
    y[BLOCK] = y[BLOCK.start - LAG : BLOCK.stop - LAG].copy()
    return y


def repair_labels(X: Array, y: Array) -> tuple[Array, Array]:
    """Undo the displacement: rows 100..424 take label[i + 75], rows 425..499 go.

    The labels of the last 75 rows of the block are lost, so 1600 rows become 1525.
    Raises ValueError if the labels do not show the displacement.
    """
    start, stop = BLOCK.start, BLOCK.stop
    copy, original = y[start : start + LAG], y[start - LAG : start]
    if len(y) < stop or not np.array_equal(copy, original):
        raise ValueError(
            f"the {LAG} labels from row {start} do not repeat the {LAG} before them: "
            "there is no displacement to repair; use labels='published'"
        )
    repaired = np.array(y)
    repaired[start : stop - LAG] = y[start + LAG : stop]
    keep = np.r_[0 : stop - LAG, stop : len(y)]
    return X[keep], repaired[keep]


class RepeatedRun(NamedTuple):
    """The longest stretch of labels that is a copy of an earlier stretch."""

    lag: int  # rows between the original and the copy
    start: int  # first row of the copy
    length: int  # rows copied
    chance: float  # probability of so long a repeat in independent labels


@door
def longest_repeated_label_run(y: ArrayLike) -> RepeatedRun:
    """Find the longest run of labels that repeats an earlier run, feature-free.

    With a fraction f of ones two independent labels agree with probability
    a = f² + (1-f)²; over (n-L)²/2 pairs of rows, runs of length L or more start
    (n-L)² (1-a) a^L / 2 times on average. `chance` is the probability of at least one
    (an estimate: overlapping runs are counted as independent).

    Parameters
    ----------
    y : array (n,)
        Labels in file order, n >= 2.

    Returns
    -------
    RepeatedRun
        (lag, start, length, chance): rows between the original and the copy, first row
        of the copy, rows copied.

    Raises
    ------
    ValueError, TypeError
        For fewer than two labels, and what is no vector of numbers.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.rupture(damage=True, labels="published")
    >>> run = mb.datasets.longest_repeated_label_run(data.y)
    >>> run.lag, run.length >= 75, run.chance < 1e-9  # as displaced
    (75, True, True)
    """
    y = as_vector("y", y, allow_bool=True)
    if len(y) < 2:
        raise ValueError("y must hold at least 2 labels, got 1")
    runs = [(*_longest_run(y[lag:] == y[:-lag]), lag) for lag in range(1, len(y))]
    length, negative_start, lag = max(runs)
    agree = np.sum((np.unique(y, return_counts=True)[1] / len(y)) ** 2)
    expected = 0.5 * (len(y) - length) ** 2 * (1 - agree) * agree**length
    chance = 1.0 if agree == 1 else float(-np.expm1(-expected))
    return RepeatedRun(lag, lag - negative_start, length, chance)


def _longest_run(agree):
    """Return (length, -start) of the longest run of True; the earliest among equals."""
    ends = np.concatenate([[-1], np.flatnonzero(~agree), [len(agree)]])
    lengths = np.diff(ends) - 1
    longest = int(np.argmax(lengths))
    return int(lengths[longest]), -int(ends[longest] + 1)


# --- the swapped column names --------------------------------------------------------


Naming = Literal["as named", "swapped", "cannot tell", "neither"]


class ColumnCheck(NamedTuple):
    """The range of u with the columns as named, and with mud and drop swapped."""

    verdict: Naming
    as_named: tuple[float, float]
    swapped: tuple[float, float]


@door
def check_column_names(X: ArrayLike, names: Sequence[str] = NAMES) -> ColumnCheck:
    """Tell from a physical bound whether the two friction columns are named rightly.

    Before the rupture the shear stress lies between the dynamic and the static
    strength, so u = (sxy/|syy| - mud)/drop must lie in [0, 1]: below 0 sliding would
    need energy, above 1 the fault would have failed already. Labels are not used.

    Parameters
    ----------
    X : array (n, 8)
        In physical units.
    names : 8 strings
        Of the columns, "sxy", "syy", "mud" and "drop" (or "sdrop") among them.

    Returns
    -------
    ColumnCheck
        (verdict, as_named, swapped): which naming is possible, and the range of u with
        the columns as named and with mud and drop swapped.

    Raises
    ------
    ValueError, TypeError
        For other names, other than 8 columns, or zeros in syy, mud or drop.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.rupture()
    >>> mb.datasets.check_column_names(data.X).verdict
    'as named'
    >>> published = ("height", "width", "sxx", "sxy", "syy", "drop", "mud", "dc")
    >>> mb.datasets.check_column_names(data.X, published).verdict
    'swapped'
    """
    X, names = _check_inputs(X), check_names("names", names)
    wanted = ["sxy", "syy", "mud", "sdrop" if "sdrop" in names else "drop"]
    if len(names) != X.shape[1] or not {*wanted} <= {*names}:
        raise ValueError(f"names must be 8 names with {sorted(wanted)}, got {names}")
    sxy, syy, mud, drop = (X[:, names.index(n)] for n in wanted)
    check_all("X", syy, syy != 0, "of syy other than 0")
    check_all("X", drop, (drop != 0) & (mud != 0), "of mud and drop other than 0")
    ratio = sxy / np.abs(syy)
    ranges = [_range((ratio - mud) / drop), _range((ratio - drop) / mud)]
    possible = tuple(low >= 0 and high <= 1 for low, high in ranges)
    verdicts: dict[tuple[bool, ...], Naming] = {
        (True, False): "as named",
        (False, True): "swapped",
        (True, True): "cannot tell",
        (False, False): "neither",
    }
    return ColumnCheck(verdicts[possible], *ranges)


def _range(values: FloatArray) -> tuple[float, float]:
    return float(np.min(values)), float(np.max(values))


def _check_inputs(X: ArrayLike) -> FloatArray:
    return check_not_empty("X", check_shape("X", as_inputs(X), ("n", len(NAMES))))
