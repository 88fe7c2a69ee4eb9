"""Mistakes in the weights of the sum: signs, halves, means for sums, lost terms (E51)."""

import math

import numpy as np

from minibnn.mistakes.catalogue import Mistake, fine, rule

LOSS = "(N/B) (1/S) Σ_s nll_s + beta KL"


def _factor(name, label, links, factor, wrong, hint, reveal, right=LOSS):
    changes = tuple((link, lambda value, c: factor(c) * value) for link in links)
    return Mistake(name, label, wrong, right, hint, reveal, changes)


_BATCH = "take a batch smaller than the data set: n_data != len(X)"
_SAMPLES = "take S >= 3 samples, a number that equals no width or batch size"
_BETA = "take a kl_weight that is neither 0 nor 1"
_ANY = "take a point where the term is not 0"
_DEEP = "take a network with three layers"


def _data(name, factor, wrong, hint, reveal=_ANY):
    return _factor(name, "E51", ["data"], factor, wrong, hint, reveal)


def _kl(name, factor, wrong, hint, reveal=_ANY):
    return _factor(name, "E51", ["kl"], factor, wrong, hint, reveal)


def _whole(name, factor, wrong, hint, reveal=_ANY):
    return _factor(name, "E51", ["data", "kl"], factor, wrong, hint, reveal)


_BY_WHAT = (
    "The KL belongs to the whole data set once. What does it have to be added to?"
)
_UNBIASED = (
    "Average the gradient over all batches of size B: does it give all the data's?"
)
_MEAN_S = "What does the mean over noise samples turn into when you write it as a sum?"
_CONSTANT = "Follow one constant factor through your derivation, line by line."

