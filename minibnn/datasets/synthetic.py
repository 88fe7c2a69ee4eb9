"""Data sets: the rupture study, and small generated problems for the lessons.

Every function returns a `Dataset` and draws only from its `rng`. The generated
regression problems have test inputs on a grid that is wider than the fit rows, so that
a plot shows what a posterior says where there are no data; their test targets are new
noisy draws, as a future observation would be, and `mean_test` is the curve without the
noise.
"""

from typing import Literal

import numpy as np
from scipy.special import expit

from minibnn.datasets import rupture_data
from minibnn.datasets.base import Dataset
from minibnn.types import Path, Rng
from minibnn.validation.arguments import (
    as_rng,
    check_bool,
    check_choice,
    check_int,
    check_number,
    check_positive,
)
from minibnn.validation.doors import door

MOST_ROWS = 100_000_000  # they are drawn all at once


# --- the rupture study ---------------------------------------------------------------


@door
def rupture(
    path: Path | None = None,
    rng: Rng = 0,
    labels: Literal["repaired", "published"] = "repaired",
    damage: bool = False,
) -> Dataset:
    """Return the rupture data: will an earthquake break through a bump on the fault?

    Parameters
    ----------
    path : str or Path, optional
        Folder with rupturemodel_train.txt, _validate.txt and _test.txt as published.
        Without it a synthetic stand-in is drawn: 1600 fit rows and 400 test rows with
        the inputs' distributions and a physical rule for the labels.
    rng : int, SeedSequence, Generator or None
        For the synthetic rows; the files need none.
    labels : {"repaired", "published"}
        The published labels of rows 100..499 belong to the rows 75 above. "repaired"
        moves 325 labels back and drops the 75 rows whose label is lost: 1525 fit rows.
    damage : bool
        Synthetic rows only: displace their labels as in the published file first.
        Without it `labels` changes nothing, for nothing is wrong.

    Returns
    -------
    Dataset
        X in km, MPa and m (see `rupture_data`), y 0 or 1. The published names "sdrop"
        and "mud" of columns 5 and 6 are swapped; here they are "mud" and "drop".

    Raises
    ------
    ValueError, TypeError, FileNotFoundError
        For arguments out of range and files that are missing or not as expected.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.rupture()
    >>> data.X.shape, data.X_test.shape, sorted(set(data.y.tolist()))
    ((1600, 8), (400, 8), [0, 1])
    >>> [f"{name} in {unit}" for name, unit in zip(data.names, data.units)][:3]
    ['height in km', 'width in km', 'sxx in MPa']
    >>> mb.datasets.rupture(damage=True).X.shape  # the rows whose label is lost are gone
    (1525, 8)
    """
    check_choice("labels", labels, ("repaired", "published"))
    damage = check_bool("damage", damage)
    if path is not None and damage:
        raise ValueError("damage=True is for the synthetic rows; path must be None")
    X, y, X_test, y_test, mean_test, note = (
        _synthetic(as_rng(rng), damage) if path is None else _published(path)
    )
    damaged = damage or path is not None
    if damaged and labels == "repaired":
        X, y = rupture_data.repair_labels(X, y)
        note += " Labels of rows 100..424 moved back by 75, rows 425..499 dropped."
    elif damaged:
        note += " Labels of rows 100..499 are displaced by 75 rows."
    names, units = rupture_data.NAMES, rupture_data.UNITS
    return Dataset(X, y, X_test, y_test, names, units, note, mean_test)


def _synthetic(rng, damage):
    X = rupture_data.draw_inputs(2000, rng)
    y = rupture_data.draw_labels(X, rng)
    chance = expit(rupture_data.log_odds(X))
    fit, test = slice(0, 1600), slice(1600, 2000)
    y_fit = rupture_data.displace_labels(y[fit]) if damage else y[fit]
    note = "Synthetic stand-in for the 2000 simulated ruptures."
    return X[fit], y_fit, X[test], y[test], chance[test], note


