"""Names in frames: the columns a model was fitted to, and the rows of X and of y.

Two frames of one width may hold other columns, or the same ones in another order; as
arrays they look alike, and the answer is wrong without a word. What has no names, an
array or a list, is taken as it comes.
"""

from __future__ import annotations

from typing import Any

from minibnn.validation.frames import column_labels

FEW = 4  # names that a message lists


def columns_of(X: Any) -> list[str] | None:
    """The names of a frame's columns; of several frames those of the first.

    None for what has no names, and where they are no names to go by: not text, or twice
    the same.

    Raises ValueError if several frames have not the same columns.
    """
    if isinstance(X, list | tuple):
        frames = bool(X) and column_labels(X[0]) is not None
        names = columns_of(X[0]) if frames else None
        for i, block in enumerate(X if names else ()):
            check_columns(f"X[{i}]", block, names, "X[0].columns")
        return names
    labels = column_labels(X)
    if not labels or not all(isinstance(label, str) for label in labels):
        return None
    names = [str(label) for label in labels]
    return names if len(set(names)) == len(names) else None


def check_columns(
    name: str, X: Any, columns: list[str] | None, source: str = "result.columns"
) -> None:
    """Raise ValueError if X is a frame whose columns are not these, in this order.

    Parameters
    ----------
    name : str
        What X is called in the message.
    X : array, list or frame
        Only a frame has names; all else passes, and so does everything if ``columns`` is
        None.
    columns : list of str, or None
        The names that are wanted.
    source : str
        The expression that gives them, for the cure ``X[result.columns]``.

    Examples
    --------
    >>> from minibnn.validation.columns import check_columns
    >>> check_columns("X", [[1.0, 2.0]], ["age", "height"])
    """
    found = columns_of(X)
    if not columns or not found or found == columns:
        return
    missing = [label for label in columns if label not in found]
    more = [label for label in found if label not in columns]
    what = [f"lacks {_some(missing)}"] * bool(missing)
    what += [f"has {_some(more)} besides"] * bool(more)
    if not what:
        i = [a == b for a, b in zip(found, columns, strict=True)].index(False)
        what = [f"has them in another order: column {i} is {found[i]!r}"]
    raise ValueError(
        f"{name} must have the columns of the fit, {_some(columns)}, in that order; "
        f"it {' and '.join(what)}; use {_cure(name, X, missing, source)}"
    )


def check_same_rows(X: Any, y: Any) -> None:
    """Raise ValueError if X and y name the same rows in another order.

    Rows go together by their place, not by their names. Of names that differ, or stand
    twice, nothing is said: one of the two may have been numbered anew.
    """
    rows: Any = getattr(X, "index", None)
    own: Any = getattr(y, "index", None)
    if not (hasattr(rows, "is_unique") and hasattr(own, "is_unique")):
        return
    if len(rows) != len(own) or rows.equals(own) or not rows.is_unique:
        return
    try:
        same = rows.sort_values().equals(own.sort_values())
    except TypeError:  # names of several kinds have no order
        return
    if same:
        raise ValueError(
            "y must have its rows in the order of X, got the same row names in another "
            "order; use y.loc[X.index], or y.to_numpy() if the places are right"
        )


def _cure(name: str, X: Any, missing: list[str], source: str) -> str:
    if not missing:
        return f"{name}[{source}]"
    if hasattr(X, "reindex"):  # columns of dummies, of a category that is not in X
        return (
            f"{name}[{source}] once they are there; of absent categories "
            f"{name}.reindex(columns={source}, fill_value=0)"
        )
    return f"{name}[{source}] once they are there"


def _some(names: list[str]) -> str:
    """A few names, and how many more there are."""
    listed = [repr(label) for label in names[:FEW]]
    rest = len(names) - len(listed)
    return ", ".join(listed) + (f" and {rest} more" if rest else "")
