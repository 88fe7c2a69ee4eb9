"""Labels 0 and 1: how they are drawn, and what other codes are told."""

import numpy as np
import pytest

import minibnn as mb


def test_label_1_is_drawn_below_its_probability():
    u = np.array([0.2, 0.24, 0.26, 0.9])[:, None, None]
    F = np.full(u.shape, np.log(1 / 3))  # p = 1/4
    draws = mb.Bernoulli().sample(F, np.zeros((4, 0)), u)
    assert draws.ravel().tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("labels", "cure"), [((1, 2), r"use y - 1$"), ((-1, 1), r"use \(y \+ 1\) / 2$")]
)
def test_two_usual_codes_of_labels_are_told_their_way_to_0_and_1(labels, cure):
    with pytest.raises(ValueError, match=cure):
        mb.Bernoulli().targets(np.array(labels), (2, 1))
