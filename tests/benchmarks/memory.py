"""Peak memory of training, in units of the parameters' own."""

import tracemalloc

import ours
from workloads import TRAINING


def peak(work):
    """(bytes at the peak of ten steps, of the data, of the activations, of params)."""
    work.data()  # whatever is made once is there before
    tracemalloc.start()
    seen = []

    def look(history):
        seen.append(tracemalloc.get_traced_memory()[1])
        return False

    ours.fit(work, max_steps=10, stop=look)
    tracemalloc.stop()
    data = sum(a.nbytes for a in work.data()) + 4 * work.n_rows * (work.sizes[0] + 1)
    units = sum(work.sizes[1:]) + len(work.sizes)
    activations = 4 * (work.replicas or 1) * work.samples * work.rows * units
    params = 8 * (work.replicas or 1) * work.n_weights
    return max(seen), data, activations, params


def main(names):
    print("| workload | peak, MB | data, MB | activations, MB | rest / parameters |")
    print("|---|---|---|---|---|")
    for work in TRAINING:
        if not names or work.name in names:
            top, data, activations, params = peak(work)
            rest = (top - data - activations) / params
            sizes = " | ".join(f"{size / 1e6:.2f}" for size in (top, data, activations))
            print(f"| {work.name} | {sizes} | {rest:.1f} |", flush=True)
    return 0
