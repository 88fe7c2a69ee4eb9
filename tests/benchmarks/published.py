"""Published scores of the same network on the same sets, each read in the source named.

One hidden layer of 50 ReLU units (protein 100). Mean test log-likelihood, and root mean
squared error, in raw units over 20 splits; +- is the standard error where the source gives
one. Numbers known only from memory are left out.
"""

IN_ENSEMBLES = "as printed in Lakshminarayanan et al. 2017, Table 1"
WU = "Wu et al. 2019, Table 2, own splits: mean-field"
SOURCES = {
    "PBP": f"Hernandez-Lobato & Adams 2015, {IN_ENSEMBLES}",
    "MC-dropout": f"Gal & Ghahramani 2016, {IN_ENSEMBLES}; +- as reprinted later",
    "MC-dropout, long": "Mukhoti et al. 2018, Gal's repository: grid search; same splits",
    "ensemble": "Lakshminarayanan et al. 2017, Table 1: five networks (its +- is a "
    "standard deviation and is left out)",
    "VMG": "Louizos & Welling 2016, as printed in uncertainty-baselines",
    "mean field": "uncertainty-baselines: mean-field, one noise level; splits not stated",
    "mean field, refined": "the same table, refined after Havasi",
    "hoDVI": f"{WU}, exact moments, one noise level",
    "MCVI": f"{WU} by sampling, heteroscedastic",
    "DVI": f"{WU}, exact moments, heteroscedastic",
}

LL = """
method              | boston       | concrete     | energy       | kin8nm      | naval       | power        | protein      | wine         | yacht
PBP                 | -2.57+-0.09  | -3.16+-0.02  | -2.04+-0.02  | 0.90+-0.01  | 3.73+-0.01  | -2.84+-0.01  | -2.97+-0.00  | -0.97+-0.01  | -1.63+-0.02
MC-dropout          | -2.46        | -3.04        | -1.99        | 0.95        | 3.80        | -2.80+-0.01  | -2.89+-0.00  | -0.93+-0.01  | -1.55+-0.03
MC-dropout, long    | -2.40+-0.04  | -2.93+-0.02  | -1.21+-0.01  | 1.14+-0.01  | 4.45+-0.00  | -2.80+-0.01  | -2.87+-0.00  | -0.93+-0.01  | -1.25+-0.01
ensemble            | -2.41        | -3.06        | -1.38        | 1.20        | 5.63        | -2.79        | -2.83        | -0.94        | -1.18
VMG                 | -2.46        | -3.01        | -1.06        | 1.10        | 2.46        | -2.82        | -2.84        | -0.95        | -1.30
mean field          | -3.12        | -3.22        | -0.93        | 1.03        | 6.12        | -2.85        | -2.93        | -1.00        | -2.01
mean field, refined | -2.94        | -3.08        | -0.75        | 1.06        | 6.33        | -2.83        | -2.92        | -0.97        | -1.68
hoDVI               | -2.58+-0.04  | -3.23+-0.01  | -2.09+-0.06  | 1.01+-0.01  | 5.84+-0.06  | -2.82+-0.00  | -2.94+-0.00  | -0.96+-0.01  | -1.41+-0.03
MCVI                | -2.46+-0.02  | -3.07+-0.01  | -1.03+-0.04  | 1.14+-0.00  | 5.94+-0.05  | -2.80+-0.00  | -2.87+-0.01  | -0.92+-0.01  | -0.68+-0.03
DVI                 | -2.41+-0.02  | -3.06+-0.01  | -1.01+-0.06  | 1.13+-0.00  | 6.29+-0.04  | -2.80+-0.00  | -2.85+-0.01  | -0.90+-0.01  | -0.47+-0.03
"""  # noqa: E501

RMSE = """
method              | boston       | concrete     | energy       | kin8nm       | naval       | power        | protein      | wine         | yacht
PBP                 | 3.01         | 5.67         | 1.80         | 0.098        | 0.006       | 4.12         | 4.73         | 0.64         | 1.02
MC-dropout          | 2.97         | 5.23         | 1.66         | 0.10         | 0.01        | 4.02         | 4.36         | 0.62         | 1.11
MC-dropout, long    | 2.90+-0.18   | 4.82+-0.16   | 0.54+-0.01   | 0.079+-0.001 | 0.0007      | 4.01+-0.04   | 4.27+-0.02   | 0.62+-0.01   | 0.67+-0.05
ensemble            | 3.28         | 6.03         | 2.09         | 0.09         | 0.00        | 4.11         | 4.71         | 0.64         | 1.58
"""  # noqa: E501


def column(table, name):
    """{method: cell} of the set ``name``; empty for a set nobody has published."""
    head, *lines = ([cell.strip() for cell in line.split("|")] for line in rows_of(table))
    if name not in head:
        return {}
    return {line[0]: line[head.index(name)] for line in lines}


def rows_of(table):
    """The lines that are not empty."""
    return [line for line in table.splitlines() if line.strip()]