DATA = (
    _data("data-missing", lambda c: 0.0, "beta KL alone", "Does a label change it?"),
    _data("data-sign", lambda c: -1.0, "-(N/B) mean nll + beta KL",
          "The loss is minimised. Which sign makes the data more likely?"),
    _data("likelihood-half", lambda c: 0.5, "(N/B) mean nll / 2 + beta KL", _CONSTANT),
    _data("likelihood-doubled", lambda c: 2.0, "2 (N/B) mean nll + beta KL", _CONSTANT),
    _data("n-over-b-missing", lambda c: c.B / c.N, "mean nll of the batch + beta KL",
          _UNBIASED, _BATCH),
    _data("n-over-b-twice", lambda c: c.N / c.B, "(N/B)² mean nll + beta KL",
          _UNBIASED, _BATCH),
    _data("n-over-b-inverted", lambda c: (c.B / c.N) ** 2, "(B/N) mean nll + beta KL",
          _UNBIASED, _BATCH),
    _data("n-over-b-rounded", lambda c: (c.N // c.B) * c.B / c.N,
          "floor(N/B) mean nll + beta KL",
          "Is the number of batches you multiply with a whole number by nature?",
          "take an n_data that the batch size does not divide"),
    _data("n-over-b-without-n", lambda c: c.B / c.N**2, "(1/N) mean nll + beta KL",
          _UNBIASED, _BATCH),
    _data("n-over-b-rounded-up", lambda c: math.ceil(c.N / c.B) * c.B / c.N,
          "ceil(N/B) mean nll + beta KL",
          "Is the number of batches you multiply with a whole number by nature?",
          "take an n_data that the batch size does not divide"),
    _data("n-over-b-less-one", lambda c: c.B / (c.B - 1) if c.B > 1 else 1.0,
          "N/(B - 1) mean nll + beta KL", "Is this a mean or a variance?",
          "take more than one row"),
    _data("data-factor-missing", lambda c: c.B * c.S / c.N,
          "Σ_s nll_s + beta KL, no factor at all", _UNBIASED, _BATCH),
    _data("sample-mean-missing", lambda c: float(c.S), "(N/B) Σ_s nll_s + beta KL",
          _MEAN_S, _SAMPLES),
    _data("sample-mean-twice", lambda c: 1 / c.S, "(N/B) (1/S²) Σ_s nll_s + beta KL",
          _MEAN_S, _SAMPLES),
    _data("sample-mean-unbiased", lambda c: c.S / max(c.S - 1, 1),
          "(N/B) Σ_s nll_s / (S - 1) + beta KL",
          "Is this a mean or a variance?", _SAMPLES),
    _data("example-mean", lambda c: 1 / c.B, "(N/B) mean over the rows + beta KL",
          "N/B already expects the sum over the batch, not its mean.",
          "take more than one row"),
    _data("example-mean-instead-of-sum", lambda c: 1 / c.N,
          "mean over the rows of the batch + beta KL",
          "The likelihood of a data set is a product over its rows. Its logarithm is?",
          "take more than one data row"),
    _data("output-mean", lambda c: 1 / c.C, "mean over outputs for the sum",
          "The likelihood of several outputs is a product over them.",
          "take a network with several outputs"),
    _data("element-mean", lambda c: 1 / (c.B * c.C), "mean over rows and outputs",
          "A library's default reduction is not the likelihood.",
          "take more than one row and output"),
    _data("data-tempered", lambda c: c.beta, "beta on the data term too",
          "Which of the two terms carries the weight?", _BETA),
)  # fmt: skip

KL = (
    _kl("kl-missing", lambda c: 0.0, "(N/B) mean nll alone",
        "What pulls a weight that the data says nothing about?"),
    _kl("kl-sign", lambda c: -1.0, "(N/B) mean nll - beta KL",
        "ELBO = E log p(D|w) - KL. And the loss?"),
    _kl("kl-halved", lambda c: 0.5, "(N/B) mean nll + beta KL / 2", _CONSTANT),
    _kl("kl-doubled", lambda c: 2.0, "(N/B) mean nll + 2 beta KL", _CONSTANT),
    _kl("kl-averaged-over-weights", lambda c: 1 / c.model.n_weights,
        "KL as a mean over weights",
        "The KL of independent weights: is it a sum or a mean of theirs?",
        "take more than one weight"),
    _kl("kl-over-batch-size", lambda c: 1 / c.B, "beta KL / B", _BY_WHAT,
        "take more than one row"),
    _kl("kl-over-batches", lambda c: c.B / c.N, "beta KL B/N", _BY_WHAT, _BATCH),
    _kl("kl-over-batches-rounded", lambda c: 1 / math.ceil(c.N / c.B),
        "beta KL / ceil(N/B)", _BY_WHAT, _BATCH),
    _kl("kl-over-data", lambda c: 1 / c.N, "beta KL / N", _BY_WHAT,
        "take more than one data row"),
    _kl("kl-times-batches", lambda c: c.N / c.B, "(N/B) (mean nll + beta KL)", _BY_WHAT,
        _BATCH),
    _kl("kl-over-samples", lambda c: 1 / c.S, "beta KL / S",
        "Does the analytic KL know of samples?", _SAMPLES),
    _kl("kl-times-samples", lambda c: float(c.S), "the KL added once a sample",
        "Does the analytic KL know of samples?", _SAMPLES),
    _kl("kl-over-layers", lambda c: 1 / c.L, "the mean of the layers' KLs",
        "Layers are independent under q. What does their joint KL do?", _DEEP),
    _kl("kl-times-layers", lambda c: float(c.L), "the KL added once a layer",
        "Layers are independent under q. What does their joint KL do?", _DEEP),
    _kl("kl-weight-missing", lambda c: 1 / c.beta, "(N/B) mean nll + KL",
        "What is kl_weight at your point, and where did it go?", _BETA),
    _kl("kl-weight-twice", lambda c: c.beta, "(N/B) mean nll + beta² KL",
        "How often does kl_weight act on the way from the KL to the loss?", _BETA),
    _kl("kl-weight-complement", lambda c: (1 - c.beta) / c.beta,
        "(N/B) mean nll + (1 - beta) KL", "Is kl_weight a mixing share?", _BETA),
)  # fmt: skip

WHOLE = (
    Mistake("data-factor-on-the-kl", "E51", "Σ_s nll_s + (N/B) (1/S) beta KL", LOSS,
            _BY_WHAT, _BATCH,
            (("data", lambda value, c: c.B * c.S / c.N * value),
             ("kl", lambda value, c: c.N / c.B / c.S * value))),
    Mistake("n-over-b-on-the-kl", "E51", "mean nll + (N/B) beta KL", LOSS, _BY_WHAT,
            _BATCH, (("data", lambda value, c: c.B / c.N * value),
                     ("kl", lambda value, c: c.N / c.B * value))),
    _whole("gradient-of-the-elbo", lambda c: -1.0, "-loss",
           "Do you climb the ELBO or go down the loss?"),
    _whole("loss-halved", lambda c: 0.5, "loss / 2", _CONSTANT),
    _whole("loss-doubled", lambda c: 2.0, "2 loss", _CONSTANT),
    _whole("loss-over-data", lambda c: 1 / c.N, "loss / N",
           "Per datum or for the whole data set?", "take more than one data row"),
    _whole("loss-over-batch", lambda c: 1 / c.B, "loss / B",
           "Per datum or for the whole data set?", "take more than one row"),
    _whole("loss-over-batches", lambda c: c.B / c.N, "(B/N) loss", _UNBIASED, _BATCH),
    _whole("loss-over-samples", lambda c: 1 / c.S, "loss / S", _MEAN_S, _SAMPLES),
    _whole("loss-times-samples", lambda c: float(c.S), "S loss", _MEAN_S, _SAMPLES),
    _whole("loss-weighted", lambda c: c.beta, "beta loss",
           "Which of the two terms carries the weight?", _BETA),
    _whole("loss-over-weights", lambda c: 1 / c.blocks.n_weights, "loss / P",
           "Sum or mean over weights?", "take more than one weight"),
)  # fmt: skip


@rule(lambda chain: True)
def weights_of_the_sum(chain):
    """Factors on a term; those of the KL weight only where there is one."""
    return [m for m in (*DATA, *KL, *WHOLE) if chain.beta or "kl-weight" not in m.name]


@rule(fine)
def dropped_terms(chain):
    """Each sample, row or output left out, or counted twice; one alone kept."""
    for kind, count, axis in (("sample", chain.S, 0), ("example", chain.B, 1),
                              ("output", chain.C, 2)):  # fmt: skip
        shown = range(count) if count <= 64 else (0, count - 1)
        for i in shown if count > 1 else ():
            for word, how, weight in (("dropped", "left out", 0), ("doubled", "twice", 2)):
                weights = np.where(np.arange(count) == i, weight, 1)
                yield _weighted(f"{word}-{kind}-{i + 1}", f"{kind} {i + 1} {how}", axis,
                                weights)  # fmt: skip
        for i, word in ((0, "first"), (count - 1, "last")):
            weights = np.where(np.arange(count) == i, 1, 0)
            if kind != "sample":
                yield _weighted(f"only-{word}-{kind}", f"the {word} {kind} alone", axis,
                                weights)  # fmt: skip


def _weighted(name, wrong, axis, weights):
    """Terms of the sum over samples, rows or outputs with weights of their own."""
    weights = np.reshape(weights, (1,) * axis + (-1,) + (1,) * (2 - axis))
    change = ("output", lambda g, c: g * weights)
    if axis == 0:
        change = ("samples", lambda value, c: tuple(
            None if g is None else g * weights[:, :, 0] for g in value))  # fmt: skip
    return Mistake(name, "likelihood" if axis else "E61", wrong,
                   "Σ over all samples, rows and outputs",
                   "How many terms does your sum have?", "take an example that pulls",
                   (change,))  # fmt: skip