def _published(path):
    note = "Published files, train and validate merged."
    return *rupture_data.read_files(path), None, note


# --- small generated problems --------------------------------------------------------


@door
def blundell(n: int = 100, rng: Rng = 0, noise: float = 0.02) -> Dataset:
    """Regression curve with noise inside the sines.

    y = x + 0.3 sin(2π(x + e)) + 0.3 sin(4π(x + e)) + e,  e ~ N(0, sd noise), one e for
    each point, x ~ U(0, 0.5); test grid on [-0.2, 1.2]. Source: Blundell, Cornebise,
    Kavukcuoglu and Wierstra 2015, section 5.2; its N(0, 0.02) is read as a standard
    deviation, as is usual. With E sin(a(x + e)) = exp(-(a noise)²/2) sin(a x) the mean
    is known too.

    Parameters
    ----------
    n : int
        Number of fit rows.
    rng : int, SeedSequence, Generator or None
    noise : float > 0
        Standard deviation of e.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.blundell(n=30)
    >>> data.X.shape, data.X_test.shape, bool(data.X.max() < 0.5 < data.X_test.max())
    ((30, 1), (141, 1), True)
    """
    n, rng = check_int("n", n, maximum=MOST_ROWS), as_rng(rng)
    noise = check_number("noise", noise, 0, 1e100, strict=True)

    def draw(x):
        t = x + rng.normal(0, noise, len(x))
        return t + 0.3 * np.sin(2 * np.pi * t) + 0.3 * np.sin(4 * np.pi * t)

    def mean(x):
        slow, fast = np.exp(-0.5 * (2 * np.pi * noise * np.array([1, 2])) ** 2)
        return x + 0.3 * (slow * np.sin(2 * np.pi * x) + fast * np.sin(4 * np.pi * x))

    x, grid = rng.uniform(0, 0.5, n), np.linspace(-0.2, 1.2, 141)
    y, y_test = draw(x), draw(grid)
    return _curve_data(x, y, grid, y_test, mean(grid), "Blundell et al. 2015.")


@door
def cubic(n: int = 20, rng: Rng = 0) -> Dataset:
    """Regression curve y = x³ + e, e ~ N(0, sd 3), x ~ U(-4, 4); test grid on [-6, 6].

    Source: Hernandez-Lobato and Adams 2015, section 5.1 (20 points, noise variance 9).

    Parameters
    ----------
    n : int
        Number of fit rows.
    rng : int, SeedSequence, Generator or None

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.cubic()
    >>> data.X_test[[0, -1], 0].tolist(), data.mean_test[[0, -1]].tolist()
    ([-6.0, 6.0], [-216.0, 216.0])
    """
    n, rng = check_int("n", n, maximum=MOST_ROWS), as_rng(rng)
    x, grid = rng.uniform(-4, 4, n), np.linspace(-6, 6, 121)
    y, y_test = (v**3 + rng.normal(0, 3, len(v)) for v in (x, grid))
    return _curve_data(x, y, grid, y_test, grid**3, "Hernandez-Lobato and Adams 2015.")


