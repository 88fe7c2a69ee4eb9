"""What an error looks like: it follows each weight's own numbers, or has no pattern.

The error of a KL is a smooth function of the numbers of its own weight. That of rounding
has no sign in common with anything, and spares nothing.
"""

import numpy as np

ROUNDING = 1e-5  # of the terms: what float32 or a finite difference may leave


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


def like_rounding(search):
    """A sentence on an error of rounding's size that shows no pattern, or nothing."""
    relative = np.abs(search.g - search.chain.right) / search.chain.magnitude
    if relative.max() > ROUNDING or search.wrong.mean() < 0.9:
        return []
    if not patternless(search) or _smooth(search):
        return []
    return [f"the error is small and without pattern, {np.median(relative):.0e} of the "
            "terms: it may be rounding, a finite difference or noise"]  # fmt: skip


def _smooth(search):
    """Whether the error follows a weight's own numbers, in some array."""
    if not (search.chain.fine and search.chain.has_rho):
        return True  # it cannot be told
    arrays = search.blocks.keys.values()
    return any(share_explained(search, cut) > 0.3 for cut in arrays)


def patternless(search):
    """Whether the error has no sign in common with the terms, and no block spared."""
    error = search.g - search.chain.right
    use = np.abs(error) > 0
    if use.sum() < max(8, 0.5 * len(error)):
        return False
    for part in (search.chain.data, search.chain.kl, search.chain.right):
        same = np.mean(np.sign(error[use]) == np.sign(part[use]))
        if abs(same - 0.5) > 3 / np.sqrt(use.sum()) * 0.5 + 0.1:
            return False
    return True
