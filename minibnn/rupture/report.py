"""The rupture study on paper: one JSON object, one Markdown page, the figures."""

import json
from dataclasses import asdict
from pathlib import Path
from textwrap import fill

import numpy as np

from minibnn.recipe import plain
from minibnn.rupture import claims as rupture_claims
from minibnn.rupture import displaced_labels as rupture_detect
from minibnn.rupture.scores import COLUMNS, mean_and_se
from minibnn.tables import WIDTH, Table

JSON, PAGE = "rupture.json", "rupture.md"
HEADS = {
    "accuracy": ("accuracy", 4),
    "f1": ("wF1", 4),
    "f1_positive": ("F1+", 3),
    "nll": ("NLL", 3),
    "brier": ("Brier", 3),
    "ece": ("ECE", 3),
    "auc": ("AUC", 2),
    "elbo": ("ELBO", 1),
    "distance": ("distance", 4),
}
PROTOCOL = (
    "Inputs standardised with the fit rows (the published recipe: with its up-sampled "
    "rows); threshold 0.5; test rows predicted once, after every fit; nothing chosen "
    "by a test score. Mean ± standard error over seeds: how much a result moves when "
    "only the randomness of the fit changes. On top of that comes the chance that "
    "these and no other ruptures are in the test file."
)
KEY = (
    "wF1: weighted F1; F1+: F1 of label 1; NLL in nats a rupture; ECE: 10 bins of "
    "P(through); AUC: chance that an error has a larger predictive entropy than a "
    "right answer; ELBO in nats on the fit rows; distance: mean |p - p_HMC| over the "
    "test rows; seconds: of one seed."
)


# --- numbers -------------------------------------------------------------------------


def to_dict(study):
    """The study as plain values; equal for equal seeds but for "seconds"."""
    return plain(
        {
            "seed": study.seed,
            "settings": asdict(study.settings),
            "log_evidence": study.rows["hmc"].elbo[0],
            "data": data_facts(study),
            "protocol": PROTOCOL,
            "detection": rupture_detect.facts(study.detection)
            | {"text": rupture_detect.sentences(study.detection)},
            "rows": [row_facts(study, row) for row in study.rows.values()],
            "reference": study.reference,
            "physics": physics_facts(study),
            "claims": [
                {"claim": claim, "finding": finding}
                for claim, finding in rupture_claims.sentences(study)
            ],
            "claim_numbers": study.claims,
        }
    )


def data_facts(study):
    """What was fitted to what."""
    y = study.dataset.y
    return {
        "note": study.raw.note,
        "labels": study.labels,
        "rows": len(y),
        "test_rows": len(study.dataset.y_test),
        "share_of_ones": float(y.mean()),
        "names": study.dataset.names,
    }


def row_facts(study, row):
    """One line of the table: mean and standard error of every column."""
    scores = study.scores[row.key]
    values = {c: mean_and_se(scores.get(c, [])) for c in (*COLUMNS, "elbo")}
    return {
        "key": row.key,
        "name": row.name,
        "seeds": len(row.predictors),
        **values,
        "seconds": row.seconds,
        "note": row.note,
    }


def physics_facts(study):
    """The constants of the rule, and how it does on the rows it was fitted to."""
    rule = study.rows["physics"].predictors[0]
    p, y = rule.predict(study.dataset.X).mean, study.dataset.y
    test = study.scores["physics"]["accuracy"][0]
    fit = float(np.mean((p > 0.5) == y))
    return {**rule.constants, "fit_accuracy": fit, "test_accuracy": test}


# --- words ---------------------------------------------------------------------------


def markdown(facts, figures=()):
    """The page: data, detective work, table, physics, claims, figures."""
    found = blocks(facts, table(facts))
    if figures:
        found += ["## Figures", *(f"![{text}]({name})" for name, text in figures)]
    return "\n\n".join(found) + "\n"


def in_words(facts):
    """The same for a terminal of 80 columns, its table in several below each other."""
    tables = narrow_tables(facts)
    found = blocks(facts, tables)
    return "\n\n".join(b if b is tables else narrow(b) for b in found) + "\n"


def blocks(facts, table):
    """What the page says, piece by piece, with the table as it is given."""
    data, reference = facts["data"], facts["reference"]
    return [
        "# Will the rupture break through? A study with honest numbers",
        f"{data['note']} Labels: {data['labels']}. {data['rows']} rows to fit, "
        f"{100 * data['share_of_ones']:.1f} % break through; {data['test_rows']} rows "
        f"to test. Seed {facts['seed']}.",
        "## What the stored rows show",
        "\n".join(f"- {line}" for line in facts["detection"]["text"]),
        "## Every model on the same rows",
        facts["protocol"],
        table,
        f"{KEY} Two halves of the HMC chains differ by {reference['floor']:.4f}: that "
        "is the floor under every distance, and what stands in the row of HMC.",
        "\n".join(notes(facts)),
        reference_sentence(reference),
        physics_sentence(facts["physics"]),
        "## Claims and what this run says",
        "\n".join(f"- *{c['claim']}* {c['finding']}" for c in facts["claims"]),
    ]


