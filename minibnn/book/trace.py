"""One weight's way through one step of the algorithm: every number, there and back."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np

from minibnn.book.first_page import example
from minibnn.equations import LEDGER, equation
from minibnn.estimators.pathwise import Pathwise
from minibnn.families.mean_field import MeanField
from minibnn.families.normal import Normal
from minibnn.likelihoods.gaussian import Gaussian, gaussian_nll
from minibnn.model import Model
from minibnn.nn.activations import ACTIVATIONS
from minibnn.nn.mlp import MLP
from minibnn.optim.sgd import SGD
from minibnn.priors.gaussian import GaussianPrior
from minibnn.svi.elbo import neg_elbo
from minibnn.validation.arguments import check_int, check_number, check_positive

STEP = 1e-4  # the step size of chapter 10


@equation("E08")
def one_weight(
    x: float = 1.5,
    y: float = 2.1,
    mu: float = 0.8,
    rho: float = -0.6,
    eps: float = -0.7,
    noise_sd: float = 0.5,
    prior_sd: float = 2.0,
    step: float = 0.05,
) -> Trace:
    """One step of one weight w with one row and one draw: y = w x + noise.

    (E08)  ∂loss/∂mu = g + mu/s0²,
           ∂loss/∂rho = (g eps + sigma/s0² - 1/sigma) e^rho/(1 + e^rho),
           g = x (w x - y)/s_y²,  w = mu + sigma eps,  sigma = log(1 + e^rho)
    Derivation.  The loss is ((w x - y)/s_y)²/2 + (mu² + sigma²)/(2 s0²) - log sigma and
        a constant. By the chain rule its first term changes with w at the rate g, and w
        changes with mu at the rate 1, with sigma at the rate eps. The second and third
        term, the KL, change with mu at the rate mu/s0² and with sigma at the rate
        sigma/s0² - 1/sigma. Last link: d sigma/d rho = e^rho/(1 + e^rho).

    Parameters
    ----------
    x, y : float
        The row.
    mu, rho, eps : float
        Mean, raw scale, and the standard normal number that makes the draw.
    noise_sd, prior_sd : float > 0
        Standard deviations of the noise of y and of the prior N(0, s0²).
    step : float > 0
        Step size of the update.

    Raises
    ------
    ValueError, TypeError
        Naming the number that is not finite, or not > 0.
    """
    given = {"x": x, "y": y, "mu": mu, "rho": rho, "eps": eps}
    given = {name: check_number(name, value) for name, value in given.items()}
    noise = Gaussian(check_positive("noise_sd", noise_sd))
    prior = GaussianPrior(0.0, check_positive("prior_sd", prior_sd))
    model = Model(MLP([1, 1], bias=False), noise, prior)
    here = Step(model, {"mu": [mu], "rho": [rho]}, [[eps]], [[x]], [y], 1)
    n = here.numbers(0, check_positive("step", step))
    ahead = [
        ("E11", "σ = log(1 + e^ρ)", n["σ"]),
        ("E14", "w = μ + σ ε", n["w"][0]),
        ("E25", "f = w x", here.f[0, 0]),
        ("E31", "ℓ = (f-y)²/(2σ_y²) + log(σ_y √(2π))", n["ℓ"][0]),
        ("E41", "KL = (μ²+σ²)/(2s₀²) + log(s₀/σ) - .5", n["KL"]),
        ("E51", "loss = ℓ + KL", n["loss"]),
    ]
    back = [
        ("E31", "δ = ∂ℓ/∂f = (f - y)/σ_y²", here.by_output[0, 0]),
        ("E21", "g = ∂ℓ/∂w = δ x", n["g"][0]),
        ("E52", "∂loss/∂μ = g + μ/s₀²", n["∂μ"]),
        ("E53", "∂loss/∂σ = g ε + σ/s₀² - 1/σ", n["∂σ"]),
        *to_the_end(n, step),
    ]
    names = dict(zip(given, ("x", "y", "μ", "ρ", "ε"), strict=True))
    given = {names[name]: value for name, value in given.items()}
    given |= {"σ_y": float(noise_sd), "s₀": float(prior_sd)}
    title = "one step of one weight, one row, one draw: y = w x + noise (chapter 00)"
    letters = iter("abcdefghijklmn")
    return Trace(title, given, entered(ahead, letters), entered(back, letters), [])


def network_weight(weight: int) -> Trace:
    """The first step of chapter 10 for one weight of its network.

    Parameters
    ----------
    weight : int
        0 to 24, in the flat order of the network.

    Raises
    ------
    ValueError, TypeError
        If there is no such weight.
    """
    here = first_step()
    last = here.model.n_weights - 1
    i = check_int("weight", weight, 0, last)
    n, both = here.numbers(i, STEP), list(zip("₁₂", "12", strict=True))
    given = {
        "μ": here.q.mean[i], "ρ": here.params["rho"][i], "N": here.n_data,
        "B": len(here.y), "S": len(here.w), "σ_y": here.model.likelihood.scale,
        "s₀": here.model.prior.scale,
    }  # fmt: skip
    ahead = [
        ("E11", "σ = log(1 + e^ρ)", n["σ"]),
        *(("E14", f"w{s} = μ + σ ε{s} with ε{s} = {n['ε'][k]:.4f}", n["w"][k])
          for k, (s, _) in enumerate(both)),
        *(("E31", f"ℓ{s}: ℓ of all rows of draw {draw}, added", n["ℓ"][k])
          for k, (s, draw) in enumerate(both)),
        ("E41", "KL = (μ²+σ²)/(2s₀²) + log(s₀/σ) - .5", n["KL"]),
        ("E41", f"KLs: KL of all {last + 1} weights, added", here.parts["kl"]),
        ("E51", "loss = N/B (ℓ₁ + ℓ₂)/S + KLs", n["loss"]),
    ]  # fmt: skip
    back = [
        *(("E21", f"g{s}: A δ of all rows of draw {draw}, added", n["g"][k])
          for k, (s, draw) in enumerate(both)),
        ("E52", "data: N/B (g₁ + g₂)/S", n["∂μ"] - n["∂KL/∂μ"]),
        ("E41", "KL: μ/s₀²", n["∂KL/∂μ"]),
        ("E52", "∂loss/∂μ = data + KL", n["∂μ"]),
        ("E53", "data: N/B (g₁ ε₁ + g₂ ε₂)/S", n["∂σ"] - n["∂KL/∂σ"]),
        ("E41", "KL: σ/s₀² - 1/σ", n["∂KL/∂σ"]),
        ("E53", "∂loss/∂σ = data + KL", n["∂σ"]),
        *to_the_end(n, STEP),
    ]  # fmt: skip
    title = f"weight {i} of 0 to {last}, {place(here.model.net, i)[0]}: first step of "
    given = {name: float(value) for name, value in given.items()}
    title += "chapter 10"
    return Trace(title, given, entered(ahead), entered(back), by_draw(here, i))


class Line(NamedTuple):
    """One number on the way: its formula, the formula's label, and the file of that."""

    line: str  # such as E08a, a line of the pencil's computation; "" in a network
    label: str
    formula: str
    number: float
    file: str