@door
def two_clusters(n: int = 100, rng: Rng = 0) -> Dataset:
    """Regression with a gap: what does the posterior say *between* the data?

    y = cos(4x + 0.8) + e, e ~ N(0, sd 0.1), half of the x ~ U(-1, -0.7), the other half
    ~ U(0.5, 1); test grid on [-1.5, 1.5]. In the manner of Foong, Li, Hernandez-Lobato
    and Turner 2019, "In-between uncertainty in Bayesian neural networks".

    Parameters
    ----------
    n : int
        Number of fit rows, at least 2.
    rng : int, SeedSequence, Generator or None

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.two_clusters()
    >>> between = (data.X > -0.7) & (data.X < 0.5)
    >>> len(data.X), int(between.sum())
    (100, 0)
    """
    n, rng = check_int("n", n, 2, MOST_ROWS), as_rng(rng)
    left, right = rng.uniform(-1, -0.7, n // 2), rng.uniform(0.5, 1, n - n // 2)
    x, grid = np.concatenate([left, right]), np.linspace(-1.5, 1.5, 151)
    y, y_test = (np.cos(4 * v + 0.8) + rng.normal(0, 0.1, len(v)) for v in (x, grid))
    mean = np.cos(4 * grid + 0.8)
    return _curve_data(x, y, grid, y_test, mean, "In the manner of Foong et al. 2019.")


@door
def linear(n: int = 50, d: int = 3, rng: Rng = 0, noise: float = 0.5) -> Dataset:
    """Linear regression y = X w + b + e with w, b, X ~ N(0, 1) and e ~ N(0, sd noise).

    The model with prior N(0, 1) and this noise is the exact one, so its posterior,
    evidence and predictive are known in closed form (Bishop 2006, section 3.3).

    Parameters
    ----------
    n, d : int
        Number of fit rows and of columns; there are 200 test rows.
    rng : int, SeedSequence, Generator or None
    noise : float > 0
        Standard deviation of e.

    Examples
    --------
    >>> import minibnn as mb
    >>> data = mb.datasets.linear(n=20, d=3)
    >>> data.X.shape, data.X_test.shape, data.names, data.note
    ((20, 3), (200, 3), ('x0', 'x1', 'x2'), 'Linear model, noise sd 0.5.')
    """
    n, d = check_int("n", n, maximum=MOST_ROWS), check_int("d", d, maximum=MOST_ROWS)
    check_int("n d", n * d, maximum=MOST_ROWS)
    rng, noise = as_rng(rng), check_positive("noise", noise)
    w, b = rng.normal(size=d), rng.normal()
    X, X_test = rng.normal(size=(n, d)), rng.normal(size=(200, d))
    mean, mean_test = X @ w + b, X_test @ w + b
    y, y_test = (m + rng.normal(0, noise, len(m)) for m in (mean, mean_test))
    names = tuple(f"x{j}" for j in range(d))
    note = f"Linear model, noise sd {noise:g}."
    return Dataset(X, y, X_test, y_test, names, ("1",) * d, note, mean_test)


@door
def two_moons(n: int = 200, rng: Rng = 0, noise: float = 0.15) -> Dataset:
    """Classification: two interleaved half circles with Gaussian noise, labels 0 and 1.

    Class 0 is (cos t, sin t), class 1 is (1 - cos t, 1/2 - sin t), t ~ U(0, π), plus
    N(0, sd noise) on both coordinates; the classes alternate, 200 test rows.

    Parameters
    ----------
    n : int
        Number of fit rows, at least 2.
    rng : int, SeedSequence, Generator or None
    noise : float >= 0

    Examples
    --------
    >>> import numpy as np
    >>> import minibnn as mb
    >>> data = mb.datasets.two_moons(n=6, noise=0.0)
    >>> data.y.tolist(), np.hypot(*data.X[data.y == 0].T).round(9).tolist()
    ([0, 1, 0, 1, 0, 1], [1.0, 1.0, 1.0])
    """
    n, rng = check_int("n", n, 2, MOST_ROWS), as_rng(rng)
    noise = check_number("noise", noise, minimum=0)

    def draw(size):
        t, y = rng.uniform(0, np.pi, size), np.arange(size) % 2
        x0 = np.where(y == 0, np.cos(t), 1 - np.cos(t))
        x1 = np.where(y == 0, np.sin(t), 0.5 - np.sin(t))
        return np.column_stack([x0, x1]) + noise * rng.normal(size=(size, 2)), y

    (X, y), (X_test, y_test) = draw(n), draw(200)
    note = f"Two half circles, noise sd {noise:g}."
    return Dataset(X, y, X_test, y_test, ("x0", "x1"), ("1", "1"), note)


def _curve_data(x, y, grid, y_test, mean_test, note):
    X, X_test = x[:, None], grid[:, None]
    return Dataset(X, y, X_test, y_test, ("x",), ("1",), note, mean_test)
