"""A learned scale: where it starts, and its prior."""

import minibnn as mb


def test_a_learned_scale_starts_at_its_prior_mean():
    like = mb.Gaussian("learned", log_scale_prior=(-1.5, 0.3))
    assert like.initial_weights().tolist() == [-1.5]
    assert (like.own_prior.mean, like.own_prior.scale) == (-1.5, 0.3)
