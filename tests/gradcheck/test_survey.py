"""The checker on usual models in mixed units: no false certificate, and a decision."""

import numpy as np
import pytest
from support.checker_survey import MODELS, mpmath
from support.checker_survey_more import MORE

from minibnn.gradcheck import check_gradient

pytestmark = pytest.mark.optional  # mpmath

KINDS = ("f", "real", "lost", "half")  # complex-safe; an error; all, some of it lost
EVERY = [*enumerate(MODELS), *enumerate(MORE, 100)]


def case_of(k, make, amplitude):
    return make(np.random.default_rng([0, k]), amplitude)


@pytest.mark.parametrize(("k", "make"), EVERY, ids=[make.__name__ for _, make in EVERY])
def test_the_exact_gradient_is_that_of_f(k, make):
    """The truth of this survey has a witness of its own: f to eighty digits."""
    case = case_of(k, make, 1e3)
    for i, slope in enumerate(case.exact()):
        assert abs(case.exact_difference(i) - slope) <= 1e-15 * abs(slope)


def off(case, i):
    """The gradient with coordinate i off by one per cent; right for None."""

    def gradient(x):
        slope = case.gradient(x)
        if i is not None:
            slope[i] *= 1.01
        return slope

    return gradient


def outside(report, exact):
    """Coordinates whose reported truth is further from the exact one than its bound."""
    return [
        c["name"]
        for c, truth in zip(report.coordinates, exact, strict=True)
        if abs(mpmath.mpf(c["oracle"]) - truth) > c["bound"]
    ]


def excused(report, exact):
    """Whether a bound larger than one per cent of a coordinate was printed."""
    return any(
        c["status"] == "cannot tell" and c["bound"] > 0.01 * abs(truth)
        for c, truth in zip(report.coordinates, exact, strict=True)
    )


def survey(models, amplitudes, kinds):
    """(how many, decided, undecided without excuse) for right and wrong gradients."""
    count = {(kind, right): [0, 0, 0] for kind in kinds for right in (True, False)}
    for k, make in models:
        for amplitude in amplitudes:
            case = case_of(k, make, amplitude)
            exact = case.exact()
            for kind in kinds:
                for i in (None, *range(len(case.x))):
                    report = check_gradient(getattr(case, kind), off(case, i), case.x)
                    told = f"{case.name} at {amplitude:g}, {kind}, {i}\n{report}"
                    assert report.verdict != ("wrong" if i is None else "agrees"), told
                    assert outside(report, exact) == [], told
                    tally = count[kind, i is None]
                    tally[0] += 1
                    tally[1] += report.verdict != "cannot tell"
                    tally[2] += report.verdict == "cannot tell" and not excused(
                        report, exact
                    )
    return count


def decides(count):
    for (kind, _), (number, decided, unexcused) in count.items():
        if kind == "f":
            assert decided >= 0.99 * number, count
        assert decided >= 0.9 * number, count
        assert unexcused <= 0.01 * number, count


def test_mixed_units_quickly():
    models = list(enumerate(MODELS))
    decides(survey(models[::2], [3e8], ("f",)))
    decides(survey(models[1::2], [2e5], ("real",)))


@pytest.mark.slow
def test_mixed_units():
    decides(survey(EVERY, [1.0, 37.0, 1e3, 1e6, 2e8, 1e9, 1e12], KINDS))


def test_logistic_growth_of_a_population():
    """A step as long as the population is, for a rate of 0.1, sees a flat tail."""
    case = case_of(0, MODELS[0], 3e8)
    report = check_gradient(case.f, case.gradient, case.x)
    assert (report.verdict, report.judge) == ("agrees", "complex step")
    assert report.relative_bound < 1e-9
    keys = ("K", "r", "t0")

    def listed(x):
        return np.array([x[key] for key in keys])

    report = check_gradient(
        lambda x: case.real(listed(x)),
        lambda x: dict(zip(keys, case.gradient(listed(x)), strict=True)),
        dict(zip(keys, case.x, strict=True)),
    )
    assert (report.verdict, report.judge) == ("agrees", "central differences")
    report = check_gradient(case.real, lambda x: case.gradient(x) * [1, 0, 1], case.x)
    assert report.verdict == "wrong"
    assert "worst x[1]: claimed -0, is -2954.7" in report.reason


def test_given_as_numbers():
    for amplitude in (1.0, 1e9):
        for k, make in EVERY[:4]:
            case = case_of(k, make, amplitude)
            exact = case.exact()
            for f in (case.f, case.real):
                report = check_gradient(f, case.gradient(case.x), case.x)
                assert report.verdict == "agrees", report
                assert outside(report, exact) == [], report
