"""How much of everything the rupture study does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How much of everything: the complete study unless told otherwise.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from minibnn.rupture.settings import QUICK
    >>> replace(QUICK, seeds=1).seeds
    1
    """

    seeds: int = 10
    members: int = 10  # MAP networks of an ensemble
    restarts: int = 5  # mean-field fits of which one is kept, or all averaged
    steps: int = 1000  # Adam steps after L-BFGS, everywhere but in the next two
    recipe_steps: int = 5000
    cov_steps: int = 8000
    cov_samples: int = 8
    cov_fits: int = 2
    chains: int = 4
    hmc_warmup: int = 500
    hmc_draws: int = 1500
    particles: int = 16  # annealing runs behind the log evidence
    temperatures: int = 2000
    leapfrog: int = 10  # mean steps at each temperature
    samples: int = 1000  # weight samples of a prediction
    shuffles: int = 10  # permutations behind an importance


QUICK = Settings(
    seeds=3, cov_steps=2000, cov_samples=4, cov_fits=1, hmc_warmup=200, hmc_draws=300,
    particles=8, temperatures=500, shuffles=5,
)