class Trace(NamedTuple):
    """The way there and back; ``draws`` has what every row of every draw brings."""

    title: str
    given: dict[str, float]
    ahead: list[Line]
    back: list[Line]
    draws: list[dict[str, Any]]


def entered(rows, letters=None) -> list[Line]:
    """Lines of (label, formula, number), lettered on if there are letters."""
    return [
        Line(f"E08{next(letters)}" if letters else "", label, formula, float(number),
             file_of(label))
        for label, formula, number in rows
    ]  # fmt: skip


def file_of(label: str) -> str:
    """The file, in the folder of the package, that derives a label."""
    parts = LEDGER[label].split(".")
    while ".".join(parts) not in sys.modules:
        parts.pop()
    return "/".join(parts[1:]) + ".py"


def to_the_end(n: dict[str, Any], step: float) -> list[tuple[str, str, float]]:
    """From the slope for sigma to the update."""
    return [
        ("E11", "dσ/dρ = e^ρ/(1 + e^ρ)", n["dσ/dρ"]),
        ("E53", "∂loss/∂ρ = ∂loss/∂σ · dσ/dρ", n["∂ρ"]),
        ("E71", f"new μ = μ - {step:g} ∂loss/∂μ", n["new μ"]),
        ("E71", f"new ρ = ρ - {step:g} ∂loss/∂ρ", n["new ρ"]),
    ]


# --- the network ---------------------------------------------------------------------


def first_step() -> Step:
    """Where training begins in chapter 10: ten of its rows, two draws."""
    data, model = example()
    params, rng = MeanField().init(model, rng=0), np.random.default_rng(0)
    rows = rng.permutation(len(data.X))[:10]
    eps = rng.standard_normal((2, model.n_weights))
    return Step(model, params, eps, data.X[rows], data.y[rows], len(data.X))


