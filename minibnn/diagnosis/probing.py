"""What a function tells beyond one gradient: call it again with one thing changed.

A dict of arrays is one answer. A function can be asked what its gradient is without the
KL, with other targets, with other noise: what is said of it has then been seen.
"""

from dataclasses import replace

import numpy as np

from minibnn.diagnosis.chain import Chain
from minibnn.diagnosis.claimed import claimed_gradient, takes
from minibnn.mistakes.catalogue import Mistake

FITS = 1e-6  # relative residual up to which a regression counts as exact


class Student:
    """A claimed gradient as a function of the case, or nothing but its one answer."""

    def __init__(self, function, case, chain):
        self.function = function if callable(function) else None
        self.case, self.chain = case, chain

    def at(self, **changed):
        """The flat gradient at a case with some fields changed, or None."""
        if self.function is None:
            return None
        try:
            case = replace(self.case, **changed)
            gradient, _ = claimed_gradient(self.function, case)
        except Exception:  # a student's function may not like another case
            return None
        return self.chain.blocks.flat(gradient)

    def takes(self, name):
        """Whether the function is told the number ``name``."""
        return self.function is not None and takes(self.function, name)


def terms(student):
    """(data, KL) of the student, flat, seen by leaving the KL out; or None."""
    if not student.takes("kl_weight") or student.chain.beta == 0:
        return None
    whole, data = student.at(), student.at(kl_weight=0.0)
    return None if data is None or whole is None else (data, whole - data)


def ignored(student, claimed):
    """A mistake if the gradient does not depend on noise, targets or inputs."""
    case = student.case
    for name, changed, words in (
        ("noise", {"noise": case.noise[::-1] * 0.7 + 0.1}, "the noise it is given"),
        ("targets", {"y": np.roll(case.y, 1, 0)}, "the targets"),
        ("inputs", {"X": case.X * 0.9 + 0.05}, "the inputs"),
    ):
        if not case.noise.size and name == "noise":
            continue
        other = student.at(**changed)
        ours = student.chain.blocks.flat(replace(case, **changed).gradient())
        moved = np.abs(ours - student.chain.right).max() > 0
        if moved and other is not None and np.array_equal(other, claimed):
            return Mistake(f"{name}-ignored", "E51", f"a gradient that stays the same "
                           f"whatever {words}", f"a function of {words}",
                           "Change one of its arguments. What changes?", "")  # fmt: skip
    return None


def other_draw(student, search):
    """Noise on the way back that is not the draw's: found by regression, or None.

    Other targets give other g_s with the same noise. What changes in rho's gradient is
    Σ_s (change of g_s) eps'_s: a few equations for the S numbers eps'_s of each weight.
    """
    chain = search.chain
    if student.function is None or not chain.fine or not chain.has_rho or chain.local:
        return None
    mu, rho = chain.blocks.keys["mu"], chain.blocks.keys["rho"]
    if search.wrong[mu].any() or search.wrong[rho].mean() < 0.9:
        return None
    rows, answers = _equations(student, search, mu, rho)
    if rows is None:
        return None
    eps, left = _solved(rows, answers)
    if left > FITS or np.allclose(eps, chain.eps, atol=1e-4):
        return None
    return Mistake(
        "eps-of-another-draw", "E14", "(N/B) (1/S) Σ_s g_s ∘ eps'_s, eps' not eps",
        "(N/B) (1/S) Σ_s g_s ∘ eps_s",
        "Which eps made the weights at which g_s was computed?",
        "take a point where the data matters",
    )  # fmt: skip


def _equations(student, search, mu, rho):
    """Changes of our g_s (K, S, P) and of the student's rho gradient (K, P)."""
    chain, case, rng = search.chain, student.case, np.random.default_rng(0)
    base = chain._samples(lambda link, right: right)[0]
    rows, answers = [], []
    for _ in range(chain.S + 4):
        y = case.y[rng.permutation(len(case.y))]
        given, ours = student.at(y=y), Chain(replace(case, y=y))
        if given is None or np.abs(given - ours.right)[mu].max() > 1e-6 * np.abs(
            ours.right
        ).max():
            return None, None
        rows.append(ours._samples(lambda link, right: right)[0] - base)
        answers.append((given - search.g)[rho] / chain.dsigma)
    scale = chain.N / chain.B / chain.S
    return scale * np.array(rows), np.array(answers)


def _solved(rows, answers):
    """eps' (S, P) and the largest residual relative to the answers."""
    eps, worst = np.zeros(rows.shape[1:]), 0.0
    for i in range(rows.shape[2]):
        found, _, rank, _ = np.linalg.lstsq(rows[:, :, i], answers[:, i], rcond=1e-9)
        if rank == len(found) < len(answers):
            left = np.abs(rows[:, :, i] @ found - answers[:, i]).max()
            worst = max(worst, left / max(np.abs(answers[:, i]).max(), 1e-300))
            eps[:, i] = found
    return eps, worst
