"""What HMC learns while it warms up: step sizes and scales, each chain its own."""

import numpy as np

from minibnn.equations import equation

PRIOR_DRAWS = 5  # weight of the pooled variances against a window of draws


@equation("E95")
class StepSearch:
    """Step sizes that make the mean acceptance probability what it should be.

    (E95)  log ε ← log ε + m^-kappa (accept - target)
           log ε̄ ← log ε̄ + 2/(m + 1) (log ε - log ε̄)
    Derivation.  Acceptance falls with ε, so ε must rise while it is above the target
        and fall while it is below: stochastic approximation of a root, which it reaches
        as Σ m^-kappa = ∞ while Σ m^-2kappa < ∞. The steps fall slowly, for the first ε
        may be far off, so log ε still moves about the root. Sampling uses a mean over
        that: log ε̄ weighs the m-th log ε by m, since Σ_j j = m (m + 1)/2 makes the
        m-th share 2/(m + 1). Where log ε moves far, the mean acceptance is not the
        acceptance at the mean log ε; so gains stay below the 1/slope of acceptance.
    Source.  Robbins & Monro 1951; Andrieu & Thoms 2008, sec. 5; averages with growing
        weights: Lacoste-Julien, Schmidt & Bach 2012. kappa 0.6.
    Shapes.  accept, step, final (C,)
    """

    kappa = 0.6

    def __init__(self, step, target):
        self.target = target
        self.restart(step)

    def restart(self, step):
        """Forget the past and begin at ``step``."""
        self.log_step = self.log_final = np.log(step)
        self.m = 0

    def update(self, accept):
        """Learn from the acceptance probabilities of one transition."""
        self.m += 1
        self.log_step = self.log_step + self.m**-self.kappa * (accept - self.target)
        self.log_final = self.log_final + 2.0 / (self.m + 1) * (
            self.log_step - self.log_final
        )

    @property
    def step(self):
        """Step sizes to try next."""
        return np.exp(self.log_step)

    @property
    def final(self):
        """Step sizes to keep."""
        return np.exp(self.log_final)


def window_ends(n_warmup):
    """Iterations after which the scales are renewed; the first only starts a window.

    A fast start (15 %, at most 75), windows that double, and a last stretch (30 %, at
    most 150) in which only the step size still moves: with fewer draws the acceptance
    that it reaches is a matter of luck.
    """
    start, stop = (
        min(75, n_warmup * 15 // 100),
        n_warmup - min(150, n_warmup * 30 // 100),
    )
    ends, width = [start], 25
    while ends[-1] < stop:
        end = ends[-1] + width
        ends.append(stop if end + 2 * width > stop else end)
        width *= 2
    return ends


def window_scales(draws, forces):
    """The scale of every weight in every chain, (n, C, P) twice -> (C, P).

    A weight may wander far along a curved valley that is narrow everywhere. Its standard
    deviation s is then large, and so is that of its force, f: in a normal valley it
    would be 1/s. The scale √(s/f) lies between both lengths, s and 1/f; it is s where
    they agree. In all they are made as long as the s, by their geometric mean, so that
    a path has a length in standard deviations.
    Source: Seyboldt, Carlson & Carpenter 2025 (nutpie): it makes the expected squared
    distance of the forces from those of a normal least.
    """
    spread, force = shrunk(draws), shrunk(forces)
    # roots first: the product of two large variances may overflow
    excess = np.maximum(np.sqrt(spread) * np.sqrt(force), 1.0)  # at least 1 in truth
    longer = np.exp(0.5 * np.log(excess).mean(-1, keepdims=True))
    return np.sqrt(spread / excess) * longer


def shrunk(window):
    """Variances of a window, (n, C, P) -> (C, P), drawn a little to those of all chains.

    A window holds few independent draws.
    """
    n, own = len(window), window.var(0)
    variance = (n * own + PRIOR_DRAWS * own.mean(0)) / (n + PRIOR_DRAWS)
    return np.maximum(variance, 1e-20)


def first_step(log_density, state, scale, rng, transition):
    """A step size for each chain that is neither sure to be accepted nor hopeless.

    Halved or doubled until the acceptance probability of one step crosses 1/2.
    Source: Hoffman & Gelman 2014, algorithm 4.
    """
    step = np.full(len(state.w), 0.1)
    direction = np.zeros(len(step))
    for _ in range(50):
        _, move = transition(log_density, state, step[:, None], scale, 1, rng)
        wanted = np.where(move.accept > 0.5, 1.0, -1.0)
        direction = np.where(direction == 0, wanted, direction)
        going = wanted == direction
        if not going.any():
            break
        step = np.where(going, step * 2.0**direction, step)
    return step