def table(facts):
    """The rows as a Markdown table."""
    heads = ["model", "seeds", *(head for head, _ in HEADS.values()), "seconds"]
    align = "<" + ">" * (len(heads) - 1)
    return Table(heads, map(cells, facts["rows"]), align).markdown()


def narrow_tables(facts):
    """The rows as tables of 80 columns, of as many scores each as there is room for."""
    heads = [*(head for head, _ in HEADS.values()), "seconds", "seeds"]
    names, columns = [], []
    for row in facts["rows"]:
        name, seeds, *scores = cells(row)
        names.append(name.replace("\\", ""))
        columns.append([*scores, seeds])
    groups = [[]]
    for column in zip(heads, *columns, strict=True):
        wider = stacked(names, [*groups[-1], column])
        if groups[-1] and max(map(len, wider)) > WIDTH:
            groups.append([])
        groups[-1].append(column)
    return "\n\n".join("\n".join(stacked(names, group)) for group in groups)


def stacked(names, columns):
    """The lines of a table of these columns, each with its head on top."""
    heads, *rows = zip(*columns, strict=True)
    lines = ([name, *row] for name, row in zip(names, rows, strict=True))
    return Table(["model", *heads], lines, "<" + ">" * len(columns)).lines()


def narrow(block):
    """A paragraph, or the items of a list, in 80 columns; a heading underlined."""
    if block.startswith("#"):
        heading = block.lstrip("# ")
        return f"{heading}\n{'-' * len(heading)}"
    lines = block.replace("- \\*", "*").splitlines()
    return "\n".join(
        fill(line, WIDTH, subsequent_indent="  " * line.startswith(("- ", "* ")),
             break_long_words=False)
        for line in lines
    )  # fmt: skip


def cells(row):
    """The cells of one line."""
    name = row["name"] + (" \\*" if row["note"] else "")
    scores = [cell(row[key], digits) for key, (_, digits) in HEADS.items()]
    seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
    return [name, str(row["seeds"]), *scores, seconds]


def cell(value, digits):
    """Mean ± standard error, as far as they are known."""
    if value["mean"] is None:
        return ""
    text = f"{value['mean']:.{digits}f}"
    return text if value["se"] is None else f"{text} ± {value['se']:.{digits}f}"


def notes(facts):
    """What the asterisks stand for."""
    return [f"- \\* {r['name']}: {r['note']}." for r in facts["rows"] if r["note"]]


def reference_sentence(r):
    """How far the reference is to be believed."""
    return (
        f"HMC is a reference, asymptotically exact: {r['chains']} chains of "
        f"{r['draws']} draws, {r['divergences']} divergences, acceptance "
        f"{r['accept_rate']:.2f}; over the test rows R-hat of the logit at most "
        f"{r['r_hat']:.3f} and at least {r['ess']:.0f} effective draws. R-hat of "
        f"single weights reaches {r['weight_r_hat']:.1f}: hidden units can swap "
        "places, so convergence is judged by what the network says."
    )


def physics_sentence(p):
    """The rule, fit rows first."""
    return (
        f"The three-constant rule is right on {p['fit_accuracy']:.3f} of the rows its "
        f"constants were fitted to (b = {p['b']:.2f}, k = {p['k']:.1f}, C = "
        f"{p['C']:.0f}) and on {p['test_accuracy']:.4f} of the test rows. It is "
        "exploratory: its form was chosen with all rows in view, so neither number is "
        "a forecast."
    )


# --- files ---------------------------------------------------------------------------


def write_study(study, folder, say=None):
    """Write rupture.json, rupture.md and the figures; returns the study's facts.

    ``facts["files"]`` lists what was written.
    """
    from minibnn.rupture.figures import FIGURES, write_figures

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    names = write_figures(study, folder, say)
    facts = to_dict(study)
    figures = [(f"{name}.svg", text) for name, (_, text) in FIGURES.items()]
    (folder / PAGE).write_text(markdown(facts, figures), encoding="utf-8")
    text = json.dumps(facts, indent=1, allow_nan=False)
    (folder / JSON).write_text(text + "\n", encoding="utf-8")
    return facts | {"files": [str(folder / name) for name in (JSON, PAGE, *names)]}
