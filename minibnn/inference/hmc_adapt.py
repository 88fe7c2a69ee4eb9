"""What HMC learns while it warms up: step sizes and scales, each chain its own."""

import numpy as np

from minibnn.kernels.equations import equation

PRIOR_DRAWS = 5  # weight of the pooled variances against a window of draws


@equation("E95")
class DualAveraging:
    """Step sizes that make the mean acceptance probability what it should be.

    (E95)  h̄ ← (1 - 1/(m + t0)) h̄ + (target - accept)/(m + t0)
           log ε = mu - h̄ √m / gamma,
           log ε̄ ← m^-kappa log ε + (1 - m^-kappa) log ε̄
    Derivation.  Acceptance falls with ε, so ε must rise while it is above the target
        and fall while it is below: stochastic approximation of a root. h̄ estimates
        E[target - accept], early iterations fading as t0 > 0; dual averaging moves
        log ε by the *sum* of the errors over √m, and the averaged log ε̄, which weighs
        late iterations most (kappa < 1), is what sampling uses.
    Source.  Hoffman & Gelman 2014, eqs. 6-7; gamma 0.05, t0 10, kappa 0.75.
    Shapes.  accept, step, final (C,)
    """

    gamma, t0, kappa = 0.05, 10.0, 0.75

    def __init__(self, step, target):
        self.target = target
        self.restart(step)

    def restart(self, step):
        """Forget the past and begin near ``step``, biased to larger ones."""
        self.centre = np.log(10.0 * step)
        self.log_step = self.log_final = np.log(step)
        self.error, self.m = np.zeros_like(step), 0

    def update(self, accept):
        """Learn from the acceptance probabilities of one transition."""
        self.m += 1
        weight, fade = 1.0 / (self.m + self.t0), self.m**-self.kappa
        self.error = (1 - weight) * self.error + weight * (self.target - accept)
        self.log_step = self.centre - np.sqrt(self.m) / self.gamma * self.error
        self.log_final = fade * self.log_step + (1 - fade) * self.log_final

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

    A fast start (15 %, at most 75), windows that double, and a last stretch (15 %, at
    most 100) in which only the step size still moves.
    """
    start, stop = (
        min(75, n_warmup * 15 // 100),
        n_warmup - min(100, n_warmup * 15 // 100),
    )
    ends, width = [start], 25
    while ends[-1] < stop:
        end = ends[-1] + width
        ends.append(stop if end + 2 * width > stop else end)
        width *= 2
    return ends


def window_scales(draws):
    """Standard deviation of every weight in every chain, (n, C, P) -> (C, P).

    Shrunk towards the pooled within-chain variance: a window holds few independent
    draws.
    """
    n = len(draws)
    own = draws.var(0)
    pooled = own.mean(0)
    variance = (n * own + PRIOR_DRAWS * pooled) / (n + PRIOR_DRAWS)
    return np.sqrt(np.maximum(variance, 1e-20))


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
