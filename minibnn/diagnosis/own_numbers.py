"""Whether an error follows each weight's own numbers, as that of a KL does."""

import numpy as np


def share_explained(search, cut):
    """Share of an error's variance that a smooth function of a weight's numbers gives.

    Each weight is predicted from the others (leave one out). ``cut``: one array's part.
    """
    chain, error = search.chain, (search.g - search.chain.right)[cut]
    columns = [chain.mu, np.log(chain.sigma)]
    if chain.gaussian_prior:
        columns += [a for a in (chain.m0, np.log(chain.s0)) if np.ptp(a) > 0]
    x = np.array([(a - a.mean()) / (a.std() or 1.0) for a in columns])
    basis = [np.ones(len(error)), *x]
    basis += [x[i] * x[j] for i in range(len(x)) for j in range(i, len(x))]
    basis += [a**3 for a in x] + [x[0] ** 2 * x[1], x[0] * x[1] ** 2]
    A = np.array(basis[: max(3, len(error) // 4)]).T
    by_blocks = np.array(list(_by_blocks(chain, cut))).T
    return max(_explained(A, error), _explained(by_blocks, error))


def _by_blocks(chain, cut):
    """The KL of every block: it may be missing or scaled in each for itself."""
    for part in chain.blocks.slices:
        if cut.start <= part.start < cut.stop:
            own = np.zeros(chain.blocks.size)
            own[part] = chain.kl[part]
            yield own[cut]


def _explained(A, error):
    hat = A @ np.linalg.pinv(A)
    left = (error - hat @ error) / np.maximum(1 - np.diag(hat), 1e-6)
    spread = error - error.mean()
    total = spread @ spread
    return 1.0 - float(left @ left) / total if total > 0 else 1.0


def outlier_alone(error):
    """Whether one or two numbers make up an error: nothing can be read from its spread."""
    squares = np.sort((error - np.median(error)) ** 2)
    return squares[-2:].sum() > 0.8 * squares.sum()
