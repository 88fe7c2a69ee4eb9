"""The claimed gradient, however it is handed over, and what its function tells besides.

A dict of arrays is one answer. A function can be called again with one thing changed:
what its gradient is without the KL, with other targets, with other noise. What is said
of it has then been seen.
"""

from dataclasses import replace

import numpy as np

from minibnn.diagnosis.calling import Call, gradient_in
from minibnn.diagnosis.chain import Chain
from minibnn.gradcheck.problem import as_array
from minibnn.mistakes.catalogue import Mistake
from minibnn.validation.arguments import check_finite, check_shape
from minibnn.validation.describe import ArgumentTypeError, describe

FITS = 1e-6  # relative residual up to which a regression counts as exact


def claimed_gradient(given, case):
    """(dict of float64 arrays, dtype it came in) of a gradient or a function of it."""
    if isinstance(given, type):
        raise ArgumentTypeError(
            f"student_gradient must be a dict or a function, got {describe(given)}"
        )
    answer = Call(given, case).answer() if callable(given) else given
    gradient = gradient_in(answer, case)
    arrays = {
        key: _checked(f"student_gradient[{key!r}]", gradient[key], np.shape(array))
        for key, array in case.params.items()
    }
    kinds = [array.dtype for array in arrays.values()]
    dtype = max(kinds, key=lambda kind: np.finfo(kind).eps)
    return {key: array.astype(float) for key, array in arrays.items()}, dtype


def _checked(name, value, shape):
    array = as_array(value, name)
    if array.dtype.kind not in "fiu":
        raise ArgumentTypeError(f"{name} must hold real numbers, got {describe(value)}")
    if array.dtype.kind in "iu":
        raise ArgumentTypeError(
            f"{name} must hold floating-point numbers, got whole numbers of dtype "
            f"{array.dtype}; make the array with float entries, or astype(float)"
        )
    return check_finite(name, check_shape(name, array, shape))


def frozen_noise(function, case, first):
    """Whether a second call gives the same gradient again."""
    second, _ = claimed_gradient(function, case)
    return all(np.array_equal(first[key], second[key]) for key in first)


class Student:
    """A claimed gradient as a function of the case, or nothing but its one answer."""

    def __init__(self, function, case, chain):
        self.function = function if callable(function) else None
        self.case, self.chain = case, chain

    def at_chain(self, chain):
        """The same function, asked at the case of another chain."""
        return Student(self.function, chain.case, chain)

    def at(self, case=None, **changed):
        """The flat gradient at a case, its own by default, with fields changed; or None."""
        if self.function is None:
            return None
        try:
            case = replace(self.case if case is None else case, **changed)
            gradient, _ = claimed_gradient(self.function, case)
        except Exception:  # a student's function may not like another case
            return None
        return self.chain.blocks.flat(gradient)

    def takes(self, name):
        """Whether the function is told this part of the case."""
        return bool(self.function) and name in Call(self.function, self.case).takes


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
        (field,) = changed
        if not student.takes(field) or (name == "noise" and not case.noise.size):
            continue  # what it does not take it need not know
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
        most = 1e-6 * np.abs(ours.right).max()
        if given is None or np.abs(given - ours.right)[mu].max() > most:
            return None, None
        rows.append(ours._samples(lambda link, right: right)[0] - base)
        answers.append((given - search.g)[rho] / chain.dsigma)
    scale = chain.N / chain.B / chain.S
    return scale * np.array(rows), np.array(answers)


def _solved(rows, answers):
    """eps' (S, P) and the largest residual relative to the answers."""
    eps, worst, size = np.zeros(rows.shape[1:]), 0.0, np.abs(answers).max(0)
    for i in np.flatnonzero(size > 1e-9 * size.max()):  # others hold rounding alone
        found, _, rank, _ = np.linalg.lstsq(rows[:, :, i], answers[:, i], rcond=1e-9)
        if rank == len(found) < len(answers):
            left = np.abs(rows[:, :, i] @ found - answers[:, i]).max()
            worst = max(worst, left / size[i])
            eps[:, i] = found
    return eps, worst
