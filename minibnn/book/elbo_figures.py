"""Figures of the chapter on the ELBO: the bar, and two scales for one prior."""

import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from minibnn.book.colours import POSTERIOR, Q
from minibnn.book.registry import figure
from minibnn.exact.conjugate import exact_posterior
from minibnn.exact.quadrature import grid_posterior
from minibnn.families.full_covariance import FullCovariance
from minibnn.families.mean_field import MeanField
from minibnn.likelihoods.gaussian import Gaussian
from minibnn.model import Model
from minibnn.nn.mlp import MLP
from minibnn.optim.adam import Adam
from minibnn.plots.look import PALE
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.elbo import neg_elbo
from minibnn.svi.fit import fit

X = np.array([[-1.5], [-0.5], [0.7], [1.2], [2.0]])
y = np.array([-0.9, -0.5, 0.6, 0.8, 1.1])
TRAINED = 1e-2  # tolerance of what comes out of training
SHOWN = (1, 5, 10, 20, 50, 400)  # steps of the run whose bars are drawn


def network(prior_scale=1.0):
    """The network of two weights, w2 tanh(w1 x), known noise."""
    net = MLP([1, 1, 1], activation="tanh", bias=False)
    return Model(net, Gaussian(0.3), GaussianPrior(0.0, prior_scale))


def training_bars(truth):
    """ELBO of mean field after the steps of SHOWN."""
    seen, family = {}, MeanField()

    def look(info):
        if info.step + 1 in SHOWN:
            seen[info.step + 1] = family.natural(info.params)[0]

    fit(
        network(), family, X, y, rng=0, start=family.init(network(), rng=0),
        optimizer=Adam(0.1), max_steps=SHOWN[-1], n_samples=8, callback=look,
    )
    return np.array([truth.decompose(q).elbo for q in seen.values()])


def families(truth):
    """ELBO of the best independent q, the best Gaussian, and that Gaussian twice."""
    alone = fit(network(), MeanField(), X, y, rng=0, max_steps=1000).q
    full = fit(network(), FullCovariance(), X, y, rng=0, max_steps=50).q
    root = full.sigma[:, None] * (np.eye(2) + full.low)
    peak, axis = multivariate_normal(full.mean, root @ root.T), np.linspace(-6, 6, 401)
    w = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    log_q = np.logaddexp(peak.logpdf(w), peak.logpdf(-w)) - np.log(2)
    terms = np.exp(log_q) * (log_q - truth.log_density(w))
    gap = terms.sum() * (axis[1] - axis[0]) ** 2
    singles = [truth.decompose(q).elbo for q in (alone, full)]
    return np.array([*singles, truth.log_evidence - gap])


def bars(ax, names, elbo, top):
    """One bar for each q: from its ELBO up to the log evidence, so as long as its KL."""
    place = np.arange(len(elbo))
    ax.axhline(top, color=POSTERIOR, lw=3, label="log evidence")
    ax.bar(
        place, top - elbo, bottom=elbo, color=PALE, hatch="//", edgecolor="white",
        label="KL(q ‖ posterior)", width=0.6,
    )
    ends = place - 0.3, place + 0.3
    ax.hlines(elbo, *ends, color=Q, lw=4, label="ELBO")
    ax.set_xticks(place, names)


@figure("E04", tolerance=TRAINED)
def elbo_bar(rng):
    """The log evidence as ELBO plus KL: while q is trained, and for three families."""
    truth = grid_posterior(network(), X, y, tol=1e-6)
    top, trained, best = truth.log_evidence, training_bars(truth), families(truth)
    drawn = Figure(figsize=(11, 6.2))
    left, right = drawn.subplots(1, 2, width_ratios=[1.25, 1])
    bars(left, [str(n) for n in SHOWN], trained, top)
    left.set(xlabel="step of training", ylabel="nats", ylim=(trained.min() - 1, 0.5))
    left.set_title("Training moves the lower end, not the top")
    left.legend(loc="lower right")
    names = ["independent\nweights", "correlated\nweights", "correlated,\nboth peaks"]
    bars(right, names, best, top)
    for place, elbo in enumerate(best):
        middle = (elbo + top) / 2
        box = {"fc": "white", "ec": "none", "pad": 2}
        right.text(place, middle, f"{top - elbo:.2f}", ha="center", va="center", bbox=box)
    right.set(ylim=(-2.8, -1.3), xlabel="family of q")
    right.set_title("A richer family leaves a smaller KL")
    return drawn, {"trained": trained, "best": best, "log_evidence": np.array([top])}


def similar_inputs():
    """Twenty rows of five inputs that nearly repeat each other, and targets."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(20, 1))
    inputs = np.sqrt(0.95) * shared + np.sqrt(0.05) * rng.normal(size=(20, 5))
    return inputs, 2.0 * inputs.mean(1) + rng.normal(size=20)


def of_line(scale):
    """Log evidence and best mean-field ELBO of the linear model."""
    prior = GaussianPrior(0.0, scale)
    model = Model(MLP([5, 1], bias=False), Gaussian(1.0), prior)
    exact = exact_posterior(model, *similar_inputs())
    logs = np.log(np.diag(exact.precision)), 2.0 * np.log(np.diag(exact.factor))
    return exact.log_evidence, exact.log_evidence - 0.5 * (logs[0] - logs[1]).sum()


def of_network(scale):
    """Log evidence and ELBO of the best mean-field q of the network of two weights.

    At fixed noise the loss is a function without noise, which L-BFGS brings to its
    minimum; the ELBO there is by quadrature.
    """
    model, family = network(scale), MeanField("exp")
    truth = grid_posterior(model, X, y, tol=1e-4)
    half = np.random.default_rng(0).standard_normal((200, 2))
    noise = np.concatenate([half, -half])

    def loss(flat):
        params = {"mu": flat[:2], "rho": flat[2:]}
        value, grads, _ = neg_elbo(model, family, params, noise, X, y)
        return value, np.concatenate([grads["mu"], grads["rho"]])

    best = minimize(loss, [0.8, 0.8, -1.5, -1.5], jac=True).x
    q, _ = family.natural({"mu": best[:2], "rho": best[2:]})
    return truth.log_evidence, truth.decompose(q).elbo


@figure("E04", "E92", tolerance=TRAINED)
def prior_scale(rng):
    """Log evidence and ELBO against the prior's scale, and where each is highest."""
    arrays = {}
    cases = (
        ("linear", of_line, np.geomspace(0.1, 4, 60), "Five inputs that look alike"),
        ("network", of_network, np.geomspace(0.4, 4, 17), "A network of two weights"),
    )
    drawn = Figure(figsize=(11, 6.2))
    for ax, (name, curve, scales, title) in zip(
        drawn.subplots(1, 2), cases, strict=True
    ):
        values = np.array([curve(scale) for scale in scales])
        arrays |= {f"{name}_scale": scales, name: values}
        for column, color, label in ((0, POSTERIOR, "log evidence"), (1, Q, "best ELBO")):
            height, best = values[:, column], values[:, column].argmax()
            ax.plot(scales, height, color=color, label=label)
            ax.plot(scales[best], height[best], "o", color=color, ms=9)
            ax.plot([scales[best]] * 2, [values.min(), height[best]], color=color, lw=1,
                    ls=":")  # fmt: skip
        ax.set(xscale="log", xlabel="prior standard deviation s₀", title=title)
        ax.set_xticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
        ax.set_xlim(scales[0], scales[-1])
        ax.minorticks_off()
    drawn.axes[0].set_ylabel("nats")
    drawn.axes[0].legend(loc="lower right")
    return drawn, arrays
