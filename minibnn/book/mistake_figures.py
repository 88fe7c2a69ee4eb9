"""Figure of chapter 18: losses that all fall, and where they end."""

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from scipy.linalg import hadamard

from minibnn.book import colours
from minibnn.book.registry import figure
from minibnn.optim.adam import Adam
from minibnn.priors.gaussian_kl import gaussian_kl

N, B, NOISE, PRIOR_SD, STEPS = 64, 16, 0.6, 0.8, 1500
EACH = np.ones(4)  # three weights and a bias
LOSSES = {  # name: factor of the data term, factor of the KL of each weight; T = 1 is right
    "the ELBO": (1.0, EACH),
    "mean r², KL/N": (2 * NOISE**2, EACH),
    "mean r², 0.1 mean KL": (2 * NOISE**2, 0.1 * N / 4 * EACH),
    "mean, tensor means / B": (1.0, N / B * np.array([1 / 3, 1 / 3, 1 / 3, 1.0])),
    "N × mean, 0.1 KL": (1.0, 0.1 * EACH),
    "mean r², 0.00025 KL": (2 * NOISE**2, 0.00025 * N * EACH),
}


def rows(rng):
    """Inputs whose columns are orthogonal, the last for the bias; and targets."""
    A = hadamard(N)[:, [1, 2, 3, 0]].astype(float)
    return A, A @ [0.5, -0.3, 0.8, 0.2] + NOISE * rng.standard_normal(N)


def loss_and_slopes(theta, A, y, row, kl):
    """A loss of the table without its constants, and its gradient for [mu, log sigma]."""
    mu, sigma = theta[:4], np.exp(theta[4:])
    r = A @ mu - y
    terms, kl_mu, kl_log_sigma = gaussian_kl(mu, sigma, theta[4:], 0.0, PRIOR_SD)
    spread = N * sigma**2
    value = row * (r @ r + spread.sum()) / 2 / NOISE**2 + kl @ terms
    data = row / NOISE**2 * np.concatenate([A.T @ r, spread])
    return value, data + np.concatenate([kl * kl_mu, kl * kl_log_sigma])


def trained(A, y, row, kl):
    """Losses of a run of Adam from sd 0.5, and the standard deviations at its end."""
    theta = np.concatenate([np.zeros(4), np.log(0.5) * EACH])
    adam, values = Adam(0.03, beta2=0.95), np.empty(STEPS)
    state = adam.init(theta)
    for step in range(STEPS):
        values[step], g = loss_and_slopes(theta, A, y, row, kl)
        adam.move(theta, g, state, step, STEPS)
    return values, np.exp(theta[4:])


@figure("E04", "E54")
def losses_that_fall(rng):
    """Six losses fall alike; the standard deviations of q at the end do not agree."""
    A, y = rows(rng)
    posterior_sd = (N / NOISE**2 + 1 / PRIOR_SD**2) ** -0.5
    drawn, arrays = Figure(figsize=(12, 5)), {}
    left, right = drawn.subplots(1, 2)
    blues = colormaps["Blues"]  # a shade of q for each wrong loss
    marks = iter(("-", "--", ":", "-.", (0, (5, 1)), (0, (1, 1))))
    for place, (name, (row, kl)) in enumerate(LOSSES.items()):
        values, sigma = trained(A, y, row, kl)
        colour = colours.POSTERIOR if place == 0 else blues(0.35 + 0.13 * place)
        fall = (values - values[-1]) / (values[0] - values[-1])
        left.plot(fall[:80], ls=next(marks), color=colour, label=name)
        ratio = sigma / posterior_sd
        right.plot(ratio, np.full(4, -place), "o", ms=9, color=colour)
        arrays |= {f"fall_{place}": fall[:80], f"ratio_{place}": ratio}
    left.set(xlabel="step", ylabel="loss, from 1 at the start to 0 at the end")
    left.legend(loc="upper right")
    left.set_title("Every loss falls")
    right.axvline(1.0, color=colours.POSTERIOR, ls="--", lw=1.5)
    right.set(xscale="log", xlabel="sd of q / sd of the posterior, each weight")
    right.set(xticks=[0.2, 0.5, 1, 2], xticklabels=["0.2", "0.5", "1", "2"])
    right.set(yticks=[-place for place in range(len(LOSSES))], yticklabels=LOSSES)
    right.minorticks_off()
    right.set_title("Where it ends")
    drawn.set_layout_engine("tight")
    return drawn, arrays