def place(net: MLP, i: int) -> tuple[str, int, int | None]:
    """Where weight i of a network with one input and one output stands.

    In words; the bias of the unit it feeds, and the weight from that unit to the output
    (None if the unit is the output), as flat indices. Units are counted from 0.
    """
    hidden, last = net.sizes[1], net.n_weights - 1
    layer, unit = divmod(i, hidden)
    if layer == 3:
        return "bias of the output", last, None
    if layer == 2:
        return f"hidden unit {unit} to output", last, None
    words = "bias of hidden unit" if layer else "input to hidden unit"
    return f"{words} {unit}", hidden + unit, 2 * hidden + unit


def by_draw(here: Step, i: int) -> list[dict[str, Any]]:
    """What every row of every draw brings to the gradient of weight i.

    The weight multiplies A and makes part of a pre-activation Z with gradient δ. A bias
    multiplies 1, so δ is the gradient of the bias of the same unit. "onward" is the
    weight from the unit to the output, "onward_weight" its index.
    """
    net, hidden = here.model.net, here.model.net.sizes[1]
    layer, unit = divmod(i, hidden)
    _, bias, onward = place(net, i)
    first = MLP([1, hidden])  # the layer below the activation
    hidden_Z, _ = first.apply(here.w[:, : first.n_weights], here.A)
    hidden_A = ACTIVATIONS[net.activation].forward(hidden_Z.copy())
    rows = here.f.shape
    columns = {
        "A": (here.A[:, 0], 1.0, hidden_A[..., unit % hidden], 1.0)[layer],
        "Z": hidden_Z[..., unit] if layer < 2 else here.f,
        "f": here.f, "y": here.y, "ℓ": here.nll, "∂ℓ/∂f": here.by_output,
        "δ": here.g[..., bias], "A δ": here.g[..., i],
    }  # fmt: skip
    return [
        {"onward_weight": onward, "onward": onward and float(here.w[s, onward])}
        | {name: np.broadcast_to(c, rows)[s].tolist() for name, c in columns.items()}
        for s in range(len(here.w))
    ]


class Step:
    """One step, computed by the package; every number on the way can be asked for.

    params, eps: as ``neg_elbo`` takes them; X, y: the rows of the batch.
    """

    def __init__(self, model, params, eps, X, y, n_data):
        self.model, self.n_data, self.y = model, n_data, np.asarray(y)
        self.params = {name: np.array(value, float) for name, value in params.items()}
        self.eps, family = np.asarray(eps, float), MeanField()
        self.q, pull = family.natural(self.params)
        self.slope = pull(Normal(sigma=np.ones_like(self.q.sigma)))["rho"]
        self.w, _ = family.sample(self.q, self.eps)
        self.A, targets = model.batch(X, y)
        F, _ = model.net.apply(self.w, self.A)
        log_noise = np.log(model.likelihood.scale)
        _, by_output, _ = gaussian_nll(F, targets, log_noise)
        self.f, self.by_output = F[..., 0], by_output[..., 0]  # (S, B)
        nll, pull = model.nll(self.w, self.A[:, None], targets[:, None])  # rows apart
        self.nll, self.g = nll.T, pull().swapaxes(0, 1)  # (S, B), (S, B, P)
        settings = {"n_data": n_data, "estimator": Pathwise()}
        found = neg_elbo(model, family, self.params, self.eps, X, y, **settings)
        self.loss, self.grads, self.parts = found

    def numbers(self, i: int, step: float) -> dict[str, Any]:
        """The numbers of weight i: one each, or one for each draw."""
        new = {name: value.copy() for name, value in self.params.items()}
        for name, value in new.items():
            SGD(step).update(value, self.grads[name], {}, step)
        q, slope = self.q, self.slope[i]
        kl, g_mean, g_log_sigma = self.model.prior.kl(q.mean, q.sigma, q.log_sigma)
        return {
            "σ": q.sigma[i], "ε": self.eps[:, i], "w": self.w[:, i],
            "ℓ": self.nll.sum(1), "KL": kl[i], "loss": self.loss,
            "g": self.g[..., i].sum(1), "∂KL/∂μ": g_mean[i],
            "∂KL/∂σ": g_log_sigma[i] / q.sigma[i], "dσ/dρ": slope,
            "∂μ": self.grads["mu"][i], "∂ρ": self.grads["rho"][i],
            "∂σ": self.grads["rho"][i] / slope,
            "new μ": new["mu"][i], "new ρ": new["rho"][i],
        }  # fmt: skip
