"""Means and log scales: as many of these as of those."""

import pytest

import minibnn as mb


def test_heads_come_in_pairs():
    with pytest.raises(ValueError, match="even"):
        mb.Model(mb.MLP([2, 3]), mb.HeteroscedasticGaussian(), mb.GaussianPrior())
