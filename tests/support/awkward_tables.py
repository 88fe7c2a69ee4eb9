"""Tables as people have them: bytes of a file, options, and what must be said.

GOOD: a fit is made, and the words stand in its report. BAD: status 2, the words stand in
the one line, and nothing is written.
"""

from math import sin

N = 24


def table(heads, *columns, by=",", end="\n"):
    """Text of a table from its columns."""
    rows = zip(*columns, strict=True)
    lines = [by.join(map(str, row)) for row in [heads, *rows]]
    return end.join(lines) + end


SIZES = [round(1.5 + 0.37 * i, 2) for i in range(N)]
PRICES = [round(3 * size + sin(5 * size), 3) for size in SIZES]
COLOURS = ["red", "green", "blue"] * (N // 3)
PLAIN = table(["size", "price"], SIZES, PRICES)
COMMA = (
    [str(v).replace(".", ",") for v in SIZES],
    [str(v).replace(".", ",") for v in PRICES],
)
SEMICOLONS = table(["Größe", "price"], *COMMA, by=";")


def with_cells(cells, heads=("size", "price"), first=3):
    """The plain table, some of whose sizes are other words."""
    sizes = [*SIZES[:first], *cells, *SIZES[first + len(cells) :]]
    return table(heads, sizes, PRICES)


def add(name, values, heads=("size", "price")):
    """The plain table with a column more."""
    return table([*heads, name], SIZES, PRICES, values)


YES = ["yes" if p > 20 else "no" for p in PRICES]
LEVELS = ["low", "mid", "high"] * (N // 3)
COUNTS = [i % 5 + i // 8 for i in range(N)]

GOOD = {  # name: (bytes or text, options, words of the report)
    "plain": (PLAIN, [], "24 rows, 2 columns; commas between cells, decimal point"),
    "semicolons and decimal commas": (
        SEMICOLONS,
        [],
        "semicolons between cells, decimal comma",
    ),
    "tabs": (PLAIN.replace(",", "\t"), [], "tabs between cells"),
    "bars": (PLAIN.replace(",", "|"), [], "bars between cells"),
    "BOM": ("\ufeff" + PLAIN, [], "1 input from 1 column size: numbers"),
    "BOM, semicolons": ("\ufeff" + SEMICOLONS, [], "Größe: numbers"),
    "UTF-16": (SEMICOLONS.encode("utf-16"), [], "no UTF-8: read as utf-16"),
    "UTF-16 without BOM": (PLAIN.encode("utf-16-le"), [], "read as utf-16-le"),
    "Windows-1252": (SEMICOLONS.encode("cp1252"), [], "read as cp1252 target"),
    "CRLF": (PLAIN.replace("\n", "\r\n"), [], "24 rows"),
    "CR alone": (PLAIN.replace("\n", "\r"), [], "24 rows"),
    "no end of line": (PLAIN.rstrip(), [], "24 rows"),
    "blank lines": (PLAIN.replace("\n", "\n\n") + ",\n , \n", [], "24 rows, 2 columns"),
    "sep= of Excel": ("sep=;\n" + SEMICOLONS, [], "semicolons"),
    "quotes": (
        table(['"size, m"', '"price"'], SIZES, [f'"{p}"' for p in PRICES]),
        [],
        "size, m: numbers",
    ),
    "quotes within": (
        add('"a ""b"""', [f'"x ""{c}"" y"' for c in COLOURS]),
        [],
        'a "b": words: x "blue" y',
    ),
    "a line break in a cell": (
        add("note", [f'"one\n{c}"' for c in COLOURS]),
        [],
        "note: words: one blue, one green",
    ),
    "blanks around cells": (PLAIN.replace(",", " ,  "), [], "size: numbers"),
    "thousands, quoted": (
        table(["size", "price"], SIZES, [f'"{1000 * p:,.1f}"' for p in PRICES]),
        [],
        "regression, from 5438",
    ),
    "thousands with points": (
        table(
            ["size", "price"],
            COMMA[0],
            [f"{1000 * p:,.1f}".translate(str.maketrans(".,", ",.")) for p in PRICES],
            by=";",
        ),
        [],
        "regression, from 5438",
    ),
    "thousands with blanks": (
        table(
            ["size", "price"],
            SIZES,
            [f"{1000 * p:,.1f}".replace(",", "\u00a0") for p in PRICES],
        ),
        [],
        "regression, from 5438",
    ),
    "three decimals, told": (
        table(
            ["size", "price"],
            [f"{s:.3f}".replace(".", ",") for s in SIZES],
            range(N),
            by=";",
        ),
        ["--decimal", "comma"],
        "decimal comma",
    ),
    "per cent": (add("share", [f"{i} %" for i in range(N)]), [], "share: numbers in %"),
    "currency": (
        table(["size", "price"], SIZES, [f"${p}" for p in PRICES]),
        [],
        "to 29.82 $",
    ),
    "minus signs of type setters": (
        add("x", ["\u2212" + str(s) for s in SIZES]),
        [],
        "2 inputs from 2 columns size, x: numbers",
    ),
    "gaps": (
        with_cells(["", "NA", "NaN", "null", "?", " n/a "]),
        [],
        "6 gaps filled with the median",
    ),
    "a gap of one's own": (with_cells(["-999", "-999"]), ["--missing=-999"], "2 gaps"),
    "gaps in the target": (
        table(["size", "price"], SIZES, ["", "NA", *PRICES[2:]]),
        [],
        "2 without a target (predicted too)",
    ),
    "gaps in text": (
        add("colour", ["", *COLOURS[1:]]),
        [],
        "blue, green, missing, red",
    ),
    "text": (add("colour", COLOURS), [], "colour: words: blue, green, red"),
    "two words": (add("left", YES), [], "left: words: no, yes"),
    "numbers that are names": (
        add("zone", [i % 3 for i in range(N)]),
        ["--categories", "zone"],
        "zone: words: 0, 1, 2",
    ),
    "a word that is only held out": (
        add("colour", [*COLOURS[:-1], "odd"]),
        ["--test-share", "0.5"],
        "colour: ",
    ),
    "constant columns": (
        add("where", ["here"] * N),
        [],
        "left out, always here: where",
    ),
    "an empty column": (add("nothing", [""] * N), [], "left out, empty: nothing"),
    "a comma at the end of lines": (
        PLAIN.replace("\n", ",\n"),
        [],
        "left out, empty: column 3",
    ),
    "row numbers": (
        table(["", "size", "price"], range(N), SIZES, PRICES),
        [],
        "left out, row numbers: column 1",
    ),
    "a column dropped": (
        add("name", [f"n{i}" for i in range(N)]),
        ["--drop", "name"],
        "left out, as asked: name",
    ),
    "is it there": (
        add("paid", ["1", ""] * (N // 2)),
        [],
        "paid: is there or not (1; 12 gaps)",
    ),
    "huge numbers": (
        table(
            ["size", "price"], [s * 1e300 for s in SIZES], [p * 1e300 for p in PRICES]
        ),
        [],
        "from 5.438e+300",
    ),
    "tiny numbers": (
        table(
            ["size", "price"], [s * 1e-300 for s in SIZES], [p * 1e-300 for p in PRICES]
        ),
        [],
        "e-300",
    ),
    "a far outlier": (with_cells(["1e12"]), [], "1 input"),
    "yes and no": (
        table(["size", "price"], SIZES, YES),
        [],
        "binary: no (14), yes (10)",
    ),
    "true and false": (
        table(["size", "price"], SIZES, [y == "yes" for y in YES]),
        [],
        "binary: False (14), True",
    ),
    "classes": (
        table(["size", "price"], SIZES, LEVELS),
        [],
        "classes: high (8), low (8), mid (8)",
    ),
    "numbers for classes": (
        table(["size", "price"], SIZES, COUNTS),
        ["--task", "classes"],
        "classes: 0 (",
    ),
    "counts": (
        table(["size", "price"], SIZES, COUNTS),
        ["--task", "counts"],
        "counts, from 0 to",
    ),
    "few whole numbers": (
        table(["size", "price"], SIZES, COUNTS),
        [],
        "say --task classes if they are names",
    ),
    "a rare class": (
        table(["size", "price"], SIZES, ["a"] * 12 + ["b"] * 11 + ["c"]),
        [],
        "c (1)",
    ),
    "nothing held out": (PLAIN, ["--test-share", "0"], "none: no row was held out"),
    "ten rows": ("\n".join(PLAIN.splitlines()[:11]), [], "8 to train on, 2 held out"),
    "a name with blanks": (
        table(["size", " sale price "], SIZES, PRICES),
        ["--target", "sale price"],
        "sale price: regression",
    ),
}

BAD = {  # name: (bytes or text, options, words of the one line)
    "empty": ("", [], "is empty"),
    "blank": ("\n \n\n", [], "nothing but blank lines"),
    "only names": ("size,price\n", [], "a line of names and no rows"),
    "one row": ("size,price\n1,2\n", [], "'price' is known in 1 row; want 10 at least"),
    "two rows": ("size,price\n1,2\n3,4\n", [], "known in 2 rows"),
    "one column": ("price\n1\n2\n", [], "one column only, 'price'"),
    "a title above": (
        "Prices of 2020\n" + PLAIN,
        [],
        "one column only, 'Prices of 2020'",
    ),
    "no names": (
        PLAIN.split("\n", 1)[1],
        [],
        "must name the columns, but holds numbers (1.5",
    ),
    "names twice": (add("size", COLOURS), [], "columns 1 and 3 of"),
    "a wrong name": (
        PLAIN,
        ["--target", "prise"],
        "--target: no column 'prise'; did you mean 'price'?",
    ),
    "other capitals": (PLAIN, ["--target", "PRICE"], "did you mean 'price'?"),
    "no such name": (
        PLAIN,
        ["--target", "zzz"],
        "no column 'zzz'; the table has 'size', 'price'",
    ),
    "no target": (PLAIN, None, "say which column to predict: 'size', 'price'"),
    "the target dropped": (
        PLAIN,
        ["--drop", "price"],
        "--drop: 'price' is the --target",
    ),
    "nothing left": (
        PLAIN,
        ["--drop", "size"],
        "no column is left to predict 'price' from",
    ),
    "a wrong column dropped": (
        PLAIN,
        ["--drop", "sise"],
        "--drop: no column 'sise'; did you mean",
    ),
    "a word among numbers": (
        with_cells(["4.x"]),
        [],
        "'size', line 5: '4.x' is no number, but 23 cells are; mend it, or say --missing=",
    ),
    "a word in the target": (
        PLAIN.replace(str(PRICES[5]), "cheap"),
        [],
        "'price', line 7: 'cheap' is no number",
    ),
    "infinite": (with_cells(["inf"]), [], "'size', line 5: 'inf' is no finite number"),
    "beyond all numbers": (with_cells(["1e999"]), [], "'1e999' is no finite number"),
    "a target that is constant": (
        table(["size", "price"], SIZES, [7] * N),
        [],
        "'price' is '7' in every row",
    ),
    "an empty target": (
        table(["size", "price"], SIZES, [""] * N),
        [],
        "known in 0 rows",
    ),
    "a target constant but for one": (
        table(["size", "price"], SIZES, ["a"] * (N - 1) + ["b"]),
        ["--test-share", "0.79"],
        "'price' is 'a' in all",
    ),
    "names of people": (
        add("full name", [f"n{i}" for i in range(N)]),
        [],
        "'full name' (24). Make a number for each, or leave it out: --drop 'full name'",
    ),
    "dates": (
        add("day", [f"2020-03-{i + 1:02}" for i in range(N)]),
        [],
        "the days since a first one",
    ),
    "text as regression": (
        table(["size", "price"], SIZES, LEVELS),
        ["--task", "regression"],
        "regression wants numbers, but 'price' holds text ('high', 'low'",
    ),
    "fractions as counts": (PLAIN, ["--task", "counts"], "'price' in line 2 is 5.438"),
    "three values as binary": (
        table(["size", "price"], SIZES, LEVELS),
        ["--task", "binary"],
        "binary wants two different values, 'price' has 3",
    ),
    "a row too long": (
        PLAIN + "1,2,3\n",
        [],
        "line 26 has 3 cells, the first line has 2",
    ),
    "a row too short": (PLAIN + "1\n", [], "line 26 has 1 cells"),
    "decimal commas between commas": (
        table(["size", "price"], *COMMA),
        [],
        "Such cells must be quoted",
    ),
    "row names of R": (
        "size,price\n" + table([1, 2, 3], range(N), SIZES, PRICES).split("\n", 1)[1],
        [],
        "name the first column too",
    ),
    "thousands or thousandths": (
        table(
            ["size", "price"],
            [f"{s:.3f}".replace(".", ",") for s in SIZES],
            range(N),
            by=";",
        ),
        [],
        "say --decimal point or --decimal comma",
    ),
    "an open quotation mark": (PLAIN + '"4,5\n', [], "line 26: unexpected end of data"),
    "an Excel file": (b"PK\x03\x04\x14\x00", [], "an Excel file"),
    "compressed": (b"\x1f\x8b\x08\x00", [], "compressed: unpack it"),
    "bytes that are no text": (bytes(range(256)) * 4, [], "is no text"),
    "all rows held out": (
        "\n".join(PLAIN.splitlines()[:11]),
        ["--test-share", "0.9"],
        "leaves 1 to train on",
    ),
}
