"""What a fitted table leaves on the disk: all of it, or nothing.

Everything is written into a folder beside, which then takes the place of the one asked
for. Of an earlier run only files of these names are replaced.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minibnn.own_data.report import facts, in_words
from minibnn.own_data.study import TableFit
from minibnn.own_data.text import TableError

FILES = ("predictions.csv", "report.txt", "report.json", "picture.png", "model.npz")
LOWER, UPPER = 0.025, 0.975


def check_folder(folder: Path, force: bool) -> None:
    """Raise TableError if a folder has something in it that nobody said to replace."""
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise TableError(
            f"argument --out: {str(folder)!r} is not empty; take another folder, or say "
            f"--force to replace {', '.join(FILES)} in it"
        )


def write(found: TableFit, folder: Path) -> dict[str, Any]:
    """Write all files; the facts, with their paths."""
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    aside.mkdir()
    told = facts(found)
    try:
        write_into(found, told, aside)
        if folder.exists():
            for name in FILES:
                (aside / name).replace(folder / name)
        else:
            aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return told


def write_into(found: TableFit, told: dict[str, Any], folder: Path) -> None:
    """The files, one after the other."""
    from minibnn.own_data.picture import picture

    encoding = "utf-8-sig" if found.table.encoding == "utf-8-sig" else "utf-8"
    with (folder / FILES[0]).open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=found.table.delimiter)
        writer.writerows(prediction_rows(found))
    (folder / FILES[1]).write_text(in_words(found) + "\n", encoding="utf-8")
    text = json.dumps(told, indent=1, allow_nan=False, ensure_ascii=False)
    (folder / FILES[2]).write_text(text + "\n", encoding="utf-8")
    picture(found).savefig(folder / FILES[3], metadata={"Software": None})
    found.result.save(folder / FILES[4])


def prediction_rows(found: TableFit) -> Iterator[list[str]]:
    """The lines of predictions.csv, in the table's own separators.

    The line of the row in the table, what it was used for, its target, and the prediction
    with its standard deviation and the ends of its 95 % interval; of classes those of the
    probability.
    """
    target, told = found.target, found.told
    own = next(c for c in found.table.columns if c.name == target.name)
    heads, columns = columns_of(found)
    yield ["line", "used", target.name, *heads]
    for i, line in enumerate(found.table.lines):
        used = "training" if found.train[i] else "held out"
        used = used if target.known[i] else "no target"
        said = [written(column[i], found.table.decimal) for column in columns]
        if target.classes:
            said.insert(0, target.classes[int(told["p"][i].argmax())])
        yield [str(line), used, own.cells[i] or "", *said]


def columns_of(found: TableFit) -> tuple[list[str], list[Any]]:
    """The names of what is predicted, and its columns of numbers."""
    told, classes = found.told, found.target.classes
    sd, low, high = told["sd"], told["quantiles"][LOWER], told["quantiles"][UPPER]
    if not classes:
        return ["mean", "sd", "lower", "upper"], [told["mean"], sd, low, high]
    if len(classes) == 2 and sd.ndim == 1:
        heads = ["predicted", f"p({classes[1]})", "sd", "lower", "upper"]
        return heads, [told["p"][:, 1], sd, low, high]
    heads, columns = ["predicted"], []
    for k, name in enumerate(classes):
        heads += [f"p({name})", f"sd({name})", f"lower({name})", f"upper({name})"]
        columns += [told["p"][:, k], sd[:, k], low[:, k], high[:, k]]
    return heads, columns


def written(value: float, decimal: str) -> str:
    """A number as the table writes its own."""
    return f"{value:.6g}".replace(".", decimal)
