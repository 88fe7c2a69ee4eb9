"""What to do about a column that holds no numbers, in the words of its own library.

Each function gives the end of a sentence. ``name`` is what the argument is called, and
``code`` how an expression reaches the column.
"""

from __future__ import annotations

from typing import Any

import numpy as np

READ = "use np.asarray({}, float)"  # reads the numbers of a table of text
FEW = 8  # columns that an expression lists


def manners(value: Any) -> str:
    """Whose methods it has: those of pandas, of polars, or of an array."""
    if hasattr(value, "notna"):
        return "pandas"
    return "polars" if hasattr(value, "drop_nulls") else "numpy"


def dummies(name: str, value: Any, labels: list[Any]) -> str:
    """A column of 0 and 1 for every category of the columns with these labels."""
    if not name.startswith("X"):
        return "classes want Categorical(K) and labels 0 .. K-1"
    listed = labels if None not in labels and len(labels) <= FEW else None
    use = {
        "pandas": f"use pd.get_dummies({name}, columns={listed}, dtype=float)",
        "polars": f"use {name}.to_dummies({listed})",
    }
    return use.get(manners(value), "give every category a column of 0 and 1")


def labels(name: str) -> str:
    """Names of classes as numbers."""
    return f"for labels use np.unique({name}, return_inverse=True)[1]"


def numeric_text(name: str, value: Any, code: str, clean: bool) -> str:
    """Numbers that are written as text; clean: every one of them reads as a number."""
    use = {
        "pandas": f"use pd.to_numeric({code}, errors='coerce')",
        "polars": f"use {code}.cast(pl.Float64, strict=False)",
    }
    other = READ.format(name) if clean else "leave out the rows that hold no number"
    return use.get(manners(value), other)


def decimal_commas(value: Any, code: str) -> str:
    """Numbers such as 1,5, or 1.234,5 with points between thousands."""
    use = {
        "pandas": "use pd.to_numeric("
        f"{code}.str.replace('.', '').str.replace(',', '.'), errors='coerce')",
        "polars": f"use {code}.str.replace_all('.', '', literal=True)"
        ".str.replace(',', '.', literal=True).cast(pl.Float64, strict=False)",
    }
    other = "use text.replace('.', '').replace(',', '.')"
    return f"{use.get(manners(value), other)}, or read the file with decimal=','"


def dates(value: Any, code: str, duration: bool) -> str:
    """Days since the first date, or days that a duration lasts."""
    since = code if duration else f"({code} - {code}.min())"
    days = {
        "pandas": " / pd.Timedelta('1D')",
        "polars": ".dt.total_seconds() / 86400",
    }
    return f"use {since}" + days.get(manners(value), " / np.timedelta64(1, 'D')")


def gaps(name: str, value: Any, table: bool, empty: list[Any]) -> str:
    """Values that are missing; empty: labels of columns that have none at all."""
    kind = manners(value)
    if table and empty and None not in empty:
        lists = {"pandas": f"columns={empty}", "polars": str(empty)}
        return f"use {name}.drop({lists[kind]})" if kind in lists else "leave it out"
    fill = table and name != "y"  # targets are not made up
    if kind == "pandas":
        keep = f"{name}.notna()" + ".all(axis=1)" * bool(table)
        rows = f"the rows X[keep], y[keep] with keep = {keep}"
        if not fill:
            return f"use {rows}"
        numbers = name if _all_plain(value) else f"{name}.astype(float)"
        return f"use {numbers}.fillna({numbers}.median()), or {rows}"
    leave = "leave those rows out of X and y"
    if kind == "polars" and fill:
        numbers = f"{name}.cast(pl.Float64).fill_nan(None)"
        return f"use {numbers}.fill_null(strategy='mean'), or {leave}"
    return leave


def _all_plain(frame: Any) -> bool:
    """Whether a pandas frame has columns of NumPy's own numbers only."""
    return all(isinstance(d, np.dtype) and d.kind in "fiu" for d in frame.dtypes)


def infinite(name: str, value: Any) -> str:
    """Numbers that are not finite."""
    if manners(value) == "pandas":
        return f"use {name}.replace([np.inf, -np.inf], np.nan), and then fill the gaps"
    return "leave those rows out of X and y"
