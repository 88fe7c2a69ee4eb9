"""Cost of a step against N, B, S, P, depth and R: slopes on a log-log scale."""

import numpy as np
import ours
from workloads import Workload

BASE = {
    "name": "",
    "sizes": (8, 12, 1),
    "activation": "relu",
    "likelihood": "bernoulli",
    "n_rows": 1600,
    "steps": 60,
}
CURVES = {
    "N (full batch)": ("n_rows", [1600, 6400, 25600, 102400], {}),
    "B": ("batch", [200, 800, 3200, 12800], {"n_rows": 25600}),
    "S": ("samples", [1, 4, 16, 64], {}),
    "P (two hidden layers)": (
        "sizes",
        [(8, h, h, 1) for h in (64, 128, 256, 512)],
        {"batch": 32},
    ),
    "depth": ("sizes", [(8, *[64] * d, 1) for d in (1, 2, 4, 8)], {"batch": 256}),
    "R": ("replicas", [1, 4, 16, 64], {"batch": 32}),
}


def main():
    print("| against | values | us a step | slope, log-log |\n|---|---|---|---|")
    for name, (field, values, extra) in CURVES.items():
        works = [Workload(**BASE | extra | {field: value}) for value in values]
        cost = [min(ours.train(work)() for _ in range(3)) * 1e6 for work in works]
        if field == "sizes":
            size = [
                w.n_weights if name.startswith("P") else len(w.sizes) - 2 for w in works
            ]
        else:
            size = values
        slope = np.polyfit(np.log(size), np.log(cost), 1)[0]
        shown = ", ".join(f"{c:.0f}" for c in cost)
        print(
            f"| {name} | {', '.join(map(str, size))} | {shown} | {slope:.2f} |",
            flush=True,
        )
    return 0
